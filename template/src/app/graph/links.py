"""Links in a reply, made inert while it streams: a reader sees them, and nothing follows them.

A document that makes a model write `![](https://example.org/?q=…)` would have the answer's reader
send what the model knows to a stranger, by looking at it. So an answer has no image, no link, no
definition of one and no HTML element: a space goes where their syntax admits none. What they say,
address and all, stays legible as text.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["InertLinks"]

_LINE_ENDS: Final = frozenset("\r\n")
_FENCE: Final = re.compile(r"(?P<fence>`{3,}|~{3,}) *(?:[\w#.+-]+ *)?")
_WORD: Final = re.compile(r"\w")
# What some renderers drop, and take what is beside it for a fence.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# What begins no formula, metadata or other block in which a renderer sees no fence.
_PLAIN: Final = re.compile(r"\s*(?:(?:#{1,6}|[*+>-]|\d{1,9}[.)])\s+)*(?:[\w*`(\[|\"']|\Z)")


class InertLinks:
    """Passes a reply's text through and breaks its links.

    Each character comes out at once, and what is before it alone decides whether a space goes
    between: so the pieces in which a reply comes make no difference.
    Code in a fence stays as it is, if no renderer can doubt where the fence begins and ends: it
    stands at the start of a line, and every line before it is plain. No other code does.
    """

    def __init__(self) -> None:
        self._line: list[str] = []
        self._fence = ""  # what the code that this line is in began with
        self._doubt = False
        self._before = ""  # the last visible character of the line
        self._begun = False  # the line has more than marks, numbers and space
        self._defines = False  # a line has begun with a bracket

    def feed(self, text: str) -> str:
        """Take a piece and return it with its links broken."""
        return "".join(map(self._passed, text))

    def finish(self) -> str:
        """Return what ends the code that the reply leaves open."""
        line_end = "\n" if self._line else ""
        self._end_line()
        return f"{line_end}{self._fence}" if self._fence else ""

    def _passed(self, char: str) -> str:
        if char in _LINE_ENDS:
            self._end_line()
            return char
        self._line.append(char)
        code = self._fence and not self._doubt
        return f" {char}" if not code and self._leads_on(char) else char

    def _leads_on(self, char: str) -> bool:
        """Say whether a character makes a link or element of what stands before it."""
        if not (char.isprintable() or char == "\t"):
            return False  # some renderers drop what cannot be seen
        before, self._before = self._before, char
        if before == "<" and char in "<=-":
            self._before = "<"
            return False
        self._defines = self._defines or (char == "[" and not self._begun)
        self._begun = self._begun or char == "]" or char.isalpha()
        if before == "]":
            return char == "(" or (char == ":" and self._defines)
        return before == "<" and char not in "> \t"

    def _end_line(self) -> None:
        line = "".join(self._line)
        self._line.clear()
        self._before, self._begun = "", False
        if self._fence:
            if line.rstrip(" ") == self._fence:
                self._fence = ""
            else:
                self._doubt = self._doubt or _may_bound(line, inside=True)
        elif not self._doubt:
            opening = _FENCE.fullmatch(line)
            self._fence = opening["fence"] if opening else ""
            self._doubt = not opening and _may_bound(line, inside=False)


def _may_bound(line: str, *, inside: bool) -> bool:
    """Say whether some renderer could take a line for the bounds of a fence or another block."""
    if _CONTROL.search(line):
        return True
    fence = "```" in line or "~~~" in line
    if inside:
        return fence and not _WORD.search(line)
    goes_on = line.rfind("[") > line.replace("\\]", "  ").rfind("]")
    return fence or goes_on or not _PLAIN.match(line)
