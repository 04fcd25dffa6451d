"""Function words of the main languages.

Function words say nothing about a subject: articles, pronouns, prepositions, auxiliary verbs, and
what questions are asked with. `stop_words.txt` has them, a paragraph for each language; words that
also name things, such as *state* or *part*, are not there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["STOP_WORDS"]

_TABLE = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")

STOP_WORDS: Final[Mapping[str, frozenset[str]]] = {
    language: frozenset(words.split())
    for language, words in (entry.split(":") for entry in _TABLE.split("\n\n"))
}
"""Function words by language (ISO 639-1), in small letters; an elided one stands without its
apostrophe."""
