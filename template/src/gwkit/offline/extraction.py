"""Chooses the quotes that answer a question.

A quote's score is the share of the question's content words that it has, each weighted by its
rarity among all quotes (the inverse document frequency of BM25, Robertson & Zaragoza 2009). Words
that only stand above it count less. A heading that says what the question says adds to the score,
and so does the form that the question expects: a time, a number, a definition or a step.
"""

from __future__ import annotations

import re
from collections import Counter
from math import log
from typing import TYPE_CHECKING

from gwkit.models.messages import SEARCHED_CHARACTERS
from gwkit.offline.passages import QuoteKind, quotes
from gwkit.text.words import content_words, near_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwkit.models.messages import Passage
    from gwkit.offline.passages import Quote

__all__ = ["extract"]

_MOST_QUOTES = 3
_MOST_COMPANIONS = 12
_LEAST_SCORE = 0.25
_LEAST_GAIN = 0.35

_ASKED_WEIGHT = 0.9
_CONTEXT_WEIGHT = 0.5
_HEADING_WEIGHT = 0.4
_RANK_WEIGHT = 0.2

_ASKS_MEANING = re.compile(
    r"(?:what|who)(?:'s| is| are)(?: an?| the)? (?P<term>[^?,]{1,40}?)\s*\??", re.IGNORECASE
)
_ASKS_STEPS = re.compile(
    r"\bhow (?:do|can|to|should|would|must|is|are)\b|\bsteps?\b"
    r"|\bwhat (?:can|do|does|must|should) .{1,20}\bdo\b",
    re.IGNORECASE,
)
_DIRECTS = re.compile(
    r"(?:You can|To|First|Use|Add|Call|Choose|Create|Import|Install|Open|Run|Set)\b"
)
_EXPECTATIONS = (
    # What a question has in it, and what an answer to it has then.
    (
        r"\bhow (?:long|often|soon|late|early|quickly|fast|old)\b|^when\b",
        r"\b(?:second|minute|hour|day|night|week|month|year)s?\b|\d\d:\d\d|\b(?:19|20)\d\d\b",
    ),
    (
        r"\bhow (?:many|much|big|large|high|tall|wide|deep|far|heavy)\b|\b(?:cost|price|fee)s?\b",
        r"\d",
    ),
)
# Sentences about the text itself, which say nothing away from their place.
_SIGNPOST = re.compile(
    r"\byou(?:'ll| will) (?:see|learn|read)\b|\bhave (?:only |just |already )?seen\b|\bread more\b"
    r"|\b(?:next|previous|that|this) (?:chapter|page|section)\b|\bas before\b|\babove\b",
    re.IGNORECASE,
)
_POINTS_BACK = re.compile(
    r"(?:It|Its|This|That|These|Those|They|Their|Then|Otherwise|However|So|But|And|In that case)\b"
)


def extract(question: str, passages: Sequence[Passage]) -> list[Quote]:
    """Return the quotes that answer the question in reading order, none if no passage has them.

    Of the question the first 10,000 characters count.

    One to three are chosen, a second or third only for words of the question that the others lack;
    and with them what they cannot be read without: the sentence before one that points back, the
    list or code that a sentence announces, all steps of a procedure.
    """
    found = [quote for passage in passages for quote in quotes(passage)]
    relevance = _Relevance(question[:SEARCHED_CHARACTERS], found)
    kept: dict[Quote, None] = {}
    for quote in _best(found, relevance):
        here = [other for other in found if other.passage == quote.passage]
        kept.update(dict.fromkeys(_with_companions(quote, here, relevance)))
    # The passage with the best quote comes first.
    order = list(dict.fromkeys(quote.passage for quote in kept))
    return sorted(kept, key=lambda quote: (order.index(quote.passage), quote.order))


def _best(found: Sequence[Quote], relevance: _Relevance) -> list[Quote]:
    scored = [(relevance.score(quote), quote) for quote in found]
    scored.sort(key=lambda pair: (-pair[0], pair[1].passage, pair[1].order))
    best: list[Quote] = []
    had = frozenset[str]()
    for score, quote in scored:
        if score < max(_LEAST_SCORE, scored[0][0] / 3) or len(best) == _MOST_QUOTES:
            break
        if not best or relevance.share(quote.words | quote.asked, had) > _LEAST_GAIN:
            best.append(quote)
            had |= quote.context
    return best


def _with_companions(quote: Quote, here: Sequence[Quote], relevance: _Relevance) -> Sequence[Quote]:
    """Return the quote with those of its passage that it cannot be read without."""
    first = last = here.index(quote)
    block = [index for index, other in enumerate(here) if other.block == quote.block]
    if len(block) <= _MOST_COMPANIONS and relevance.wants_all(
        quote, [here[index] for index in block]
    ):
        first, last = block[0], block[-1]
    while first and _needs(here[first], here[first - 1]):
        first -= 1
    if here[last].text.endswith(":") and last + 1 < len(here):
        announced = here[last + 1]
        if announced.kind in {QuoteKind.ITEM, QuoteKind.ROW, QuoteKind.CODE}:
            last = max(index for index, other in enumerate(here) if other.block == announced.block)
    return here[first : min(last, first + _MOST_COMPANIONS) + 1]


def _needs(quote: Quote, before: Quote) -> bool:
    """Say whether a quote cannot be read without the one before it."""
    if before.kind is not QuoteKind.SENTENCE:
        return False
    if before.block == quote.block:
        return bool(_POINTS_BACK.match(quote.text))
    return before.text.endswith(":") or quote.kind is QuoteKind.CODE


class _Relevance:
    """Scores quotes for one question.

    Args:
        question: as it was asked.
        found: all quotes that there are; they decide which words are rare.
    """

    def __init__(self, question: str, found: Sequence[Quote]) -> None:
        known = frozenset[str]().union(*(quote.context for quote in found))
        self._words = frozenset(near_words(content_words(question), known)) & known
        frequency = Counter(word for quote in found for word in self._words & quote.words)
        self._weights = {
            word: log(1 + (len(found) - frequency[word] + 0.5) / (frequency[word] + 0.5))
            for word in self._words
        }
        self._total = sum(self._weights.values())
        self._expected = [
            re.compile(answer, re.IGNORECASE)
            for asks, answer in _EXPECTATIONS
            if re.search(asks, question, re.IGNORECASE)
        ]
        self._asks_steps = bool(_ASKS_STEPS.search(question))
        meaning = _ASKS_MEANING.fullmatch(question)
        self._definition = (
            re.compile(
                rf"(?:[-*] +)?[*_`]*(?:an? |the )?{re.escape(meaning['term'])}\b"
                r"(?P<defined>[*_`]*(?:[:,] | (?:is|are|means)\b))?",
                re.IGNORECASE,
            )
            if meaning
            else None
        )

    def share(self, words: frozenset[str], had: frozenset[str] = frozenset()) -> float:
        """Return the share of the question that is in `words` and not in `had`, from 0 to 1."""
        gained = (words - had) & self._words
        return sum(self._weights[word] for word in gained) / self._total if self._total else 0.0

    def score(self, quote: Quote) -> float:
        """Return how well the quote answers; 0 if it shares no word with the question."""
        # Each further share is of words that were not had nearer to the quote.
        near = quote.words | quote.asked
        score = (
            self.share(quote.words)
            + _ASKED_WEIGHT * self.share(near, quote.words) * self._likeness(quote.asked)
            + _CONTEXT_WEIGHT * self.share(quote.context, near)
            + _HEADING_WEIGHT * max(map(self._likeness, quote.headings), default=0)
        )
        return score * self._form(quote) * (1 + _RANK_WEIGHT / quote.passage)

    def wants_all(self, quote: Quote, block: Sequence[Quote]) -> bool:
        """Say whether a list or table answers as a whole and not in one of its lines."""
        if quote.kind is QuoteKind.ITEM:
            return self._asks_steps or _is_step(quote) or not (quote.words & self._words)
        # Only the names of the columns are what was asked for.
        shared = {other.words & self._words for other in block}
        return quote.kind is QuoteKind.ROW and len(shared) == 1

    def _likeness(self, heading: frozenset[str]) -> float:
        """Return Dice's coefficient of the question's words and the heading's."""
        together = len(heading) + len(self._words)
        return 2 * len(heading & self._words) / together if together else 0.0

    def _form(self, quote: Quote) -> float:
        """Return a factor that says how far the quote has the form that the question expects."""
        factor = 0.5 if quote.kind is QuoteKind.TITLE else 1.0
        for expected in self._expected:
            factor *= 1.2 if expected.search(quote.text) else 0.8
        if _SIGNPOST.search(quote.text):
            factor *= 0.7
        if quote.order == 0 and quote.kind is QuoteKind.SENTENCE:
            # What a section says first is what it is about (Edmundson 1969).
            factor *= 1.15
        if self._asks_steps and quote.kind is QuoteKind.ITEM:
            factor *= 1.3 if _is_step(quote) else 1.1
        if self._asks_steps and _DIRECTS.match(quote.text):
            factor *= 1.15
        if self._definition and (named := self._definition.match(quote.text)):
            factor *= 1.6 if named["defined"] else 1.2
        return factor


def _is_step(quote: Quote) -> bool:
    """Say whether a quote is an item of a numbered list."""
    return quote.kind is QuoteKind.ITEM and quote.text.lstrip()[0].isdigit()
