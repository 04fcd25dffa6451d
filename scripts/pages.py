"""Write the sources of the template's documentation site to build/site: `make docs` builds them.

Pages are the files of `docs/`, the changelog and the contributor's guide, and a reference that is
written from the code: questions, files by answer, practices, settings and the service's contract. A
new page in `docs/` or `docs/how-to/` enters the navigation by itself, under its first heading.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from scripts.variants import PROFILE, Space
from scripts.variants_page import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["main", "navigation", "pages"]

ROOT: Final = Path(__file__).resolve().parents[1]
OUTPUT: Final = ROOT / "build/site"

SECTIONS: Final = (
    *("index.md", "tutorial.md", "architecture.md", "benchmarks.md", "enforce.md"),
    "updates.md",
)
"""Pages with a place of their own in the navigation."""

_BLOCK = re.compile(r"^# \[%.+%\]\n", re.MULTILINE)
_LINK = re.compile(r"(?<=\]\()(?!https?:|#|mailto:)(?P<path>[^)#\s]+)")
_PATTERN = re.compile(r"@\{ '(?P<path>[^']+)' if (?P<condition>.+) else '' \}@")
_DEFAULT = re.compile(r" \| default\([^)]*\)")
# Where the copies of files that are not in docs/ are.
_COPIES: Final = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
_GENERATED: Final = "<!-- Written by scripts/pages.py; do not edit. -->\n\n"


def main() -> int:
    """Write the pages and the configuration."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    shutil.copytree(ROOT / "docs", OUTPUT / "docs")
    for name in ("page.png", "page-dark.png"):
        shutil.copy(ROOT / "template/docs" / name, OUTPUT / "docs/pictures" / name)
    for path, text in pages().items():
        target = OUTPUT / "docs" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    settings = (ROOT / "scripts/site.toml").read_text(encoding="utf-8")
    # Inline tables and JSON objects differ in one character.
    nav = ",\n".join(f"  {_inline(entry)}" for entry in navigation(OUTPUT / "docs"))
    config = settings.replace("nav = []", f"nav = [\n{nav},\n]")
    (OUTPUT / "zensical.toml").write_text(config, encoding="utf-8")
    return 0


def pages() -> dict[str, str]:
    """Return the text of each page that is written or changed, by its path in the site."""
    copier = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
    readme = (ROOT / "template/README.md").read_text(encoding="utf-8")
    contract = readme.partition("## Commands and endpoints\n")[2].partition("\n## ")[0]
    found = {
        "reference/questions.md": _questions(copier),
        "reference/files.md": _files(copier),
        "reference/variants.md": table(),
        "reference/practices.md": _service_page("docs/standards.md"),
        "reference/settings.md": _service_page("docs/configuration.md"),
        "reference/contract.md": f"# Contract of a service\n{_BLOCK.sub('', contract)}",
        "adr/index.md": _records(),
    }
    for name, copy in _COPIES.items():
        found[copy] = _relinked((ROOT / name).read_text(encoding="utf-8"), ROOT)
    for file in (ROOT / "docs").rglob("*.md"):
        text = file.read_text(encoding="utf-8")
        found[file.relative_to(ROOT / "docs").as_posix()] = _relinked(text, file.parent)
    return found


def navigation(docs: Path) -> list[dict[str, object]]:
    """Return the entries of the navigation for the pages of a folder."""
    others = [file.name for file in sorted(docs.glob("*.md")) if file.name not in SECTIONS]
    tasks = [file for file in others if file not in _COPIES.values()]
    tasks += [f"how-to/{file.name}" for file in sorted((docs / "how-to").glob("*.md"))]
    reference = [f"reference/{file.name}" for file in sorted((docs / "reference").glob("*.md"))]
    explained = ["architecture.md", "adr/index.md", "benchmarks.md"]
    return [
        {"Start": "index.md"},
        {"Tutorial": "tutorial.md"},
        {"How-to": ["enforce.md", *tasks]},
        {"Reference": [*reference, "changelog.md"]},
        {"Explanation": [*explained, "updates.md", "contributing.md"]},
    ]


def _inline(entry: Mapping[str, object]) -> str:
    pairs = (f"{json.dumps(key)} = {json.dumps(value)}" for key, value in entry.items())
    return f"{{ {', '.join(pairs)} }}"


def _service_page(name: str) -> str:
    """Return a page of the service with every option."""
    text = _BLOCK.sub("", (ROOT / "template" / name).read_text(encoding="utf-8"))
    return text.replace("@{project_slug}@", "name-of-the-service")


def _questions(copier: Mapping[str, object]) -> str:
    """Return the page of the questions: help, choices and default of each."""
    parts = [
        "# Questions\n\n",
        _GENERATED,
        "`make new` asks them; a file of answers (`ANSWERS=`) has some of them as `name: value`.\n",
    ]
    for name, details in copier.items():
        if not name.startswith("_") and isinstance(details, dict):
            parts.append(f"\n## {name}\n\n{' '.join(str(details['help']).split())}\n\n")
            choices = details.get("choices", [])
            if not isinstance(choices, dict):
                choices = {value: value for value in choices}
            for label, value in choices.items():
                parts.append(f"- `{value}`\n" if label == value else f"- `{value}`: {label}\n")
            several = ", several can be chosen" if details.get("multiselect") else ""
            parts.append(f"\nDefault: {_default(name, details['default'])}{several}.\n")
    return "".join(parts)


def _default(name: str, default: object) -> str:
    """Return the default of a question as text, with those of the profiles that have another."""
    if "@{" not in str(default):
        return f"`{default}`"
    if "profile" not in str(default):
        return "derived from the answers before"
    space = Space()
    usual, *others = [(each, space.defaults({PROFILE: each})[name]) for each in space.profiles]
    different = [
        f"`{answer}` with `{PROFILE}: {each}`" for each, answer in others if answer != usual[1]
    ]
    return "; ".join([f"`{usual[1]}`", *different])


def _files(copier: Mapping[str, list[str]]) -> str:
    """Return the page of the files that depend on answers, or belong to the team."""
    excluded, seeds = copier["_exclude"], copier["_skip_if_exists"]
    found = [match for pattern in excluded if (match := _PATTERN.fullmatch(pattern))]
    parts = ["# Files by answer\n\n", _GENERATED]
    parts.append("| path | left out if |\n|---|---|\n")
    for match in found:
        if "_copier_operation" not in match["condition"]:
            condition = _DEFAULT.sub("", match["condition"]).replace("|", "\\|")
            parts.append(f"| `{match['path']}` | `{condition}` |\n")
    parts.append("\n## Owned by the team\n\n| path | an update |\n|---|---|\n")
    parts += [f"| `{path}` | writes it if it is missing |\n" for path in seeds]
    parts += [
        f"| `{match['path']}` | never changes it |\n"
        for match in found
        if "_copier_operation" in match["condition"]
    ]
    parts.append("\nAn update merges the template's changes of every other file with the team's.\n")
    return "".join(parts)


def _records() -> str:
    """Return the list of the decision records."""
    lines = [f"- [{title}]({file.name})\n" for file, title in _titled(ROOT / "docs/adr")]
    head = "Each record has the context, the decision and its consequences."
    return f"# Decisions\n\n{_GENERATED}{head}\n\n{''.join(lines)}"


def _titled(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the pages of a folder with their first headings."""
    for file in sorted(folder.glob("[0-9]*.md")):
        yield file, file.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")


def _relinked(text: str, folder: Path) -> str:
    """Return a page with its links to other files of the repository as they are in the site."""

    def target(match: re.Match[str]) -> str:
        path = (folder / match["path"]).resolve()
        if path.is_relative_to(ROOT / "docs") or not path.is_relative_to(ROOT):
            inside = folder.is_relative_to(ROOT / "docs")
            return match["path"] if inside else path.relative_to(ROOT / "docs").as_posix()
        name = path.relative_to(ROOT).as_posix()
        if name.startswith("template/docs/page"):
            return f"pictures/{path.name}"
        up = "../" * len(folder.relative_to(ROOT / "docs").parts) if folder != ROOT else ""
        return f"{up}{_COPIES[name]}"

    return _LINK.sub(target, text)


if __name__ == "__main__":
    sys.exit(main())
