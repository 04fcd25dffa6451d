"""How well a quote answers a question.

A quote's score is the share of the question's content words that it has, each weighted by its
rarity among all quotes (the inverse document frequency of BM25, Robertson & Zaragoza 2009). Words
that only stand above it count less; a heading that says what the question says adds to the score,
and so does the form that the question expects, such as an amount of money.
"""

from __future__ import annotations

import re
from collections import Counter
from math import log
from typing import TYPE_CHECKING

from gwkit.offline.passages import QuoteKind
from gwkit.text.words import content_words, near_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwkit.offline.passages import Quote

__all__ = ["Relevance"]

_ASKED_WEIGHT = 0.9
_CONTEXT_WEIGHT = 0.5
_HEADING_WEIGHT = 0.6
_RANK_WEIGHT = 0.2
_LONG_WORDS = 40

_UNEXPECTED = 0.8
_EXPECTATIONS = (
    # What a question has in it, what an answer to it has then, and the factor for such a quote;
    # any other gets `_UNEXPECTED`.
    (
        r"\bhow (?:long|often|soon|late|early|quickly|fast|old)\b|^when\b",
        r"\b(?:second|minute|hour|day|night|week|month|year)s?\b|\d\d:\d\d|\b(?:19|20)\d\d\b",
        1.25,
    ),
    (
        r"\b(?:cost|price|pay|paid|fee|expensive|cheap)",
        r"[$\u20ac\u00a3]|\beuros?\b|\d\.\d\d\b",
        1.2,
    ),
    (
        r"\bhow (?:big|large|high|tall|wide|deep|far)\b|\bsizes?\b",
        r"\d (?:[cmk]?m|[KMG]i?B|bytes)\b",
        1.2,
    ),
    (r"\bhow (?:heavy|much .{0,40}weigh)", r"\d ?k?g\b", 1.2),
    (r"\bhow (?:many|much)\b|\b(?:limit|m(?:ax|in)imum|default|port|number|version)\b", r"\d", 1.2),
    (r"^why\b", r"\b(?:because|since|so that|therefore|reason)\b", 1.2),
)
_ASKS_MEANING = re.compile(
    r"(?:what|who)(?:'s| is| are)(?: an?| the)? (?P<term>[^?,]{1,40}?)\s*\??", re.IGNORECASE
)
_ASKS_CODE = re.compile(
    r"\b(?:command|example|snippet|syntax)\b|\bin (?:Python|bash|curl)\b", re.IGNORECASE
)
_ASKS_STEPS = re.compile(
    r"\bhow (?:do|can|to|should|would|must|is|are)\b|\bsteps?\b"
    r"|\bwhat (?:can|do|does|must|should) .{1,20}\bdo\b",
    re.IGNORECASE,
)
_DIRECTS = re.compile(
    r"(?:You can|To|First|Use|Add|Call|Choose|Create|Import|Install|Open|Run|Set)\b"
)
# An entry of a change log says what was changed once, and not how things are.
_LOG_ENTRY = re.compile(r"\bPR \#\d|\(\#\d+\)|\bby @\w")
# Sentences about the text itself, which say nothing away from their place.
_SIGNPOST = re.compile(
    r"\byou(?:'ll| will) (?:see|learn|read)\b|\bhave (?:only |just |already )?seen\b|\bread more\b"
    r"|\b(?:next|previous|that|this) (?:chapter|page|section)\b|\bas before\b|\babove\b",
    re.IGNORECASE,
)


class Relevance:
    """Scores quotes for one question.

    Args:
        question: as it was asked.
        found: all quotes that there are; they decide which words are rare.
    """

    def __init__(self, question: str, found: Sequence[Quote]) -> None:
        known = frozenset[str]().union(*(quote.words | quote.context for quote in found))
        self.words = frozenset(near_words(content_words(question), known)) & known
        frequency = Counter(word for quote in found for word in self.words & quote.words)
        self._weights = {
            word: log(1 + (len(found) - frequency[word] + 0.5) / (frequency[word] + 0.5))
            for word in self.words
        }
        self._total = sum(self._weights.values())
        expected = [
            (answer, factor)
            for asks, answer, factor in _EXPECTATIONS
            if re.search(asks, question, re.IGNORECASE)
        ]
        self._expected = expected
        meaning = _ASKS_MEANING.fullmatch(question)
        self._definition = (
            rf"(?:[-*] +)?[*_`]*(?:an? |the )?{re.escape(meaning['term'])}\b"
            r"(?P<defined>[*_`]*(?:[:,] | (?:is|are|means)\b))?"
            if meaning
            else None
        )
        self._asks_code = bool(_ASKS_CODE.search(question))
        self.asks_steps = bool(_ASKS_STEPS.search(question))

    def gain(self, words: frozenset[str], had: frozenset[str]) -> float:
        """Return the share of the question that is in `words` and not in `had`, from 0 to 1."""
        gained = (words - had) & self.words
        return sum(self._weights[word] for word in gained) / self._total if self._total else 0.0

    def score(self, quote: Quote) -> float:
        """Return how well the quote answers; 0 if it shares no word with the question."""
        # Each further gain is of words that were not had nearer to the quote.
        own, asked, context = quote.words, quote.words | quote.asked, quote.context
        score = (
            self.gain(own, frozenset())
            + _ASKED_WEIGHT * self.gain(asked, own) * self._likeness(quote.asked)
            + _CONTEXT_WEIGHT * self.gain(context, asked)
            + _HEADING_WEIGHT * max(map(self._likeness, quote.headings), default=0)
        )
        length = len(quote.text.split())
        rank_bonus = 1 + _RANK_WEIGHT / quote.passage
        return score * self._form(quote) * rank_bonus / (1 + max(0, length - _LONG_WORDS) / 100)

    def _likeness(self, heading: frozenset[str]) -> float:
        """Return Dice's coefficient of the question's words and the heading's."""
        together = len(heading) + len(self.words)
        return 2 * len(heading & self.words) / together if together else 0.0

    def _form(self, quote: Quote) -> float:
        """Return a factor that says how far the quote has the form that the question expects."""
        factor = 0.5 if quote.kind is QuoteKind.TITLE else 1.0
        for answer, expected in self._expected:
            factor *= expected if re.search(answer, quote.text, re.IGNORECASE) else _UNEXPECTED
        if self._asks_code and quote.kind is QuoteKind.CODE:
            factor *= 1.5
        if quote.order == 0 and quote.kind is QuoteKind.SENTENCE:
            # What a section says first is what it is about (Edmundson 1969).
            factor *= 1.15
        if self.asks_steps and quote.kind is QuoteKind.ITEM:
            factor *= 1.3 if quote.is_step else 1.1
        if self.asks_steps and _DIRECTS.match(quote.text):
            factor *= 1.15
        if _SIGNPOST.search(quote.text):
            factor *= 0.7
        if _LOG_ENTRY.search(quote.text):
            factor *= 0.5
        if self._definition and (named := re.match(self._definition, quote.text, re.IGNORECASE)):
            factor *= 1.6 if named["defined"] else 1.2
        return factor
