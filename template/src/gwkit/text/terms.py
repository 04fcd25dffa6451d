"""The terms of a text: what a full-text index holds of it, and what a query searches for.

A term is made by the script of its word, so that an index may hold any languages together:

- Latin letters lose their accents and are stemmed, by Snowball's rules for English (Porter 2001)
  unless another language is set.
- Of a word in another alphabet the first five letters count, which comes near to a stem in most
  languages with endings.
- Scripts without spaces, and Korean, whose particles are written to its words, give pairs of
  neighbouring characters, and each character.
- Marks that are part of a letter stay. Those that writers leave out (accents, the points of Arabic
  and Hebrew) go.
- `C#`, `C++`, `F#` and `.NET` are words.

A change of any rule here needs a new `VERSION`, so that older indexes are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from Stemmer import Stemmer  # type: ignore[import-not-found]  # in C, without stubs

from gwkit.text.characters import normalize
from gwkit.text.memory import LANGUAGES_AT_A_TIME, Remembered
from gwkit.text.stop_words import STOP_WORDS
from gwkit.text.words import CHARACTER, RUN, WORD, guess_language, with_whole_verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["AUTO", "LANGUAGES", "VERSION", "TermRules"]

VERSION: Final = "script-v1"

AUTO: Final = "auto"
"""No language is set: the script of each word decides, and the words of a question which function
words are left out of it."""

_LATIN: Final = "ca da de en es et eu fi fr ga hu id it lt nl no pl pt ro sv tr"
_OTHER: Final = "ar el hi hy ne ru sr ta yi"
LANGUAGES: Final = tuple(sorted(f"{_LATIN} {_OTHER}".split()))
"""Languages with rules for stemming (ISO 639-1)."""

_LETTERS_KEPT = 5
_LONGEST_WORD = 30
"""A longer word is of no language: it is not stemmed."""
_LONGEST_TERM = 100
_SHORTEST_TYPO = 4
_FEWEST_FUNCTION_WORDS = 2
_ALPHABET = 128
"""Characters of a Unicode block: an alphabet is within one, or two for Latin."""

# What may make another word of a name is taken with it, and dropped again where it does not.
_TOKEN = re.compile(rf"\.?{WORD}(?:#|\+\+)?")
_ASCII_TOKEN = re.compile(r"\.?[a-z0-9]+(?:#|\+\+)?")
_NAMES = frozenset({"c#", "f#", "c++", ".net"})
_OPTIONAL_MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]+"
)


@dataclass(frozen=True, slots=True)
class TermRules:
    """Makes the terms of texts and of queries.

    Args:
        language: one of `LANGUAGES`, or `AUTO`.
    """

    language: str = AUTO

    @classmethod
    def named(cls, name: str) -> TermRules:
        """Return the rules with the name that the manifest of an index has."""
        return cls(name.partition("/")[2])

    @property
    def name(self) -> str:
        """The name of these rules in the manifest of an index."""
        return f"{VERSION}/{self.language}"

    def of_text(self, text: str) -> list[str]:
        """Return the terms of a text, in its order and as often as they occur.

        A term has no space, quotation mark or upper-case letter. Linear in the text's length.
        """
        if text.isascii():
            latin = _latin(self.language)
            return [latin[word] for word in _ASCII_TOKEN.findall(text.lower())]
        # Some characters, such as the sign of Hertz, only decompose to capitals.
        folded = normalize("NFC", normalize("NFKD", text.casefold()).casefold())
        return list(self._terms(_TOKEN.findall(folded)))

    def of_query(self, text: str) -> list[str]:
        """Return the terms to search for, as often as they are said, without function words.

        A query of function words alone keeps them. Where no language is set, one word of another
        language than English is taken for a name.
        """
        text = with_whole_verb(text)
        terms = self.of_text(text)
        ignored = _ignored(self, guess_language(text) if self.language == AUTO else self.language)
        if self.language == AUTO and len(ignored.intersection(terms)) < _FEWEST_FUNCTION_WORDS:
            ignored = _ignored(self, "en")
        return [term for term in terms if term not in ignored] or terms

    def spellings(self, term: str) -> list[str]:
        """Return what a term may be a misspelling of: all that is one slip away.

        A slip is a letter too many, missing, wrong, or in its neighbour's place. Short terms,
        numbers and pairs of characters have none.
        """
        if not (_SHORTEST_TYPO <= len(term) <= _LONGEST_WORD and term.isalpha()):
            return []
        letters = _alphabet(ord(term[-1]) // _ALPHABET)
        places = [(term[:at], term[at:]) for at in range(len(term) + 1)]
        missing = (head + tail[1:] for head, tail in places if tail)
        swapped = (head + tail[1] + tail[0] + tail[2:] for head, tail in places if len(tail) > 1)
        wrong = (head + each + tail[1:] for head, tail in places if tail for each in letters)
        added = (head + each + tail for head, tail in places for each in letters)
        return list(dict.fromkeys([*missing, *swapped, *wrong, *added]))

    def _terms(self, words: Iterable[str]) -> Iterator[str]:
        latin, spelt = _latin(self.language), _spelt(self.language)
        for word in words:
            if word.isascii():
                yield latin[word]
                continue
            for piece in RUN.split(word.strip(".#+")):
                characters = CHARACTER.findall(piece)
                if characters:
                    yield from (a + b for a, b in pairwise(characters))
                    yield from characters
                elif term := spelt[piece] if piece else "":
                    yield term  # a mark alone has none


def _plain(word: str) -> str:
    """Return a word without the marks that writers may leave out."""
    if word.isascii():
        return word
    return normalize("NFC", _OPTIONAL_MARKS.sub("", normalize("NFKD", word)))


@lru_cache(maxsize=LANGUAGES_AT_A_TIME)
def _latin(language: str) -> Remembered[str]:
    """Return the terms of words in ASCII."""
    stemming = language if language in _LATIN else "en"

    def make(word: str) -> str:
        return word if word in _NAMES else _stemmed(word.strip(".#+"), stemming)

    return Remembered(make)


@lru_cache(maxsize=LANGUAGES_AT_A_TIME)
def _spelt(language: str) -> Remembered[str]:
    """Return the terms of words with other letters than those of ASCII."""

    def make(word: str) -> str:
        if language != AUTO:
            return _plain(_stemmed(word, language))
        plain = _plain(word)
        return _latin(language)[plain] if plain.isascii() else plain[:_LETTERS_KEPT]

    return Remembered(make)


def _stemmed(word: str, language: str) -> str:
    if len(word) > _LONGEST_WORD:
        return word[:_LONGEST_TERM]
    # A stemmer keeps the word that it works on, so threads must not share one.
    return str(Stemmer(language, 0).stemWord(word))


@lru_cache(maxsize=64)
def _ignored(rules: TermRules, language: str) -> frozenset[str]:
    """Return the terms of a language's function words."""
    return frozenset(term for word in STOP_WORDS.get(language, ()) for term in rules.of_text(word))


@lru_cache(maxsize=64)
def _alphabet(block: int) -> str:
    """Return the small letters of a block of Unicode."""
    characters = map(chr, range(block * _ALPHABET, (block + 1) * _ALPHABET))
    return "".join(each for each in characters if each.islower() or _is_caseless(each))


def _is_caseless(character: str) -> bool:
    return character.isalpha() and character.lower() == character.upper()
