"""MDX in Markdown: statements of JavaScript, components and comments, which no reader sees."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["plain_markup", "without_comments", "without_modules"]

_FENCE = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?(`{3,}(?![^\n]*`)|~{3,})")
_IMPORT = re.compile(
    r"""import\s*(?:\s['"{*\w$][^'";]*?\sfrom\s*)?['"][^'"\n]+['"][ \t]*;?[ \t]*\Z"""
)
_EXPORT = re.compile(
    r"export\s+(?:(?:const|let|var|class)\s+[\w${\[]|(?:async\s+)?function\b|[{*]"
    r"|(?:interface|type)\s+[\w$]+\s*[={<]|default\s+(?:(?:async\s+)?function\b|class\b|[({\[]"
    r"|[\w$.]+\s*(?:[;(=]|$)))"
)
_LONGEST_IMPORT = 20
_LONGEST_EXPORT = 100
"""Lines in which a statement must end."""

_COMMENT = re.compile(r"(?<!`)\{/\*.*?\*/\}", re.DOTALL)
_FOOTNOTE = re.compile(r"(?=\[\^[^\]\s]+\]:)")
_COMPONENT = re.compile(r"(</?)(?:Audio|Button|Canvas|Embed|Head|Nav|Object|Select|Video)\b")


def without_modules(source: str) -> str:
    """Return Markdown without statements that import or export, but for those in code.

    Footnotes stay text: a backslash keeps the parser from taking them for targets of links.
    """
    lines = source.split("\n")
    kept: list[str] = []
    fence = ""
    at_start = True  # of a block
    number = 0
    while number < len(lines):
        line = lines[number]
        if fence:
            text = line.strip(" \t>")
            fence = "" if text.startswith(fence) and not text.strip(fence[0]) else fence
        elif match := _FENCE.match(line):
            fence = match[1]
        elif at_start and (length := _statement(lines, number)):
            number += length
            continue
        else:
            line = _FOOTNOTE.sub(r"\\", line, count=1) if line.startswith("[^") else line
        kept.append(line)
        at_start = not line.strip()
        number += 1
    return "\n".join(kept)


def without_comments(text: str) -> str:
    """Return Markdown without comments in braces; the time is linear in its length."""
    # Each opening before the last closing has an end, so none is looked for in vain.
    before, end, after = text.rpartition("*/}")
    return _COMMENT.sub("", before + end) + after


def plain_markup(markup: str) -> str:
    """Return a block of HTML in which no component has the name of an element that is not read."""
    return _COMPONENT.sub(r"\1div", markup)


def _statement(lines: Sequence[str], start: int) -> int:
    """Return the lines that a statement takes; 0 if none begins here."""
    if lines[start].startswith("import"):
        statement = ""
        for length, line in enumerate(lines[start : start + _LONGEST_IMPORT], 1):
            statement += line
            if not line.strip():
                return 0
            if _IMPORT.match(statement):
                return length
            statement += "\n"
        return 0
    if not _EXPORT.match(lines[start]):
        return 0
    depth = 0
    rest = lines[start : start + _LONGEST_EXPORT]
    for length, line in enumerate(rest):
        if not line.strip() and depth <= 0:
            return length
        depth += sum(map(line.count, "([{")) - sum(map(line.count, ")]}"))
    # One that does not end reaches to a blank line.
    return len(rest) if depth <= 0 else len(list(takewhile(str.strip, rest)))
