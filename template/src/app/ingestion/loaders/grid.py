"""The cells of a table, each in every row and column that it spans."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Grid"]

_SEPARATOR = " | "
_MOST_COLUMNS = 1_000
"""What a cell spans at most (HTML standard, section 4.9.11)."""


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
        self._carried: dict[int, str] = {}  # what the open row has from those above

    def start_row(self, *, is_head: bool) -> None:
        """Close the open row and begin the next."""
        self._end_row()
        if is_head and self._heads == len(self._rows):
            self._heads += 1
        self._rows.append([])
        self._carried = {}
        for column, (rows, text) in list(self._spanning.items()):
            if self._takes(text):
                self._carried[column] = text
            if rows > 1:
                self._spanning[column] = (rows - 1, text)
            else:
                del self._spanning[column]

    def end_group(self) -> None:
        """End what spans rows: nothing reaches from the head of a table into its body."""
        self._end_row()
        self._spanning.clear()
        self._carried = {}

    def add(self, text: str, *, rows: int, columns: int) -> None:
        """Add a cell to the open row; `rows` is 0 where it reaches to the end of the group."""
        if not self._rows:
            self.start_row(is_head=False)
        row = self._rows[-1]
        self._fill(row)
        for number in range(min(columns, _MOST_COLUMNS)):
            if number and not self._takes(text):
                break
            if rows != 1:
                self._spanning[len(row)] = ((rows or 1 << 16) - 1, text)
            row.append(text)

    def lines(self) -> Iterator[str]:
        """Yield a line for each row, of which the first names the columns where the table does."""
        self._end_row()
        count = self._heads if self._heads < len(self._rows) else 0
        heads = self._rows[:count]
        # A title above the names is a line of its own.
        while len(heads) > 1 and len(set(heads[0])) == 1:
            yield heads.pop(0)[0]
        width = max(map(len, heads), default=0)
        names = (
            " ".join(
                dict.fromkeys(row[column] for row in heads if column < len(row) and row[column])
            )
            for column in range(width)
        )
        for row in ([*names], *self._rows[count:]):
            if any(row):
                yield _SEPARATOR.join(row)

    def _takes(self, text: str) -> bool:
        self._room -= len(text) + len(_SEPARATOR)
        return self._room >= 0

    def _fill(self, row: list[str]) -> None:
        while len(row) in self._carried:
            row.append(self._carried.pop(len(row)))

    def _end_row(self) -> None:
        if not self._rows:
            return
        row = self._rows[-1]
        self._fill(row)
        while row and self._carried:
            if self._takes(""):
                row.append("")
                self._fill(row)
            else:
                self._carried = {}
