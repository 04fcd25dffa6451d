"""Unicode normalization in linear time: runs of combining marks are bounded first."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Literal

__all__ = ["MOST_MARKS", "normalize"]

MOST_MARKS = 30
"""Combining marks in a row: the bound of the Stream-Safe Text Format (UAX 15, section 13), which no
writing comes near. Putting marks in order takes time in proportion to the square of their number,
and holds the interpreter meanwhile."""

_END_OF_MARKS = 0x20000
# Characters that are no marks but decompose to some.
_BECOME_MARKS = "\u0f73\u0f75\u0f81\uff9e\uff9f"


def normalize(form: Literal["NFC", "NFKD"], text: str) -> str:
    """Return the text in a normalization form, without the marks beyond `MOST_MARKS` in a row."""
    if text.isascii():
        return text
    possible, runs = _patterns()
    return unicodedata.normalize(form, possible.sub(lambda run: runs.sub(r"\1", run[0]), text))


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what finds possible runs of marks fast, and what cuts the runs in those."""
    marks = _BECOME_MARKS + "".join(filter(unicodedata.combining, map(chr, range(_END_OF_MARKS))))
    # One range stands for the marks beyond U+FFFF: a set tries those one by one.
    fast = "".join(mark for mark in marks if mark <= "\uffff") + "\U00010000-\U0001ffff"
    return (
        re.compile(f"[{fast}][{fast}]{{{MOST_MARKS},}}"),
        re.compile(f"([{marks}]{{{MOST_MARKS}}})[{marks}]+"),
    )
