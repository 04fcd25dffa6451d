"""Keeps the terms and stems of words in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LANGUAGES_AT_A_TIME", "Remembered"]

LANGUAGES_AT_A_TIME: Final = 4
"""Languages whose tables are kept, of less than 10 MB each."""
_MOST: Final = 32_768
"""Words that are kept. One more empties the table, and it fills again."""
_LONGEST: Final = 100
"""Characters of the longest word that is kept: others may have any length."""

_T = TypeVar("_T")


class Remembered(dict[str, _T]):
    """A table of words with their terms or stems. Several threads may share one.

    It is looked up for each word of each text, and faster than a cache of function calls.

    Args:
        make: makes the entry of a word that is not in the table.
    """

    def __init__(self, make: Callable[[str], _T]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, word: str) -> _T:
        made = self._make(word)
        if len(word) <= _LONGEST:
            if len(self) >= _MOST:
                self.clear()
            self[word] = made
        return made
