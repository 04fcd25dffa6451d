"""The cells of a table, each in every row and column that it spans."""

from __future__ import annotations

from itertools import islice, product, zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Grid"]

_SEPARATOR = " | "
_MOST_COLUMNS = 1_000
"""Columns that a cell spans at most (HTML standard, section 4.9.11)."""


class Grid:
    """Rows of texts, filled from left to right.

    Args:
        room: characters that repeated texts may take in all; further ones are left out, so that a
            small file cannot grow without bound.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._rows: list[list[str]] = []
        self._heads = 0  # of the rows, those that name the columns
        self._group: list[list[tuple[str, int, int]]] = []  # text, rows and columns of the cells

    def start_row(self, *, is_head: bool = False) -> None:
        """Begin the next row."""
        if is_head and self._heads == len(self._rows) + len(self._group):
            self._heads += 1
        self._group.append([])

    def add(self, text: str, *, rows: int = 1, columns: int = 1) -> None:
        """Add a cell to the open row; `rows` is 0 if it reaches to the end of the group."""
        if not self._group:
            self.start_row()
        self._group[-1].append((text, rows, min(columns, _MOST_COLUMNS)))

    def end_group(self) -> None:
        """End what spans rows: nothing reaches from the head of a table into its body."""
        lines: list[dict[int, str]] = [{} for _ in self._group]
        for number, cells in enumerate(self._group):
            column = 0
            for text, rows, columns in cells:
                while column in lines[number]:
                    column += 1
                lines[number][column] = text
                below = lines[number : number + rows if rows else None]
                places = product(below, range(column, column + columns))
                for line, place in islice(places, 1, None):
                    # With the empty places before it.
                    self._room -= len(text) + len(_SEPARATOR) * max(1, place + 1 - len(line))
                    if self._room < 0:
                        break
                    line[place] = text
        for line in lines:
            self._rows.append([line.get(place, "") for place in range(max(line, default=-1) + 1)])
        self._group.clear()

    def lines(self) -> Iterator[str]:
        """Yield a line for each row, of which the first names the columns if the table does."""
        self.end_group()
        rows, heads = self._rows, self._heads
        # A title above the names or values is a line of its own.
        while len(rows) > 1 and len(rows[0]) > 1 and len(set(rows[0])) == 1:
            yield rows[0][0]
            rows, heads = rows[1:], max(0, heads - 1)
        if 1 < heads < len(rows):
            columns = zip_longest(*rows[:heads], fillvalue="")
            names = [" ".join(dict.fromkeys(filter(None, column))) for column in columns]
            rows = [names, *rows[heads:]]
        yield from (_SEPARATOR.join(row) for row in rows if any(row))
