"""Makes a question of its own out of a follow-up, by rules and without a model.

`How long does it take?` after `How do I request parental leave?` becomes `How long does parental
leave take?`, and `And in France?` asks the question before about France. The rules, in their order:

1. A question word alone (`Why?`) goes before the last question.
2. A part of a question (`And in France?`, `What about the relay?`) takes the place of the part of
   the last question that is of its kind: of the same preposition, a number, the same noun, the last
   noun with an article, a name. If there is none, it is added, and so is a condition (`What if
   it is closed?`).
3. A pronoun is replaced by the subject of the last question, `they` by what stands there in the
   plural, `he` and `she` by the last name.
4. A question that has only a verb (`¿Cuánto dura?`, `And how do I cancel?`) gets that subject.

Every other question stays as it is. `followups.toml` has the words of each language.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app.graph.phrases import EDGE, WORD, language_of, phrases_of, subject_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.graph.phrases import Language
    from app.graph.state import Turn

__all__ = ["standalone_question"]

_MOST_TURNS = 10
"""Messages that are looked back at."""

_LONGEST = 300
"""Characters of a follow-up; a longer question stands by itself."""

_LONGEST_PART = 6
"""Words of a part of a question that begins with a preposition."""

_NAME = re.compile(r"\b[A-ZÀ-Þ][\w-]+(?: [A-ZÀ-Þ][\w-]+)*")
_FULL_NAME = re.compile(r"\b[A-ZÀ-Þ][\w-]+(?: [A-ZÀ-Þ][\w-]+)+")
_NUMBER = re.compile(r"\d+")
_NEEDLESS = re.compile(
    r"[ ,]+(?:too|also|as well|instead|then|auch|stattdessen|aussi|también)$", re.IGNORECASE
)
_INVERTED = re.compile(r"(?:-t)?-(?:il|elle|ils|elles)\b", re.IGNORECASE)
_BESIDE_THE_VERB = {
    "fr": re.compile(
        r"^(?P<asks>qui|.*\b(?:peut|dois|doit|faut|puis)(?:-\w+)?) "
        r"(?:l['\u2019]|l[ea]s? )(?P<verb>\w+)"
        r"|^(?P<asks_how>quand|comment|où) (?:l['\u2019]|l[ea]s? )"
        r"(?P<infinitive>\w+(?:er|ir|re)\b)",
        re.IGNORECASE,
    ),
    "es": re.compile(
        r"^(?P<asks>¿?(?:quién|cuándo|cómo|dónde)) (?:lo|la|los|las) (?P<verb>\w+)"
        r"|^(?P<asks_how>.*?) (?P<infinitive>\w{3,}[aei]r)(?:lo|la|los|las)\b",
        re.IGNORECASE,
    ),
}
"""Pronouns before a verb, or written to its end, which are articles elsewhere."""

_IN_PLACE_OF_A_NOUN = frozenset({"one", "ones"})
_PLURALS = frozenset({"they", "them", "these", "those"})


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
    if not before or len(question) > _LONGEST or not WORD.search(question):
        return question
    language = language_of(f"{before} {question}")
    opening, rest = _opened(question, language)
    words = [word.casefold() for word in WORD.findall(rest)] or [""]
    content = [word for word in words if word not in language.function_words]
    asks = words[0] in language.auxiliaries or not language.questions.isdisjoint(words[:2])
    is_part = words[0] in language.prepositions and len(words) <= _LONGEST_PART
    resolved = _resolved(rest, before, answer, language)
    has_noun = not language.determiners.isdisjoint(words)
    is_verb_only = language.name in {"es", "fr"} and len(words) - len(content) == 1
    if not content and not resolved:
        return f"{_sentence(rest)} {before}"
    if not asks and (opening or is_part):
        return _combined(before, _NEEDLESS.sub("", rest.strip(EDGE)), language)
    if resolved:
        question = _sentence(resolved)
    elif len(content) == 1 and not has_noun and (opening or is_verb_only):
        question = f"{_sentence(rest).rstrip(EDGE)} {subject_of(before, language)}?"
    return question


def _opened(question: str, language: Language) -> tuple[str, str]:
    """Return what opens a question, and the rest of it."""
    text = question.strip(" \n¿¡")
    for opening in language.openings:
        if match := re.match(rf"{opening}\b", text, re.IGNORECASE):
            return match[0], text[match.end() :].strip(" ,")
    return "", question


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith(("?", ".", "!")) else f"{text}?"


def _resolved(rest: str, before: str, answer: str, language: Language) -> str:
    """Return a question with the subject in place of its pronoun, empty if it has none."""
    subject = subject_of(before, language)
    pattern = _BESIDE_THE_VERB.get(language.name)
    if pattern and (match := pattern.match(rest)):
        verb = match["verb"] or match["infinitive"]
        asks = match["asks"] or match["asks_how"]
        return f"{asks} {verb} {subject}{rest[match.end() :]}"
    if language.name == "fr" and _INVERTED.search(rest) and "y a-t-il" not in rest.casefold():
        return _INVERTED.sub(lambda _: f" {subject}", rest, count=1)
    for token in WORD.finditer(rest):
        if token[0].casefold() in _PLURALS:
            subject = subject_of(before, language, plural=True)
        if put := _in_place_of(token, subject, _person(answer, before, subject), language):
            return f"{rest[: token.start()]}{put}{rest[token.end() :]}"
    return ""


def _in_place_of(token: re.Match[str], subject: str, person: str, language: Language) -> str:
    """Return what a word stands for, empty if it stands for itself."""
    word = token[0] if language.name == "de" else token[0].casefold()
    following = [each.casefold() for each in WORD.findall(token.string[token.end() :])]
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


def _is_empty(pronoun: re.Match[str], following: Sequence[str], language: Language) -> bool:
    """Say whether a pronoun stands for nothing, as in `Is it possible to …` and `Gibt es …`."""
    before = WORD.findall(pronoun.string[: pronoun.start()].casefold())[-1:]
    if language.name == "en":
        is_empty = before in (["is"], ["was"]) or following[:1] in (["take"], ["cost"], ["is"])
        return is_empty and pronoun[0].casefold() == "it" and "to" in following[:-1]
    return before in (["gibt"], ["faut"], ["y"])


def _person(answer: str, before: str, subject: str) -> str:
    """Return the last name of a person."""
    found = _FULL_NAME.findall(answer) or _FULL_NAME.findall(before[1:])
    return found[-1] if found else subject


def _combined(before: str, part: str, language: Language) -> str:
    """Return the last question with a part of it replaced by another of its kind."""
    words = [word.casefold() for word in WORD.findall(part)]
    if words[0] in language.prepositions | language.determiners:
        part = part[:1].lower() + part[1:]
    if words[0] in language.prepositions:
        return _in_place(before, part, language)
    bare = " ".join(word for word in part.split() if word.casefold() not in language.determiners)
    numbers = list(_NUMBER.finditer(before))
    if bare.isdecimal() and len(numbers) == 1:
        return _replaced(before, numbers[0].span(), bare)
    last = re.search(rf"(?:[\w-]+\s)?\b{re.escape(words[-1])}\b", before, re.IGNORECASE)
    if last and len(words) > 1:
        first = last[0].rpartition(" ")[0]
        keeps = f"{first} " if first.casefold() in language.function_words else ""
        return _replaced(before, last.span(), f"{keeps}{bare}")
    if words[0] in language.determiners:
        return _in_phrase(before, part, language)
    named = [match for match in _NAME.finditer(before) if match.start() and match[0] != "I"]
    if bare[:1].isupper() and len(named) == 1 and language.name != "de":
        return _replaced(before, named[0].span(), bare)
    return _added(before, part)


def _in_place(before: str, part: str, language: Language) -> str:
    """Return the last question with a part behind the same preposition replaced, or added.

    That is a name, or all up to the next preposition. `Im zweiten` takes over the noun.
    """
    prepositions = "|".join(language.prepositions)
    preposition = part.split(maxsplit=1)[0]
    same = re.compile(
        rf"\b{preposition}\s(?:(?-i:{_NAME.pattern})|(?:(?!\b(?:{prepositions})\b)[^?.,;])+"
        rf"(?=\s(?:{prepositions})\b|\s*[?.,;]|$))",
        re.IGNORECASE,
    )
    if not (found := list(same.finditer(before))):
        return f"{before.rstrip(EDGE)} {part}?"
    lacks_noun = language.name == "de" and part.islower()
    noun = f" {found[-1][0].split()[-1]}" if lacks_noun else ""
    return _replaced(before, found[-1].span(), f"{part}{noun}")


def _in_phrase(before: str, part: str, language: Language) -> str:
    """Return the last question with a noun and its article in the place of its last such.

    `The basic one` and `el básico` take over the noun. In French and Spanish one in the plural
    takes the place of no singular.
    """
    found = [each for each in phrases_of(before, language) if each.has_article]
    if not found:
        return _added(before, part)
    phrase = found[-1]
    article, *new = part.split()
    article_before = before[phrase.start : phrase.first].strip()
    old = before[phrase.first : phrase.end].split()
    if language.name in {"es", "fr"}:
        if article.endswith("s") is not article_before.endswith("s"):
            return _added(before, part)
        if (len(old), len(new)) == (2, 1) and article == article_before:
            new = [old[0], *new]
    if new and new[-1] in _IN_PLACE_OF_A_NOUN:
        new[-1] = old[-1]
    return _replaced(before, (phrase.start, phrase.end), " ".join([article, *new]))


def _added(before: str, part: str) -> str:
    return f"{before.rstrip(EDGE)} — {part}?"


def _replaced(text: str, span: tuple[int, int], other: str) -> str:
    return f"{text[: span[0]]}{other}{text[span[1] :]}"
