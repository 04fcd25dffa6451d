"""Choosing the quotes that answer a question, and setting them out as Markdown with citations."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

from gwkit.models.messages import SEARCHED_CHARACTERS
from gwkit.offline.passages import QuoteKind, quotes
from gwkit.offline.relevance import Relevance

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gwkit.models.messages import Passage
    from gwkit.offline.passages import Quote

__all__ = ["extract", "set_out"]

_MOST_QUOTES = 3
_MOST_COMPANIONS = 12
_LEAST_SCORE = 0.25
_LEAST_GAIN = 0.35

_POINTS_BACK = re.compile(
    r"(?:It|Its|This|That|These|Those|They|Their|Then|Otherwise|However|So|But|And|In that case)\b"
)
_CODE_OR_FOOTNOTE = re.compile(r"`[^`]*`|\[(?P<number>\d+)\]")
_TICKS = re.compile(r"`+")


def extract(question: str, passages: Sequence[Passage]) -> list[Quote]:
    """Return the quotes that answer the question in reading order, none if no passage has them.

    Of the question the first 10,000 characters count.

    One to three are chosen, a second or third only for words of the question that the others lack;
    and with them what they cannot be read without: the sentence before one that points back, the
    list or code that a sentence announces, all steps of a procedure.
    """
    question = question[:SEARCHED_CHARACTERS]
    found = [quote for passage in passages for quote in quotes(passage)]
    relevance = Relevance(question, found)
    kept: dict[Quote, None] = {}
    for quote in _chosen(found, relevance):
        kept.update(dict.fromkeys(_with_companions(quote, found, relevance)))
    # The passage with the best quote comes first.
    order = list(dict.fromkeys(quote.passage for quote in kept))
    return sorted(kept, key=lambda quote: (order.index(quote.passage), quote.order))


def _chosen(found: Sequence[Quote], relevance: Relevance) -> list[Quote]:
    scored = [(relevance.score(quote), quote) for quote in found]
    scored.sort(key=lambda pair: (-pair[0], pair[1].passage, pair[1].order))
    chosen: list[Quote] = []
    had = frozenset[str]()
    for score, quote in scored:
        if score < max(_LEAST_SCORE, scored[0][0] / 3) or len(chosen) == _MOST_QUOTES:
            break
        if not chosen or relevance.gain(quote.words | quote.asked, had) > _LEAST_GAIN:
            chosen.append(quote)
            had |= quote.words | quote.context
    return chosen


def _with_companions(quote: Quote, found: Sequence[Quote], relevance: Relevance) -> list[Quote]:
    here = [other for other in found if other.passage == quote.passage]
    first = last = here.index(quote)
    block = [index for index, other in enumerate(here) if other.block == quote.block]
    if _belongs_together(quote, [here[index] for index in block], relevance):
        first, last = block[0], block[-1]
    while first and _needs(here[first], here[first - 1]):
        first -= 1
    if here[last].text.endswith(":") and last + 1 < len(here) and here[last + 1].is_set_off:
        announced = here[last + 1].block
        while last + 1 < len(here) and here[last + 1].block == announced:
            last += 1
    return here[first : min(last, first + _MOST_COMPANIONS) + 1]


def _belongs_together(quote: Quote, block: Sequence[Quote], relevance: Relevance) -> bool:
    """Say whether a list or table answers as a whole and not in one of its lines."""
    if len(block) > _MOST_COMPANIONS:
        return False
    match quote.kind:
        case QuoteKind.ITEM:
            return relevance.asks_steps or quote.is_step or not (quote.words & relevance.words)
        case QuoteKind.ROW:
            # Only the names of the columns are what was asked for.
            shared = [other.words & relevance.words for other in block]
            return all(words == shared[0] for words in shared)
        case _:
            return False


def _needs(quote: Quote, before: Quote) -> bool:
    """Say whether a quote cannot be read without the one before it."""
    if before.kind is not QuoteKind.SENTENCE:
        return False
    if before.block == quote.block:
        return bool(_POINTS_BACK.match(quote.text))
    return before.text.endswith(":") or quote.kind is QuoteKind.CODE


def set_out(chosen: Sequence[Quote]) -> str:
    """Return the quotes as Markdown, each paragraph, list or code with its citation."""
    text = "\n\n".join(_parts(chosen))
    # Where nothing follows a colon, what it announced is not part of the passage.
    return f"{text[:-1]}." if text.endswith(":") else text


def _parts(chosen: Sequence[Quote]) -> Iterator[str]:
    announced = 0
    for (passage, _, kind), run in groupby(
        chosen, key=lambda quote: (quote.passage, quote.block, quote.kind)
    ):
        texts = [quote.text for quote in run]
        # What a sentence of the same passage announces is cited there.
        citation = "" if announced == passage else f"[{passage}]"
        announced = passage if texts[-1].endswith(":") else 0
        match kind:
            case QuoteKind.CODE:
                yield _code("\n".join(texts))
                if citation:
                    yield citation
            case QuoteKind.ROW if len(texts) > 1:
                yield _cited("\n".join(f"- {text}" for text in texts), citation)
            case QuoteKind.SENTENCE:
                yield _cited(" ".join(texts), citation)
            case _:
                yield _cited("\n".join(texts), citation)


def _code(code: str) -> str:
    longest = max(map(len, _TICKS.findall(code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{code}\n{fence}"


def _cited(text: str, citation: str) -> str:
    """Put the citation before the full stop, or at the end where there is none."""
    text = _CODE_OR_FOOTNOTE.sub(_without_brackets, text)
    if not citation:
        return text
    end = text[-1] if text.endswith((".", "!", ":")) and not text.endswith("..") else ""
    return f"{text.removesuffix(end)} {citation}{end}"


def _without_brackets(match: re.Match[str]) -> str:
    """Change a document's own `[3]` to `(3)`, which does not read as a citation; not in code."""
    return f"({match['number']})" if match["number"] else match[0]
