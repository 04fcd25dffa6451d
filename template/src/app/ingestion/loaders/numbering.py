"""The numbers of a Word file's lists and headings, which Word counts and does not write down."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app.ingestion.loaders.wordml import attribute, find, number

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["Numbering"]

_PLACE = re.compile(r"%([1-9])")
_ROMAN = tuple(
    zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        ("m", "cm", "d", "cd", "c", "xc", "l", "xl", "x", "ix", "v", "iv", "i"),
        strict=True,
    )
)
_MOST_ROMAN = 3_999
_LETTERS = 26
_LONGEST_PATTERN = 100
_MOST_LETTERS = 10 * _LETTERS
_UNSEEN = frozenset({"bullet", "none"})


class Numbering:
    """Counts the paragraphs of each list, in the order in which it is asked for their labels.

    Args:
        root: the part that defines the lists, if there is one.
    """

    def __init__(self, root: _Element | None) -> None:
        self._levels: dict[str, dict[int, _Element]] = {}  # by definition
        self._counts: dict[str, dict[int, int]] = {}
        self._definitions: dict[str, str] = {}  # by list
        self._restarts: dict[str, dict[int, int]] = {}
        for one in root if root is not None else ():
            if definition := attribute(one, "abstractNumId"):
                self._levels[definition] = {
                    _depth(level): level for level in one.iterfind("{*}lvl")
                }
                self._counts[definition] = {}
            elif id_ := attribute(one, "numId"):
                self._definitions[id_] = attribute(find(one, "abstractNumId"), "val")
                self._restarts[id_] = {
                    _depth(level): number(level, "startOverride", 1)
                    for level in one.iterfind("{*}lvlOverride")
                }

    def label(self, id_: str, depth: int) -> str:
        """Count a paragraph, and return its number as Word shows it; bullets have none."""
        definition = self._definitions.get(id_, "")
        levels = self._levels.get(definition, {})
        if depth not in levels:
            return ""
        # Lists of one definition go on with its count, unless they start anew themselves.
        counts = self._counts[definition]
        start = number(levels[depth], "start", 1)
        following = counts.get(depth, start - 1) + 1
        counts[depth] = self._restarts[id_].pop(depth, following)
        for deeper in [other for other in counts if other > depth]:
            del counts[deeper]

        def shown(match: re.Match[str]) -> str:
            above = int(match[1]) - 1
            level = levels.get(above)
            return _written(level, counts.get(above, number(level, "start", 1)))

        if attribute(find(levels[depth], "numFmt"), "val") in _UNSEEN:
            return ""
        pattern = attribute(find(levels[depth], "lvlText"), "val")[:_LONGEST_PATTERN]
        return _PLACE.sub(shown, pattern).strip()


def _depth(level: _Element) -> int:
    depth = attribute(level, "ilvl")
    return int(depth) if depth.isdecimal() else 0


def _written(level: _Element | None, count: int) -> str:
    style = attribute(find(level, "numFmt"), "val")
    text = str(count)
    if style.endswith("Letter") and 0 < count <= _MOST_LETTERS:
        text = chr(ord("a") + (count - 1) % _LETTERS) * ((count - 1) // _LETTERS + 1)
    elif style.endswith("Roman") and 0 < count <= _MOST_ROMAN:
        text = ""
        for value, letters in _ROMAN:
            text += letters * (count // value)
            count %= value
    elif style == "decimalZero":
        text = text.zfill(2)
    return text.upper() if style.startswith("upper") else text
