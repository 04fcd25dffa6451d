"""The cells of a table, each in every row and column that it spans."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Grid"]

_SEPARATOR = " | "
_MOST_COLUMNS = 1_000
"""What a cell spans at most (HTML standard, section 4.9.11)."""

_TO_THE_END = 1 << 16


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
        self._spanning: dict[int, tuple[int, str]] = {}  # rows to go and text, by column

    def start_row(self, *, is_head: bool = False) -> None:
        """Close the open row and begin the next."""
        self._end_row()
        if is_head and self._heads == len(self._rows):
            self._heads += 1
        self._rows.append([])

    def end_group(self) -> None:
        """End what spans rows: nothing reaches from the head of a table into its body."""
        self._end_row()
        self._spanning.clear()

    def add(self, text: str, *, rows: int = 1, columns: int = 1) -> None:
        """Add a cell to the open row; `rows` is 0 if it reaches to the end of the group."""
        if not self._rows:
            self.start_row()
        row = self._rows[-1]
        self._fill(row)
        for number in range(min(columns, _MOST_COLUMNS)):
            if number and not self._takes(text):
                break
            if rows != 1:
                self._spanning[len(row)] = ((rows or _TO_THE_END) - 1, text)
            row.append(text)

    def lines(self) -> Iterator[str]:
        """Yield a line for each row, of which the first names the columns if the table does."""
        self._end_row()
        rows, heads = self._rows, self._heads
        # A title above the names or values is a line of its own.
        while len(rows) > 1 and len(rows[0]) > 1 and len(set(rows[0])) == 1:
            yield rows[0][0]
            rows, heads = rows[1:], max(0, heads - 1)
        if 1 < heads < len(rows):
            width = max(map(len, rows[:heads]))
            columns = [[row[at] for row in rows[:heads] if at < len(row)] for at in range(width)]
            names = [" ".join(dict.fromkeys(filter(None, column))) for column in columns]
            rows = [names, *rows[heads:]]
        yield from (_SEPARATOR.join(row) for row in rows if any(row))

    def _takes(self, text: str) -> bool:
        self._room -= len(text) + len(_SEPARATOR)
        return self._room >= 0

    def _fill(self, row: list[str]) -> None:
        while len(row) in self._spanning:
            rows, text = self._spanning.pop(len(row))
            if not self._takes(text):
                self._spanning.clear()
                return
            if rows > 1:
                self._spanning[len(row)] = (rows - 1, text)
            row.append(text)

    def _end_row(self) -> None:
        row = self._rows[-1] if self._rows else []
        self._fill(row)
        while len(row) <= max(self._spanning, default=-1):
            if not self._takes(""):
                self._spanning.clear()
                return
            row.append("")
            self._fill(row)
