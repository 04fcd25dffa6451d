"""The words of a text in any script, the stems of those that carry its meaning, its language.

Chinese, Japanese, Thai, Lao, Khmer and Burmese put no space between words, and Korean writes its
particles to them, so what is searched and compared there are pairs of neighbouring characters.
English is not affected.
"""

from __future__ import annotations

import math
import re
import unicodedata
from difflib import get_close_matches
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from Stemmer import Stemmer  # type: ignore[import-not-found]  # in C, without stubs

from gwkit.text.memory import LANGUAGES_AT_A_TIME, Remembered
from gwkit.text.stop_words import STOP_WORDS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

__all__ = [
    "CHARACTER",
    "RUN",
    "WORD",
    "content_words",
    "guess_language",
    "near_words",
    "question_weights",
    "rarity",
    "share",
    "vocabulary",
    "with_whole_verb",
    "word_parts",
]

_SHORTEST_TYPO = 5
_LONG_WORD = 9
_LONGEST_WORD = 30
"""A longer word is of no language: it is neither stemmed nor corrected."""

_GUESSED_BY = 2_000
"""Characters of a text that its language is guessed by."""

_MOST_COMPARISONS = 1_000
"""Pairs of words that are compared for one text, at some 30 microseconds each."""


def _characters(categories: set[str], *spans: tuple[int, int]) -> str:
    """Return the characters of some categories, for a set in an expression."""
    characters = (chr(code) for first, last in spans for code in range(first, last + 1))
    return "".join(each for each in characters if unicodedata.category(each) in categories)


# Hebrew and Arabic points, vowel signs from Devanagari to Burmese and Khmer, kana voicing marks.
_MARKS = _characters({"Mn", "Mc"}, (0x300, 0x1CFF), (0x3099, 0x309A), (0xA800, 0xABFF))
_UNSPACED = (
    _characters({"Lo", "Lm"}, (0xE01, 0xEFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0xA9E0, 0xAA7F))
    + "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    + "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
WORD = rf"[^\W_]++(?:[{_MARKS}]++[^\W_]*+)*+"
"""Expression of a word: letters and digits with the marks that combine with them."""

CHARACTER = re.compile(f"[{_UNSPACED}][{_MARKS}]*")
"""A character of a script without spaces, with its marks."""
RUN = re.compile(f"((?:[{_UNSPACED}][{_MARKS}]*+)++)")
"""Such characters in a row; splitting a word by it keeps them."""
_WORD = re.compile(rf"\d+(?:[.,]\d+)*|{WORD}(?:['\u2019]{WORD})*")
# The articles and pronouns of French and Italian that stand before an apostrophe.
_ELIDED = re.compile(r"(?:[cdjlmnst]|qu|un|(?:de|ne|da|su|a)ll)'(?=[^\W\d_]{2})")
_COMPOUNDING: Final = frozenset({"de", "nl"})
"""Languages that write compounds as one word."""
_SHORTEST_PART = 5
_NOUN = re.compile(r"(?<=\s)(?:[^\W\d_a-z]|\d)[\w-]*")
"""A capitalised word, or a number, within a sentence."""
_VERB_WITHIN: Final = 4
"""Words in which a German question's verb stands: second, behind what is asked with."""
_LETTERS = re.compile(r"[^\W\d_]+")
_LETTERS_ELIDED = re.compile(r"[^\W\d_]+(?:'[a-z]{1,2}\b)?")
_PARTICLE = re.compile(
    r"(?<=\s)(?:ab|an|auf|aus|bei|durch|ein|fest|fort|frei|her|herunter|hin|hinzu|hoch|los|mit|nach"
    r"|um|vor|weg|weiter|wieder|zu|zurück|zusammen)(?=\s*\?*\s*\Z)"
)
_CAMEL_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


# Forms of frequent verbs and nouns that no stemmer brings together.
_IRREGULAR_FORMS = """
    begin:began,begun break:broke,broken bring:brought build:built buy:bought child:children
    choose:chose,chosen draw:drawn drive:drove,driven fall:fell,fallen feel:felt
    foot:feet forget:forgot,forgotten grow:grew,grown hold:held keep:kept know:knew,known
    lead:led lend:lent lose:lost man:men mean:meant meet:met pay:paid person:people
    run:ran sell:sold send:sent speak:spoke,spoken spend:spent stand:stood steal:stole,stolen
    take:took,taken teach:taught think:thought throw:threw,thrown understand:understood
    woman:women write:wrote,written
"""
_BASE_FORMS = {
    form: base
    for base, forms in (entry.split(":") for entry in _IRREGULAR_FORMS.split())
    for form in forms.split(",")
}


def word_parts(word: str) -> list[str]:
    """Return a word, or the pairs of its characters where its script has no spaces."""
    if word.isascii():
        return [word]
    parts: list[str] = []
    for piece in RUN.split(word):
        characters = CHARACTER.findall(piece)
        pairs = [first + second for first, second in pairwise(characters)]
        parts += pairs or characters or ([piece] if piece else [])
    return parts


def guess_language(text: str) -> str:
    """Return the language, of those in `STOP_WORDS`, whose function words the text has most of.

    The first 2,000 characters decide; English where there is a tie or no such word.
    """
    words = _LETTERS_ELIDED.findall(text[:_GUESSED_BY].casefold().replace("\u2019", "'"))
    return max(STOP_WORDS, key=lambda each: sum(word in STOP_WORDS[each] for word in words))


def content_words(text: str, language: str = "en") -> list[str]:
    """Return the stems of a text's words in their order, without function words.

    Stems are those of the Snowball stemmer for the language (Porter 2001), one of `STOP_WORDS`;
    where a script has no spaces, the pairs of its characters are the words. Thousands separators
    go, so that `1,000` equals `1000`.
    """
    stems = _stems(language)
    return [stem for word in _WORD.findall(text) for stem in stems[word]]


def vocabulary(text: str, language: str = "en") -> frozenset[str]:
    """Return the stems that a text offers to a question in the language.

    Besides its content words these are the parts of its camel-case names: `BackgroundTasks` also
    offers `background` and `task`.
    """
    words = _WORD.findall(text)
    names = (_CAMEL_PART.findall(word) for word in words if word.isascii() and not word.islower())
    parts = [part for name in names if len(name) > 1 for part in name]
    stems = _stems(language)
    return frozenset(stem for word in words + parts for stem in stems[word])


def rarity(word: str, vocabularies: Collection[Collection[str]]) -> float:
    """Return what a word counts, from 1 if every text has it, to more the fewer do.

    It is 1 and the inverse document frequency of BM25 (Robertson & Zaragoza 2009), natural.
    """
    having = sum(word in words for words in vocabularies)
    return 1.0 + math.log1p((len(vocabularies) - having + 0.5) / (having + 0.5))


def question_weights(
    question: str, language: str, vocabularies: Sequence[Collection[str]]
) -> dict[str, float]:
    """Return what each content word of a question counts: its rarity among texts.

    A misspelt word is replaced by its nearest. In German, where nouns have a capital, all other
    words count half: it is verbs and their prefixes that a text says in another way.
    """
    question = with_whole_verb(question)
    words = content_words(question, language)
    near = near_words(words, frozenset[str]().union(*vocabularies))
    weights = {word: rarity(word, vocabularies) for word in near}
    if language == "de":
        nouns = content_words(" ".join(_NOUN.findall(question)), language)
        for word, known in zip(words, near, strict=False):
            weights[known] *= 1.0 if word in nouns else 0.5
    return weights


def with_whole_verb(question: str) -> str:
    """Return a German question with the infinitive of a verb whose particle ends it, as texts have.

    `Wie setze ich es zurück?` asks for *zurücksetzen*. Any other text stays as it is.
    """
    particle = _PARTICLE.search(question)
    if not particle or guess_language(question) != "de":
        return question
    for number, word in enumerate(_LETTERS.finditer(question, 0, particle.start())):
        if number < _VERB_WITHIN and word[0].islower() and word[0] not in STOP_WORDS["de"]:
            verb = word[0].removesuffix("n").removesuffix("t").removesuffix("e")
            ending = "n" if verb.endswith(("er", "el")) else "en"
            infinitive = f"{particle[0]}{verb}{ending}"
            return (
                f"{question[: word.start()]}{infinitive}{question[word.end() : particle.start()]}"
            )
    return question


def share(weights: Mapping[str, float], words: Collection[str], language: str = "en") -> float:
    """Return the share of the weights that is of these words, from 0 to 1.

    In languages with compounds a word also counts that is the beginning or the end of another, or
    has another as such; of five letters and more.
    """
    total = sum(weights.values()) or 1.0
    found = weights.keys() & words
    if language in _COMPOUNDING:
        absent = weights.keys() - found
        found |= {word for word in absent if any(_is_part(word, other) for other in words)}
    return sum(weights[word] for word in found) / total


def _is_part(word: str, other: str) -> bool:
    """Say whether one of the words is the beginning or the end of the other."""
    part, whole = (word, other) if len(word) < len(other) else (other, word)
    return len(part) >= _SHORTEST_PART and (whole.startswith(part) or whole.endswith(part))


def near_words(words: Iterable[str], known: Collection[str]) -> list[str]:
    """Return the words in the spelling that is known.

    A misspelt word of five letters and more is replaced by the known one that it resembles most,
    among those with the same initial and at most one letter more or less: at least 0.8 by the
    measure of Ratcliff and Obershelp (`difflib`). In a short word only a letter too many, missing
    or out of place is a slip; with another letter it is another word, as `patent` and `parent`. Two
    words that are known as one, and not both by themselves, are joined by that one, as in `roll`,
    `back`, `rollback`.
    """
    words = list(words)
    joined = (
        first + second
        for first, second in pairwise(words)
        if first + second in known and not (first in known and second in known)
    )
    misspelt = {word for word in words if word not in known and _may_be_typo(word)}
    similar: dict[tuple[str, int], list[str]] = {(word[0], len(word)): [] for word in misspelt}
    for other in known:
        if other.isalpha() and len(other) <= _LONGEST_WORD + 1:
            for length in range(len(other) - 1, len(other) + 2):
                if (other[0], length) in similar:
                    similar[other[0], length].append(other)
    corrected: dict[str, str] = {}
    left = _MOST_COMPARISONS
    for word in filter(misspelt.__contains__, dict.fromkeys(words)):
        candidates = similar[word[0], len(word)]
        if len(candidates) <= left:
            left -= len(candidates)
            corrected[word] = _nearest(word, candidates)
    return [corrected.get(word, word) for word in words] + list(joined)


def _may_be_typo(word: str) -> bool:
    return _SHORTEST_TYPO <= len(word) <= _LONGEST_WORD


def _nearest(word: str, candidates: Iterable[str]) -> str:
    likely = [
        other
        for other in candidates
        if len(other) != len(word) or len(word) >= _LONG_WORD or sorted(other) == sorted(word)
    ]
    return next(iter(get_close_matches(word, likely, n=1, cutoff=0.8)), word)


@lru_cache(maxsize=LANGUAGES_AT_A_TIME)
def _stems(language: str) -> Remembered[tuple[str, ...]]:
    """Return the stems of words as they are written."""

    def make(word: str) -> tuple[str, ...]:
        parts = (part.replace(",", "").replace("\u2019", "'") for part in word_parts(word))
        plain = (_ELIDED.sub("", part.casefold()) for part in parts)
        return tuple(_stem(part, language) for part in plain if part not in STOP_WORDS[language])

    return Remembered(make)


def _stem(word: str, language: str) -> str:
    if language == "en":
        word = _BASE_FORMS.get(word, word)
    # A stemmer keeps the word that it works on, so threads must not share one.
    return Stemmer(language, 0).stemWord(word) if len(word) <= _LONGEST_WORD else word
