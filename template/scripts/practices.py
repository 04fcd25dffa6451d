"""The practices of this service and the checks of each, from practices.toml beside this file."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PRACTICES", "Practice", "annotate"]


@dataclass(frozen=True)
class Practice:
    """One practice.

    Args:
        code: Its code, such as LOG4.
        text: What it asks for.
        by: The tools that check it, each with its rules.
        why: Its reason.
        wrong: An example that violates it.
        right: The example as it should be.
        reviewed: The forms that no tool can check, if there are any.
    """

    code: str
    text: str
    by: tuple[str, ...]
    why: str
    wrong: str
    right: str
    reviewed: str = ""


_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
PRACTICES = tuple(
    Practice(code, entry.pop("asks"), tuple(entry.pop("by")), **entry)
    for table in _TABLES.values()
    for code, entry in table.items()
    if code != "title"
)

_RUFF_OR_DEPTRY = re.compile(r"^\S+?:(?:\d+:)*\s+([A-Z]{1,6}\d{3,4})\b")
_MYPY = re.compile(r": error: .*\[([a-z-]+)\]$")


def annotate(line: str) -> str:
    """Return a line of a linter's or the type checker's output, with the code of its practice."""
    if match := _MYPY.search(line):
        code = _practice("mypy", match[1]) or "TYP1"
    elif match := _RUFF_OR_DEPTRY.search(line):
        code = _practice("ruff", match[1]) or _practice("deptry", match[1])
    else:
        code = ""
    return f"{line}  ({code})" if code else line


def _practice(tool: str, rule: str) -> str:
    """Return the practice that this rule of a tool checks, or an empty string."""
    for practice in PRACTICES:
        for entry in practice.by:
            name, *prefixes = entry.split()
            if name == tool and any(re.fullmatch(rf"{p}\d*", rule) for p in prefixes):
                return practice.code
    return ""
