"""A PDF's page as text, with columns of prose one after the other however they were drawn.

A program that draws line by line, over all columns, would have a reader jump between them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from pypdf.generic import ContentStream, NameObject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pypdf import PageObject

__all__ = ["read_page"]

_SHOWING = {b"Tj": b"n", b"TJ": b"n", b"'": b"T*", b'"': b"T*"}
"""The operators that show text, and those that only do the rest of it."""

_FEWEST_ROWS = 3
_LEAST_SHARE = 0.4
"""How many rows begin in a column, of all on the page."""

_FEWEST_WORDS = 2.5
"""Words in a line of prose, on average."""


def read_page(page: PageObject) -> str:
    """Return the text of a page."""
    places: list[tuple[int, int]] = []

    def place(operator: bytes, _: object, page: Sequence[float], text: Sequence[float]) -> None:
        if operator in _SHOWING:
            x = text[4] * page[0] + text[5] * page[2] + page[4]
            y = text[4] * page[1] + text[5] * page[3] + page[5]
            places.append((round(y), round(x)))

    whole = page.extract_text(visitor_operand_before=place)
    starts = _column_starts(places)
    contents = page.get_contents() if len(starts) > 1 else None
    if contents is None:
        return whole
    if sum(operator in _SHOWING for _, operator in contents.operations) != len(places):
        return whole  # some are in forms, which have operations of their own
    columns = [max(bisect_right(starts, x), 1) for _, x in places]
    texts = [_only(page, contents, columns, column) for column in range(1, len(starts) + 1)]
    return "\n".join(texts) if all(map(_is_prose, texts)) else whole


def _column_starts(places: Sequence[tuple[int, int]]) -> list[int]:
    """Return where parts of rows begin again and again, from the left."""
    rows = [{x for _, x in row} for _, row in groupby(places, itemgetter(0))]
    counts = Counter(x for row in rows if len(row) > 1 for x in row)
    least = max(_FEWEST_ROWS, _LEAST_SHARE * len(rows))
    return sorted(x for x, count in counts.items() if count >= least)


def _only(page: PageObject, contents: ContentStream, columns: Sequence[int], column: int) -> str:
    """Return the text of one column; `columns` are those of the operations that show text."""
    column_of = iter(columns)
    stream = ContentStream(None, page.pdf)
    stream.operations = [
        (operands, operator)
        if operator not in _SHOWING or next(column_of) == column
        else ([], _SHOWING[operator])
        for operands, operator in contents.operations
    ]
    page[NameObject("/Contents")] = stream
    return "\n".join(line.strip() for line in page.extract_text().splitlines())


def _is_prose(text: str) -> bool:
    """Tell a column of prose, whose sentences go on from line to line, from one of a table."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    going_on = sum(line[0].islower() for line in lines[1:])
    words = sum(len(line.split()) for line in lines)
    return 2 * going_on >= len(lines) - 1 > 0 and words >= _FEWEST_WORDS * len(lines)
