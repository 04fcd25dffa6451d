"""Function words of the main languages, and the language of a text by them.

Function words say nothing about a subject: articles, pronouns, prepositions, auxiliary verbs, and
what questions are asked with. `stop_words.txt` has them, a paragraph for each language; words that
also name things, such as *state* or *part*, are not there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["STOP_WORDS", "guess_language"]

_TABLE = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")

STOP_WORDS: Final[Mapping[str, frozenset[str]]] = {
    language: frozenset(words.split())
    for language, words in (entry.split(":") for entry in _TABLE.split("\n\n"))
}
"""Function words by language (ISO 639-1), in small letters; an elided one stands without its
apostrophe."""

_LOOKED_AT = 2_000
_LETTERS = re.compile(r"[^\W\d_]+(?:'[a-z]{1,2}\b)?")


def guess_language(text: str) -> str:
    """Return the language, of those in `STOP_WORDS`, whose function words the text has most of.

    The first 2,000 characters decide; English where there is a tie or no such word.
    """
    words = _LETTERS.findall(text[:_LOOKED_AT].casefold().replace("\u2019", "'"))
    return max(STOP_WORDS, key=lambda each: sum(word in STOP_WORDS[each] for word in words))
