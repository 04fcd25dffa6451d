"""Write blocks into the settings' reference, for the answers that each section needs.

    python scripts/reference.py            write
    python scripts/reference.py --check    check whether it is up to date

A group of settings has the condition of its option's folder in `copier.yml`. Blocks with that
condition go around the group's section of `.env.example` and `docs/configuration.md`, which `make
reference` wrote in place. There the blocks are comments, or look like headings.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FILES", "main", "with_blocks"]

TEMPLATE: Final = Path(__file__).resolve().parents[1] / "template"
FILES: Final = (".env.example", "docs/configuration.md")

_BLOCK = re.compile(r"^# \[% (?:if (?P<condition>.+)|endif) %\]\n", re.MULTILINE)
_OPTION = re.compile(r"'/\*\*/options/(?P<name>\w+)' if (?P<condition>.+) else ''")
# The blank lines before a heading belong to its section.
_SECTION = re.compile(r"\n+(?:# --- (?P<comment>.+) ---|## (?P<heading>.+))\n")


def main(arguments: list[str]) -> int:
    """Write the blocks into both files, or return 1 if that would change one."""
    texts = {name: (TEMPLATE / name).read_text(encoding="utf-8") for name in FILES}
    stale = {name for name, text in texts.items() if with_blocks(text) != text}
    if arguments == ["--check"]:
        for name in sorted(stale):
            print(f"template/{name} lacks its blocks; run `make -C template reference`")
        return 1 if stale else 0
    for name in stale:
        (TEMPLATE / name).write_text(with_blocks(texts[name]), encoding="utf-8")
    return 0


def with_blocks(text: str) -> str:
    """Return the text of a file with exactly the blocks that its sections need."""
    text = _BLOCK.sub("", text)
    conditions = _conditions()
    starts = [*_SECTION.finditer(text)]
    parts = [text[: starts[0].start() + 1]]
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        end = following.start() + 1 if following else len(text)
        section = text[start.start() + 1 : end]
        condition = conditions.get(start["comment"] or start["heading"])
        parts += [f"# [% if {condition} %]\n{section}# [% endif %]\n" if condition else section]
    return "".join(parts)


def _conditions() -> dict[str, str]:
    """Return the conditions of the groups of settings that have one, by the groups' titles."""
    copier = (TEMPLATE.parent / "copier.yml").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for option in _OPTION.finditer(copier):
        for title in _titles(TEMPLATE / "src/app/options" / option["name"]):
            found[title] = f"not ({option['condition']})"
    return found


def _titles(folder: Path) -> Iterator[str]:
    """Yield the titles of the groups of settings in a folder."""
    for file in sorted(folder.rglob("*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and "SettingsGroup" in map(ast.unparse, node.bases):
                yield (ast.get_docstring(node) or node.name).splitlines()[0].rstrip(".")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
