"""Makes a question of its own out of a follow-up, by rules and without a model.

`How long does it take?` after `How do I request parental leave?` becomes `How long does parental
leave take?`, and `And in France?` asks the question before about France. The rules, in their order:

1. A question word alone (`Why?`) goes before the last question.
2. A part of a question (`And in France?`, `What about contractors?`) takes the place of the part of
   the last question that is of its kind: of the same preposition, a number, the same noun, a name.
   If there is none, it is added.
3. A pronoun is replaced by the subject of the last question, `he` and `she` by the last name.
4. A question that has only a verb (`¿Cuánto dura?`, `And how do I cancel?`) gets that subject.

Every other question stays as it is. `followups.toml` has the words of each language.
"""

from __future__ import annotations

import re
import tomllib
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BeforeValidator, Field

from gwkit.models.messages import Strict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.graph.state import Turn

__all__ = ["standalone_question"]

_MOST_TURNS = 10
"""Messages that are looked back at."""

_LONGEST = 300
"""Characters of a follow-up; a longer question stands by itself."""

_LONGEST_PART = 6
"""Words of a part of a question that begins with a preposition."""

_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_NAME = re.compile(r"\b[A-ZÀ-Þ][\w-]+(?: [A-ZÀ-Þ][\w-]+)*")
_FULL_NAME = re.compile(r"\b[A-ZÀ-Þ][\w-]+(?: [A-ZÀ-Þ][\w-]+)+")
_NUMBER = re.compile(r"\d+")
_EDGE = " \t\n.,;:!?¿¡"
_NEEDLESS = re.compile(
    r"[ ,]+(?:too|also|as well|instead|then|auch|stattdessen|aussi|también)$", re.IGNORECASE
)
_COPULAS = frozenset({"is", "are", "was", "were", "ist", "sind", "est", "sont", "es", "son"})
"""After `what` they have no verb behind the subject: `What is the refund policy?`"""

_INVERTED = re.compile(r"(?:-t)?-(?:il|elle|ils|elles)\b", re.IGNORECASE)
_BEFORE_THE_VERB = {
    "fr": re.compile(r"^(?P<asks>qui|quand|comment|où) l['\u2019](?P<verb>\w+)", re.IGNORECASE),
    "es": re.compile(
        r"^(?P<asks>¿?(?:quién|cuándo|cómo|dónde)) (?:lo|la|los|las) (?P<verb>\w+)", re.IGNORECASE
    ),
}


_Words = Annotated[frozenset[str], BeforeValidator(str.split)]


class _Language(Strict):
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


_TABLES: Final = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_LANGUAGES: Final = [
    _Language.model_validate({"name": name, **table}) for name, table in _TABLES.items()
]


def standalone_question(question: str, messages: Sequence[Turn]) -> str:
    """Return a question that can be understood without what was said before it.

    Args:
        question: as it was asked.
        messages: what was said before, oldest first.
    """
    before = answer = ""
    for turn in messages[-_MOST_TURNS:]:
        if turn.role == "assistant":
            answer = turn.content
        else:
            before, answer = _rewritten(turn.content, before, answer), ""
    return _rewritten(question, before, answer)


def _rewritten(question: str, before: str, answer: str) -> str:
    """Return a question with what it takes from the one before it and its answer."""
    if not before or len(question) > _LONGEST or not _WORD.search(question):
        return question
    language = _language_of(f"{before} {question}")
    opening, rest = _opened(question, language)
    words = [word.casefold() for word in _WORD.findall(rest)] or [""]
    content = [word for word in words if word not in language.function_words]
    asks = words[0] in language.auxiliaries or not language.questions.isdisjoint(words[:2])
    is_part = words[0] in language.prepositions and len(words) <= _LONGEST_PART
    resolved = _resolved(rest, before, answer, language)
    has_noun = not language.determiners.isdisjoint(words)
    is_verb_only = language.name in {"es", "fr"} and len(words) - len(content) == 1
    if not content and not resolved:
        return f"{_sentence(rest)} {before}"
    if not asks and (opening or is_part):
        return _combined(before, _NEEDLESS.sub("", rest.strip(_EDGE)), language)
    if resolved:
        question = _sentence(resolved)
    elif len(content) == 1 and not has_noun and (opening or is_verb_only):
        question = f"{_sentence(rest).rstrip(_EDGE)} {_subject(before, language)}?"
    return question


def _language_of(text: str) -> _Language:
    words = [word.casefold() for word in _WORD.findall(text.replace("'", " "))]
    counts = [sum(word in each.function_words for word in words) for each in _LANGUAGES]
    return _LANGUAGES[counts.index(max(counts))]


def _opened(question: str, language: _Language) -> tuple[str, str]:
    """Return what opens a question, and the rest of it."""
    text = question.strip(" \n¿¡")
    for opening in language.openings:
        if re.match(rf"{re.escape(opening)}\b", text, re.IGNORECASE):
            return opening, text[len(opening) :].strip(" ,")
    return "", question


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith(("?", ".", "!")) else f"{text}?"


def _resolved(rest: str, before: str, answer: str, language: _Language) -> str:
    """Return a question with the subject in place of its pronoun, empty if it has none."""
    subject = _subject(before, language)
    if pattern := _BEFORE_THE_VERB.get(language.name):
        changed = pattern.sub(lambda match: f"{match['asks']} {match['verb']} {subject}", rest)
        if changed != rest:
            return changed
    if language.name == "fr" and _INVERTED.search(rest) and "y a-t-il" not in rest.casefold():
        return _INVERTED.sub(lambda _: f" {subject}", rest, count=1)
    for token in _WORD.finditer(rest):
        if put := _in_place_of(token, subject, _person(answer, before, subject), language):
            return f"{rest[: token.start()]}{put}{rest[token.end() :]}"
    return ""


def _in_place_of(token: re.Match[str], subject: str, person: str, language: _Language) -> str:
    """Return what a word stands for, empty if it stands for itself."""
    word = token[0] if language.name == "de" else token[0].casefold()
    following = [each.casefold() for each in _WORD.findall(token.string[token.end() :])]
    put = ""
    if word in language.pronouns:
        put = "" if _is_empty(token, following, language) else subject
    elif word in language.demonstratives:
        put = subject if not following or following[0] in language.function_words else ""
    elif word in language.possessives:
        put = f"{subject}'s"
    elif word in language.persons:
        put = person
    elif word in language.personal_possessives:
        owns = following and following[0] not in language.function_words
        put = f"{person}'s" if owns else person
    elif word in language.adverbs:
        put = f"{language.adverbs[word]} {subject}"
    return put


def _is_empty(pronoun: re.Match[str], following: Sequence[str], language: _Language) -> bool:
    """Say whether a pronoun stands for nothing, as in `Is it possible to …` and `Gibt es …`."""
    before = _WORD.findall(pronoun.string[: pronoun.start()].casefold())[-1:]
    if language.name == "en":
        is_empty = before in (["is"], ["was"]) or following[:1] in (["take"], ["cost"], ["is"])
        return is_empty and pronoun[0].casefold() == "it" and "to" in following[:-1]
    return before in (["gibt"], ["faut"], ["y"])


def _person(answer: str, before: str, subject: str) -> str:
    """Return the last name of a person."""
    found = _FULL_NAME.findall(answer) or _FULL_NAME.findall(before[1:])
    return found[-1] if found else subject


def _subject(before: str, language: _Language) -> str:
    """Return what a question is about: its first noun with an article, or else its longest run.

    A verb at the end of such a run, as in `does the warranty expire`, and one after `I` or `who`
    are left out.
    """
    tokens = list(_WORD.finditer(before.replace("'", " ").replace("\u2019", " ")))
    lower = [token[0].casefold() for token in tokens]
    runs = []
    for is_content, group in groupby(
        range(len(tokens)), key=lambda place: lower[place] not in language.function_words
    ):
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
        if len(places) > 1 and is_inverted:
            places = places[:-1]
        start = tokens[places[0] - has_article].start()
        is_subject = has_article or is_inverted or previous in language.selecting
        article = "the " if previous in language.selecting and language.name == "en" else ""
        text = f"{article}{before[start : tokens[places[-1]].end()]}"
        runs.append((is_subject, len(places), text))
    first = [text for is_subject, _, text in runs if is_subject]
    if language.name == "de":  # which writes nouns with a capital
        first = [text for _, _, text in runs if not text.islower()] or first
    if first:
        return first[0]
    return max(runs, key=lambda run: run[1])[2] if runs else before.strip(_EDGE)


def _combined(before: str, part: str, language: _Language) -> str:
    """Return the last question with a part of it replaced by another of its kind."""
    words = [word.casefold() for word in _WORD.findall(part)]
    if words[0] in language.prepositions | language.determiners:
        part = part[:1].lower() + part[1:]
    prepositions = "|".join(language.prepositions)
    if words[0] in language.prepositions:
        # A name after the preposition, or all up to the next one.
        same = re.compile(
            rf"\b{words[0]}\s(?:(?-i:{_NAME.pattern})|(?:(?!\b(?:{prepositions})\b)[^?.,;])+"
            rf"(?=\s(?:{prepositions})\b|\s*[?.,;]|$))",
            re.IGNORECASE,
        )
        if found := list(same.finditer(before)):
            return _replaced(before, found[-1], part)
        return f"{before.rstrip(_EDGE)} {part}?"
    bare = " ".join(word for word in part.split() if word.casefold() not in language.determiners)
    numbers = list(_NUMBER.finditer(before))
    if bare.isdecimal() and len(numbers) == 1:
        return _replaced(before, numbers[0], bare)
    last = re.search(rf"(?:[\w-]+\s)?\b{re.escape(words[-1])}\b", before, re.IGNORECASE)
    if last and len(words) > 1:
        first = last[0].rpartition(" ")[0]
        keeps = f"{first} " if first.casefold() in language.function_words else ""
        return _replaced(before, last, f"{keeps}{bare}")
    named = [match for match in _NAME.finditer(before) if match.start() and match[0] != "I"]
    if bare[:1].isupper() and len(named) == 1 and language.name != "de":
        return _replaced(before, named[0], bare)
    return f"{before.rstrip(_EDGE)} — {part}?"


def _replaced(text: str, match: re.Match[str], other: str) -> str:
    return f"{text[: match.start()]}{other}{text[match.end() :]}"
