"""Words in any script, also in those that are written without spaces or with combining marks.

Chinese, Japanese, Thai, Lao, Khmer and Burmese put no space between words, so what is searched and
compared there are pairs of neighbouring characters. English is not affected.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import chain, pairwise, zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["WORD", "search_pieces", "word_parts"]


def _characters(categories: set[str], *spans: tuple[int, int]) -> str:
    """Return the characters of some categories as ranges of an expression."""
    ranges: list[list[str]] = []
    for code in chain.from_iterable(range(first, last + 1) for first, last in spans):
        if unicodedata.category(chr(code)) in categories:
            if ranges and ord(ranges[-1][1]) == code - 1:
                ranges[-1][1] = chr(code)
            else:
                ranges.append([chr(code), chr(code)])
    return "".join(f"{first}-{last}" for first, last in ranges)


# Hebrew and Arabic points, vowel signs from Devanagari to Burmese and Khmer, kana voicing marks.
_MARKS = _characters({"Mn", "Mc"}, (0x300, 0x1CFF), (0x3099, 0x309A), (0xA800, 0xABFF))
_UNSPACED = (
    _characters({"Lo", "Lm"}, (0xE01, 0xEFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0xA9E0, 0xAA7F))
    + "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    + "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
WORD = rf"[^\W_]++(?:[{_MARKS}]++[^\W_]*+)*+"
"""Expression of a word: letters and digits with the marks that combine with them."""

_WORD = re.compile(WORD)
_CHARACTER = re.compile(f"([{_UNSPACED}][{_MARKS}]*)")


def word_parts(word: str) -> list[str]:
    """Return a word, or the pairs of its characters where its script has no spaces."""
    if word.isascii():
        return [word]
    parts: list[str] = []
    run: list[str] = []
    others, characters = (pieces := _CHARACTER.split(word))[::2], pieces[1::2]
    for other, character in zip_longest(others, characters):
        if other or character is None:
            parts += [first + second for first, second in pairwise(run)] or run
            parts += [other] if other else []
            run = []
        run.append(character)
    return parts


def search_pieces(texts: Iterable[str]) -> str:
    """Return what a full-text index lacks of some texts: pairs and characters, with spaces.

    Nothing where each word has spaces around it, as in English.
    """
    pieces: list[str] = []
    for text in texts:
        if not text.isascii() and _CHARACTER.search(text):
            for word in _WORD.findall(text):
                characters = _CHARACTER.findall(word)
                parts = word_parts(word) if characters else []
                pieces += parts if parts == characters else parts + characters
    return " ".join(pieces)
