"""Citations in a reply, numbered anew while it streams: `[n]` becomes the n-th that is listed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["CitationNumbering"]

_TOKEN = re.compile(
    r"(?P<ticks>`+)|(?P<gap>\n[ \t]*\n)| ?\[(?P<numbers>\d{1,4}(?:, ?\d{1,4}){0,99})\]"
)
_SHORTEST_FENCE = 3
# What could become a citation if the token after it were taken out.
_OPEN = re.compile(r"\[[\d, ]*\Z")
_OPEN_WITHIN = 200
# What could still become one of these when more text comes: no token is longer.
_UNFINISHED = re.compile(r"(?:(?<!`)`+|(?<![ \t\n])[ \t\n]+| ?\[[\d, ]{0,600})\Z")


class CitationNumbering:
    """Passes a reply's text through and changes its citations.

    A number that no passage has is taken out, and the others are counted from 1 in the order in
    which they first appear. Code stays as it is, for `row[1]` is no citation: what stands in
    fences, or between backticks within a paragraph.
    The text that comes out does not depend on the pieces in which it went in.

    Args:
        known: the numbers of the passages.
    """

    def __init__(self, known: Collection[int]) -> None:
        self._known = frozenset(known)
        self._numbers: dict[int, int] = {}
        self._held = ""
        self._before = ""
        self._code = ""

    @property
    def cited(self) -> tuple[int, ...]:
        """The passages' numbers in the order of the new ones."""
        return tuple(self._numbers)

    def feed(self, text: str) -> str:
        """Take a piece and return what is certain by now."""
        text = self._held + text
        unfinished = _UNFINISHED.search(text)
        end = unfinished.start() if unfinished else len(text)
        self._held = text[end:]
        return self._passed(text[:end])

    def finish(self) -> str:
        """Return what was held back, as no more text comes."""
        text, self._held = self._held, ""
        return self._passed(text)

    def _passed(self, text: str) -> str:
        passed = _TOKEN.sub(self._renumbered, text)
        self._before = (self._before + text)[-_OPEN_WITHIN:]
        return passed

    def _renumbered(self, token: re.Match[str]) -> str:
        ticks = token["ticks"]
        if ticks and self._code in {"", ticks}:
            self._code = "" if self._code else ticks
        if token["gap"] and len(self._code) < _SHORTEST_FENCE:
            self._code = ""
        if not token["numbers"]:
            return token[0]
        if self._code:
            return token[0]
        numbers = [int(number) for number in token["numbers"].split(",")]
        new = [
            self._numbers.setdefault(number, len(self._numbers) + 1)
            for number in dict.fromkeys(numbers)
            if number in self._known
        ]
        if not new:
            start = token.start()
            before = self._before + token.string[max(0, start - _OPEN_WITHIN) : start]
            return "[?]" if _OPEN.search(before[-_OPEN_WITHIN:]) else ""
        space = " " if token[0].startswith(" ") else ""
        return space + "".join(f"[{number}]" for number in new)
