"""Holds what an answer states against the passages that it cites, without asking a model.

Quoted words must stand in one of the passages, but for space and typography; numbers, dates, names
and page numbers must occur in them. That is all this can see: a sentence that turns the meaning of
its passage around with the same words passes, and so does one without any of these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

import structlog

from app.graph.composition import WITHHELD
from app.graph.state import Unsupported
from app.graph.statements import statements
from gwkit.text import facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from app.graph.state import Answer
    from app.graph.statements import Statement
    from gwkit.index.store import Hit
    from gwkit.text.facts import Date, Fact

__all__ = ["find_unsupported", "with_unsupported"]

_log = structlog.stdlib.get_logger(__name__)

_Kind: TypeAlias = Literal["quote", "number", "date", "name", "page"]
_T = TypeVar("_T")

_WORD = re.compile(r"[^\W\d_]+")
_NOT_STATED = re.compile(r"\[\d{1,4}\]|^\s*(?:[-*+|•]|\d{1,3}[.)])\s+")
"""Citations and the mark of a list's item."""

_FENCE = re.compile(r"(?:`{3,}|~{3,})[^\n]*")
# Ellipses and insertions in a quotation.
_GAP = re.compile(r"[\[(]?\.{3}[\])]?|\[[^\]]*\]")
_OWN_CAPITAL = re.compile(r"\[(\w)\](?=\w)")
_EDGE = " .,;:!?'\"-()"
# Before a word that is capitalized only because it begins a sentence, a quotation or an item.
_BEGINNING = re.compile(r"(?:^|[.!?:;|(\n\"'“„«>*_#/-])[\s*_\"'“„«(]*$")
_LABEL = re.compile(r"[\W_]*[^.!?:\n]{1,60}:")
_GERMAN_WORDS = """
    auch auf aus bei bis das dem den der die dort ein eine einen für heißt im ist jede jeder mit
    nach nicht oder sich sind und von vor werden wie wird zu zum zur
"""
_GERMAN = frozenset(_GERMAN_WORDS.split())
"""Words of the language that writes every noun with a capital."""

_FEWEST_INITIALS = 3
_SHORTEST_COUNTED = 4


def find_unsupported(answer: str, hits: Sequence[Hit]) -> tuple[Unsupported, ...]:
    """Return what the cited sentences of an answer say and their passages do not.

    The time is linear in the length of the answer and the passages.

    Args:
        answer: its `[n]` is the n-th hit.
        hits: the cited passages.
    """
    sources = [_Source.of(hit) for hit in hits]
    words = set(_WORD.findall(answer.casefold()))
    has_capital_nouns = len(words & _GERMAN) > 1
    found = []
    for statement in statements(answer):
        cited = [sources[number - 1] for number in statement.cited if 0 < number <= len(sources)]
        for kind, missing in _missing(statement, cited, has_capital_nouns=has_capital_nouns):
            found.append(
                Unsupported(
                    start=statement.start,
                    end=statement.end,
                    sentence=statement.text.strip(),
                    citations=statement.cited,
                    kind=kind,
                    missing=missing,
                )
            )
    return tuple(found)


def with_unsupported(
    answer: Answer, unsupported: tuple[Unsupported, ...], policy: Literal["mark", "refuse"]
) -> Answer:
    """Return the answer with these sentences marked, or one that withholds them; one log line."""
    if not unsupported:
        return answer
    _log.warning(
        "answer_unsupported",
        model=answer.model,
        sentences=len({each.start for each in unsupported}),
        kinds=sorted({each.kind for each in unsupported}),
        policy=policy,
    )
    withheld = {"answer": WITHHELD, "citations": (), "found": False}
    marked = {"unsupported": unsupported}
    return answer.model_copy(update=withheld if policy == "refuse" else marked)


@dataclass(frozen=True, slots=True)
class _Source:
    """What a passage says, with its title and headings, in comparable forms."""

    plain: str
    initials: str
    words: frozenset[str]
    numbers: frozenset[str]
    counts: tuple[tuple[frozenset[str], tuple[str, ...]], ...]
    dates: frozenset[Date]
    pages: frozenset[int]

    @classmethod
    def of(cls, hit: Hit) -> _Source:
        text = "\n".join((hit.document, hit.title, *hit.headings, hit.text))
        words = _WORD.findall(text.casefold())
        found = [*facts.numbers(text), *facts.spelled_numbers(text)]
        pages = [frozenset({place.page}) for place in hit.places]
        return cls(
            plain=facts.plain(text),
            initials="".join(word[0] for word in words),
            words=frozenset(words),
            numbers=_union(fact.forms for fact in found),
            counts=tuple((fact.forms, facts.counted(text, fact)) for fact in found),
            dates=_union(meanings for _, meanings in facts.dates(text)),
            pages=_union((*pages, *(numbers for _, numbers in facts.pages(text)))),
        )

    @classmethod
    def joined(cls, sources: Sequence[_Source]) -> _Source:
        """Return what several passages say together."""
        return cls(
            plain="\n".join(source.plain for source in sources),
            initials="\n".join(source.initials for source in sources),
            words=_union(source.words for source in sources),
            numbers=_union(source.numbers for source in sources),
            counts=tuple(count for source in sources for count in source.counts),
            dates=_union(source.dates for source in sources),
            pages=_union(source.pages for source in sources),
        )


def _union(sets: Iterable[frozenset[_T]]) -> frozenset[_T]:
    return frozenset[_T]().union(*sets)


def _missing(
    statement: Statement, cited: Sequence[_Source], *, has_capital_nouns: bool
) -> Iterator[tuple[_Kind, str]]:
    """Yield what the passages lack, by its kind."""
    body = _NOT_STATED.sub(_blank, statement.text)
    for quoted in statement.quoted:
        if not any(_is_quoted(quoted, source.plain) for source in cited):
            yield "quote", quoted
        body = body.replace(quoted, " " * len(quoted))
    source = cited[0] if len(cited) == 1 else _Source.joined(cited)
    for kind, written, is_known in _pages_and_dates(body, source):
        if not is_known:
            yield kind, written
        body = body.replace(written, " " * len(written))
    for kind, written, is_known in _numbers_and_names(
        body, source, has_capital_nouns=has_capital_nouns
    ):
        if not is_known:
            yield kind, written


def _pages_and_dates(body: str, source: _Source) -> Iterator[tuple[_Kind, str, bool]]:
    for fact, numbers in facts.pages(body):
        yield "page", fact.written, numbers <= source.pages
    for fact, meanings in facts.dates(body):
        yield "date", fact.written, _is_dated(fact, meanings, source)


def _numbers_and_names(
    body: str, source: _Source, *, has_capital_nouns: bool
) -> Iterator[tuple[_Kind, str, bool]]:
    for fact in facts.numbers(body):
        pieces = fact.written.split()
        is_known = bool(fact.forms & source.numbers) or source.numbers.issuperset(pieces)
        yield "number", fact.written, is_known
    for fact in facts.spelled_numbers(body):
        things = facts.counted(body, fact)
        yield "number", fact.written, not _is_contradicted(fact, things, source)
    for name in _names(body, has_capital_nouns=has_capital_nouns):
        yield "name", name, _is_named(name.casefold(), source)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _is_quoted(quoted: str, passage: str) -> bool:
    """Say whether a passage has the parts of a quotation in their order, or all lines of a code."""
    if _FENCE.match(quoted):
        lines = _FENCE.sub("", quoted).splitlines()
        return all(_find(facts.plain(line), passage, 0) >= 0 for line in lines)
    position = 0
    for part in _GAP.split(facts.plain(_OWN_CAPITAL.sub(r"\1", quoted))):
        position = _find(part.strip(_EDGE), passage, position)
        if position < 0:
            return False
    return True


def _find(words: str, passage: str, start: int) -> int:
    """Return where whole words end in a passage, -1 where they are not in it."""
    while words:
        start = passage.find(words, start)
        end = start + len(words)
        if start < 0:
            return -1
        if not (passage[start - 1 : start].isalnum() and words[0].isalnum()) and not (
            passage[end : end + 1].isalnum() and words[-1].isalnum()
        ):
            return end
        start += 1
    return start


def _is_dated(fact: Fact, meanings: frozenset[Date], source: _Source) -> bool:
    """Say whether a date is one of the passages; its year may stand elsewhere in them."""
    for year, month, day in meanings:
        for other_year, other_month, other_day in source.dates:
            is_year = year in {0, other_year} or (not other_year and str(year) in source.numbers)
            if is_year and month == other_month and day in {0, other_day}:
                return True
    return _find(facts.plain(fact.written), source.plain, 0) >= 0


def _is_contradicted(fact: Fact, counted: Sequence[str], source: _Source) -> bool:
    """Say whether passages have only other numbers of what a number in words counts.

    A sentence may count what its passage lists (`there are three ways`).
    """
    if fact.forms & (source.numbers | {"1"}):
        return False
    things = {word for word in counted if len(word) >= _SHORTEST_COUNTED}
    return any(not things.isdisjoint(others) for _, others in source.counts)


def _names(body: str, *, has_capital_nouns: bool) -> Iterator[str]:
    label = _LABEL.match(body)
    for fact in facts.names(body):
        is_plain = fact.written[1:].islower() or len(fact.written) == 1
        if is_plain and (
            has_capital_nouns
            or fact.start < (label.end() if label else 0)
            or _BEGINNING.search(body[max(0, fact.start - 20) : fact.start])
            or fact.written == "I"
        ):
            continue
        yield fact.written


def _is_named(name: str, source: _Source) -> bool:
    """Say whether passages have a name, its plural or what it abbreviates."""
    forms = {name, name.removesuffix("s"), f"{name}s"}
    is_short_for = len(name) >= _FEWEST_INITIALS and name in source.initials
    return not forms.isdisjoint(source.words) or is_short_for
