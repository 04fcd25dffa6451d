"""Keeps in memory what was made from words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LANGUAGES_AT_A_TIME", "Remembered"]

LANGUAGES_AT_A_TIME: Final = 4
"""Languages whose words are remembered: less than 10 MB each."""
_MOST: Final = 32_768
"""Words remembered, as many as a large corpus uses often: with one more, all are made anew."""
_LONGEST: Final = 100
"""Characters of a word that is remembered: others may have any length, and come once."""

_T = TypeVar("_T")


class Remembered(dict[str, _T]):
    """What is made from a word, by word. Several threads may share one.

    Faster than a cache of calls, for it is looked up for each word of each text.

    Args:
        make: makes it.
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
