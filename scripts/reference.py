"""Write `AGENTS.md` and a page of the service, and blocks into its settings' reference.

    python scripts/reference.py            write
    python scripts/reference.py --check    check whether they are up to date

`AGENTS.md` has the commands of the Makefile, the layout of the README and the practices, with the
blocks of the lines that only some renders have. `docs/standards.md` has the practices with the
remedies of the rules that check them.

A group of settings has the condition of its option's folder in `copier.yml`. Blocks with that
condition go around the group's section of `.env.example` and `docs/configuration.md`, which `make
reference` wrote in place. There the blocks are comments, or look like headings.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FILES", "agents", "main", "standards", "with_blocks"]

TEMPLATE: Final = Path(__file__).resolve().parents[1] / "template"
FILES: Final = (".env.example", "docs/configuration.md")

AGENTS: Final = "AGENTS.md"
STANDARDS: Final = "docs/standards.md"
STANDARDS_HEAD: Final = """\
# Standards

<!-- Written by the template from scripts/practices.toml; do not edit. -->

`make check` and `make test` enforce these practices, and their messages have the codes. `bans` are
names that ruff refuses, and `judge` is the template's check from outside. `make explain CODE=LOG4`
prints the reason of one, with examples. No tool can check what is marked *reviewed*.
"""
# In a process of its own, because the service has a package `scripts`, too.
REMEDIES: Final = """\
import json
from scripts.standards.rules import RULES
print(json.dumps([(rule.code, rule.remedy) for rule in RULES]))
"""

_BLOCK = re.compile(r"^# \[% (?:if (?P<condition>.+)|endif) %\]\n", re.MULTILINE)
_TARGET = re.compile(r"(?P<name>[a-z-]+):.*?## (?P<help>.+)")
_OPTION = re.compile(r"'/\*\*/options/(?P<name>\w+)' if (?P<condition>.+) else ''")
# The blank lines before a heading belong to its section.
_SECTION = re.compile(r"\n+(?:# --- (?P<comment>.+) ---|## (?P<heading>.+))\n")


def main(arguments: list[str]) -> int:
    """Write all files, or return 1 if that would change one."""
    texts = {name: with_blocks((TEMPLATE / name).read_text(encoding="utf-8")) for name in FILES}
    texts |= {AGENTS: agents(), STANDARDS: standards()}
    stale = {
        name
        for name, text in texts.items()
        if not (file := TEMPLATE / name).exists() or file.read_text(encoding="utf-8") != text
    }
    if arguments == ["--check"]:
        for name in sorted(stale):
            print(f"template/{name} is out of date; run `make -C template reference`")
        return 1 if stale else 0
    for name in stale:
        (TEMPLATE / name).write_text(texts[name], encoding="utf-8")
    return 0


def agents() -> str:
    """Return the text of `AGENTS.md`."""
    commands = "".join(_commands((TEMPLATE / "Makefile").read_text(encoding="utf-8")))
    readme = (TEMPLATE / "README.md").read_text(encoding="utf-8")
    layout = readme.partition("## Layout\n\n")[2].partition("\n```\n")[0]
    practices = ""
    for family in _families():
        practices += f"\n### {family['title']}\n\n"
        codes = {code: entry["asks"] for code, entry in family.items() if code != "title"}
        practices += "".join(f"- {code}: {asks}\n" for code, asks in codes.items())
    head = Path(__file__).with_name("agents.md").read_text(encoding="utf-8")
    return (
        f"{head}\n```\n{commands}```\n\n`.venv/bin/python -m app --help` lists the service's own."
        f"\n\n## Layout\n\n{layout}\n```\n\n## Practices\n\n`make check` reports a broken rule "
        f"with its code.\n{practices}"
    )


def standards() -> str:
    """Return the text of `docs/standards.md`: the practices, their checks and remedies."""
    command = [sys.executable, "-c", REMEDIES]
    done = subprocess.run(command, cwd=TEMPLATE, check=True, capture_output=True, text=True)
    remedies = json.loads(done.stdout)
    parts = [STANDARDS_HEAD]
    for family in _families():
        practices = {code: entry for code, entry in family.items() if code != "title"}
        parts.append(f"\n## {family['title']}\n\n| code | practice | checked by |\n|---|---|---|\n")
        for code, entry in practices.items():
            checks = [_check(*check.split()) for check in entry["by"]]
            checks += ["*reviewed*"] if "reviewed" in entry else []
            parts.append(f"| {code} | {entry['asks']} | {', '.join(checks)} |\n")
        listed = [f"- **{code}** {remedy}\n" for code, remedy in remedies if code in practices]
        listed += [
            f"- **{code}** *Reviewed:* {entry['reviewed']}\n"
            for code, entry in practices.items()
            if "reviewed" in entry
        ]
        parts += ["\n", *listed] if listed else []
    return "".join(parts)


def _check(tool: str, *rules: str) -> str:
    return " ".join((tool, *(f"`{rule}`" for rule in rules)))


def _families() -> list[dict[str, Any]]:
    text = (TEMPLATE / "scripts/practices.toml").read_text(encoding="utf-8")
    return list(tomllib.loads(text).values())


def _commands(makefile: str) -> Iterator[str]:
    """Yield a line for each target with a description, and the blocks around them.

    A block that no render has is left out, with its targets.
    """
    kept: list[str] = []
    for line in makefile.splitlines(keepends=True):
        if block := _BLOCK.fullmatch(line):
            if block["condition"]:
                kept = [line]
            elif kept[0] != "# [% if false %]\n" and len(kept) > 1:
                yield from (*kept, line)
                kept = []
            else:
                kept = []
        elif target := _TARGET.match(line):
            text = f"make {target['name']:<17} {target['help']}\n"
            if kept:
                kept.append(text)
            else:
                yield text


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
