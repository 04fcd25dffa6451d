"""Chooses what answers a question: excerpts of the passages, each around its best quote.

A quote's score is the share of the question's content words that it has, each weighted by its
rarity among the passages (the inverse document frequency of BM25, Robertson & Zaragoza 2009); words
that stand beside or above it count a quarter. The best quotes of three passages are shown, each
with what stands around it in its section; one alone if no other is just what is asked about.
Whether the passages answer the question at all is decided before, by `app.graph.evidence`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain, takewhile, zip_longest
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from gwkit.models.messages import HEADING_SEPARATOR, SEARCHED_CHARACTERS
from gwkit.text.sentences import LIST_MARKER, QuoteKind, quotes
from gwkit.text.words import guess_language, question_weights, share, vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from gwkit.models.messages import Passage
    from gwkit.text.sentences import Quote

__all__ = ["Excerpt", "extract"]

_MOST_EXCERPTS: Final = 3

_AROUND: Final = 3
"""Quotes on either side of the best one that are shown with it."""

_NEAR: Final = 2
"""Quotes on either side of a quote whose words count, too, though less."""

_LONGEST_LIST: Final = 10
"""A list of so many items or rows is shown as a whole: of a procedure each step is needed."""

_LEAST_OF_BEST: Final = 0.5
"""Share of the best quote's score that a further excerpt's must have."""

_WHOLE: Final = 0.99
"""Share of the question in a quote and in a heading that needs no further excerpt."""

_CONTEXT_WEIGHT: Final = 0.25
_HEADING_WEIGHT: Final = 0.15
_RANK_WEIGHT: Final = 0.3
_LISTED: Final = {QuoteKind.ITEM, QuoteKind.ROW}

_SECOND_PART = re.compile(
    r",?\s+(?:and|und|et|y|e|en)\s+(?=(?:what|which|who|when|where|why|how|was|wer|wann|wo|warum"
    r"|wie|welche\w*|qu[eo]i?|quels?|quelles?|comment|quand|où|pourquoi|combien|qué|cuál\w*"
    r"|quién\w*|cómo|cuándo|dónde|cuánt\w*)\b)",
    re.IGNORECASE,
)
"""Expression of what joins two questions in one: `and` before a question word."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A part of a passage, word for word, around the quote that answers."""

    passage: int
    before: str
    quote: str
    after: str
    kind: QuoteKind


def extract(question: str, passages: Sequence[Passage]) -> list[Excerpt]:
    """Return the excerpts that answer the question, of at most three passages, the best first.

    Of the question the first 10,000 characters count. Where it has a second part, the best excerpt
    of each part comes first. If no passage has a word of it, there is none.
    """
    question = question[:SEARCHED_CHARACTERS]
    language = guess_language(question)
    sources = [_Source(passage, language) for passage in passages]
    vocabularies = [source.vocabulary for source in sources]
    parts = [
        _ranked(sources, question_weights(part, language, vocabularies))
        for part in _SECOND_PART.split(question)[:_MOST_EXCERPTS]
    ]
    chosen: dict[int, Excerpt] = {}
    for best in chain.from_iterable(zip_longest(*parts)):
        if best and len(chosen) < _MOST_EXCERPTS and best[0] not in chosen:
            at, place = best
            chosen[at] = sources[at].excerpt(place)
    return list(chosen.values())


class _Source:
    """A passage, taken apart."""

    def __init__(self, passage: Passage, language: str) -> None:
        self.passage = passage
        self.quotes = quotes(passage.text, language)
        self.headings = [
            vocabulary(heading, language) for heading in passage.heading.split(HEADING_SEPARATOR)
        ]
        self.above = frozenset[str]().union(*self.headings)
        self.vocabulary = self.above.union(*(quote.words for quote in self.quotes))
        self._leads = list(self._found_leads())

    def _found_leads(self) -> Iterator[int | None]:
        """Yield for each quote the place of what announces it, or the list that it is in."""
        lead = kind = None
        for place, quote in enumerate(self.quotes):
            if not (quote.kind is kind and kind in _LISTED):
                lead = place - 1 if place and self._announces(place - 1) else None
            kind = quote.kind
            yield lead

    def scores(self, weights: Mapping[str, float]) -> Iterator[tuple[float, int]]:
        """Yield score and place of each quote that can answer."""
        likeness = max(_likeness(heading, weights.keys()) for heading in self.headings)
        for place, quote in enumerate(self.quotes):
            if quote.kind is not QuoteKind.LEAD:
                near = self.quotes[max(0, place - _NEAR) : place + _NEAR + 1]
                context = self.above.union(*(other.words for other in near))
                score = (
                    (1 - _CONTEXT_WEIGHT) * share(weights, self.words_of(place))
                    + _CONTEXT_WEIGHT * share(weights, context)
                    + _HEADING_WEIGHT * likeness
                )
                yield score * (1 + _RANK_WEIGHT / self.passage.number), place

    def words_of(self, place: int) -> frozenset[str]:
        """Return the words of a quote and of what announces it."""
        lead = self._leads[place]
        words = self.quotes[place].words
        return words if lead is None else words | self.quotes[lead].words

    def is_whole(self, place: int, weights: Mapping[str, float]) -> bool:
        """Say whether a quote and a heading above it each have all that is asked about."""
        likeness = max(_likeness(heading, weights.keys()) for heading in self.headings)
        return min(likeness, share(weights, self.words_of(place))) > _WHOLE

    def text_of(self, quote: Quote) -> str:
        """Return what a quote says."""
        return self.passage.text[quote.start : quote.end]

    def excerpt(self, place: int) -> Excerpt:
        """Return a quote with what stands around it."""
        quote, text = self.quotes[place], self.passage.text
        first, last = self._bounds(place)
        shown = self.quotes[first : last + 1]
        marker = LIST_MARKER.match(text, quote.start)
        start = marker.end() if marker and quote.kind is QuoteKind.ITEM else quote.start
        before = text[shown[0].start : start]
        lead = self._leads[place]
        if lead is not None and lead < first:
            before = f"{self.text_of(self.quotes[lead])}\n\u2026\n{before}"
        return Excerpt(
            passage=self.passage.number,
            before=before,
            quote=text[start : quote.end],
            after=text[quote.end : shown[-1].end],
            kind=quote.kind,
        )

    def _bounds(self, place: int) -> tuple[int, int]:
        """Return the places of the first and last quote to show."""
        first, last = self._reach(place, -1), self._reach(place, 1)
        # What is announced comes with what announces it, and a short list as a whole.
        lead = place if self._announces(place) else self._leads[place]
        block = [at for at, other in enumerate(self._leads) if other == lead]
        if lead is not None and len(block) <= _LONGEST_LIST:
            first, last = min(first, lead), max([last, *block])
        while self.quotes[last].kind is not QuoteKind.LEAD and self._announces(last):
            announced = [at for at, other in enumerate(self._leads) if other == last]
            if not 0 < len(announced) <= _LONGEST_LIST:
                break
            last = announced[-1]
        # Nor does the text end within the items of a short list.
        items = list(takewhile(self._is_item, range(last, len(self.quotes))))
        last = items[-1] if 0 < len(items) <= _LONGEST_LIST else last
        while last > place and self._announces(last):
            last -= 1
        return first, last

    def _reach(self, place: int, step: int) -> int:
        """Return the place of the last quote to show in a direction.

        Titles do not count, and what stands above one belongs to something else.
        """
        left = _AROUND
        while left and 0 <= place + step < len(self.quotes):
            place += step
            is_title = self.quotes[place].kind is QuoteKind.LEAD
            if is_title and step < 0:
                break
            left -= not is_title
        return place

    def _is_item(self, place: int) -> bool:
        return self.quotes[place].kind is QuoteKind.ITEM

    def _announces(self, place: int) -> bool:
        """Say whether a quote is about what follows."""
        quote = self.quotes[place]
        return quote.kind is QuoteKind.LEAD or self.text_of(quote).endswith(":")


def _ranked(sources: Sequence[_Source], weights: Mapping[str, float]) -> list[tuple[int, int]]:
    """Return which sources have the best quotes, and the place of the best in each."""
    scored = []
    for at, source in enumerate(sources):
        score, place = max(source.scores(weights), key=itemgetter(0), default=(0.0, 0))
        scored.append((score, at, place))
    scored.sort(key=lambda each: -each[0])
    found = [(at, place) for score, at, place in scored if score > _LEAST_OF_BEST * scored[0][0]]
    whole = [(at, place) for at, place in found if sources[at].is_whole(place, weights)]
    return whole if len(whole) == 1 else found


def _likeness(heading: frozenset[str], asked: AbstractSet[str]) -> float:
    """Return Dice's coefficient of the question's words and the heading's."""
    together = len(heading) + len(asked)
    return 2 * len(heading & asked) / together if together else 0.0
