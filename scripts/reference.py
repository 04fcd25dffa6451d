"""Write into the settings' reference which answers each of its sections is for.

    python scripts/reference.py            write
    python scripts/reference.py --check    say whether it was written

`template/src/app/config/settings.py` says it, by the blocks around the bases of `Settings`. The
same blocks go around their sections of `.env.example` and `docs/configuration.md`, which `make
reference` has written in place. There the blocks are comments, or pass for headings.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Final

__all__ = ["FILES", "main", "with_blocks"]

TEMPLATE: Final = Path(__file__).resolve().parents[1] / "template"
FILES: Final = (".env.example", "docs/configuration.md")

_BLOCK = re.compile(r"^# \[% (?:if (?P<condition>.+)|endif) %\]\n", re.MULTILINE)
# The blank lines before a heading belong to its section.
_SECTION = re.compile(r"\n+(?:# --- (?P<comment>.+) ---|## (?P<heading>.+))\n")


def main(arguments: list[str]) -> int:
    """Write the blocks into both files, or return 1 where that would change one."""
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
    """Return the text of a file with the blocks that its sections need, and no others."""
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
    config = TEMPLATE / "src/app"
    settings = (config / "config/settings.py").read_text(encoding="utf-8")
    bases = settings.partition("\nclass Settings(\n")[2].partition("\n):")[0]
    found: dict[str, str] = {}
    condition = ""
    for line in bases.splitlines():
        if block := _BLOCK.fullmatch(line.strip() + "\n"):
            condition = block["condition"] or ""
        elif condition:
            found[line.strip(" ,")] = condition
    return {_title(config, name): condition for name, condition in found.items()}


def _title(config: Path, name: str) -> str:
    for file in sorted(config.rglob("*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                return (ast.get_docstring(node) or name).splitlines()[0].rstrip(".")
    raise LookupError(f"no module of {config} has the class {name}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
