"""The words of a language that name no subject, and the phrases of a question between them.

`followups.toml` has the words.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from gwkit.models.messages import Strict

__all__ = ["EDGE", "WORD", "Language", "Phrase", "language_of", "phrases_of", "subject_of"]

WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
EDGE = " \t\n.,;:!?¿¡"
"""What stands around a question and its parts."""

_COPULAS = frozenset({"is", "are", "was", "were", "ist", "sind", "est", "sont", "es", "son"})
"""After `what` they have no verb behind the subject: `What is the refund policy?`"""

_COMPLEMENTS = frozenset({"of", "de", "d", "du", "des", "del"})
"""Words between the two nouns of one phrase: `copia de seguridad`."""


_Words = Annotated[frozenset[str], BeforeValidator(str.split)]


class Language(Strict):
    """The words of a language, as in the file."""

    name: str
    openings: tuple[str, ...]
    questions: _Words
    selecting: _Words
    auxiliaries: _Words
    prepositions: _Words
    determiners: _Words
    subjects: _Words
    pronouns: _Words
    demonstratives: _Words
    possessives: _Words
    persons: _Words
    personal_possessives: _Words
    common: _Words
    adverbs: dict[str, str] = Field(default_factory=dict)

    @cached_property
    def function_words(self) -> frozenset[str]:
        """Words that name no subject."""
        return self.common.union(
            *(self.questions, self.auxiliaries, self.prepositions, self.determiners),
            *(self.subjects, self.pronouns, self.demonstratives, self.possessives),
            *(self.persons, self.personal_possessives, self.adverbs),
        )


_TABLES: Final = tomllib.loads(
    Path(__file__).with_name("followups.toml").read_text(encoding="utf-8")
)
_LANGUAGES: Final = [
    Language.model_validate({"name": name, **table}) for name, table in _TABLES.items()
]


def language_of(text: str) -> Language:
    """Return the language whose words the text has most of."""
    words = [word.casefold() for word in WORD.findall(text.replace("'", " "))]
    counts = [sum(word in each.function_words for word in words) for each in _LANGUAGES]
    return _LANGUAGES[counts.index(max(counts))]


@dataclass(frozen=True, slots=True)
class Phrase:
    """A noun with what belongs to it, `question[start:end]`.

    `start` is before its article, `first` behind it. `is_subject` means that it has an article, or
    stands behind an auxiliary verb; `is_selected`, behind `which`.
    """

    start: int
    first: int
    end: int
    is_subject: bool
    is_selected: bool

    @property
    def has_article(self) -> bool:
        """Whether an article stands before it."""
        return self.start < self.first


def phrases_of(question: str, language: Language) -> list[Phrase]:
    """Return the runs of words that name something, two with `of` between them as one.

    A verb at the end of such a run, as in `does the warranty expire`, a participle (`is the backup
    stored`), a German word behind the noun, and the word after `I` or `who` are left out.
    """
    tokens = list(WORD.finditer(question.replace("'", " ").replace("\u2019", " ")))
    lower = [token[0].casefold() for token in tokens]
    named = [word not in language.function_words for word in lower]
    for place in range(1, len(tokens) - 1):
        if lower[place] in _COMPLEMENTS and named[place - 1] and named[place + 1]:
            named[place] = True
    found = []
    for is_content, group in groupby(range(len(tokens)), key=named.__getitem__):
        places = list(group)
        if not is_content:
            continue
        previous = lower[places[0] - 1] if places[0] else ""
        earlier = lower[places[0] - 2] if places[0] > 1 else ""
        has_article = previous in language.determiners
        if len(places) > 1 and previous in language.subjects | {"who", "wer", "qui", "quién"}:
            places = places[1:]
        verb = earlier if has_article else previous
        is_inverted = verb in language.auxiliaries and (verb not in _COPULAS or lower[0] == verb)
        is_participle = verb in _COPULAS and lower[places[-1]].endswith("ed")
        if len(places) > 1 and (is_inverted or is_participle):
            places = places[:-1]
        if language.name == "de":
            nouns = [place for place in places if not tokens[place][0].islower()]
            places = [place for place in places if place <= max(nouns, default=place)]
        first = tokens[places[0]].start()
        found.append(
            Phrase(
                start=tokens[places[0] - 1].start() if has_article else first,
                first=first,
                end=tokens[places[-1]].end(),
                is_subject=has_article or is_inverted,
                is_selected=previous in language.selecting,
            )
        )
    return found


def subject_of(before: str, language: Language, *, plural: bool = False) -> str:
    """Return what a question is about: its first noun with an article, or else its longest run.

    Args:
        before: the question.
        language: of it.
        plural: take what ends like an English plural, if anything does.
    """
    found = phrases_of(before, language)
    if plural:
        found = [each for each in found if before[: each.end].endswith("s")] or found
    if not found:
        return before.strip(EDGE)
    best = [each for each in found if each.is_subject]
    best = best or [each for each in found if each.is_selected]
    if language.name == "de":  # which writes nouns with a capital
        best = [each for each in found if not before[each.start : each.end].islower()] or best
    longest = max(found, key=lambda each: len(before[each.first : each.end].split()))
    chosen = best[0] if best else longest
    article = "the " if chosen.is_selected and language.name == "en" else ""
    return f"{article}{before[chosen.start : chosen.end]}"
