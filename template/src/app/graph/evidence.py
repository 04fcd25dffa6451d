"""Decides whether hits are evidence for the question, and how many of them a prompt takes."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

import structlog

from app.exceptions import TokenLimitError
from gwkit.models.messages import HEADING_SEPARATOR, SEARCHED_CHARACTERS, Passage
from gwkit.text.characters import count_tokens
from gwkit.text.words import guess_language, question_weights, share, vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gwkit.index.store import Hit
    from gwkit.models.messages import ChatRequest

__all__ = ["Evidence", "check_evidence", "fewer", "fitted", "passages"]

_log = structlog.stdlib.get_logger(__name__)

_BEST = 3
_SAFETY = 0.9
"""How much of its limit is used once a model has refused a prompt: tokens here are estimates."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The hits to answer from, best first, none where the documents do not answer the question.

    `coverage` is the share of the question's content words that the hits have.
    """

    hits: tuple[Hit, ...]
    coverage: float


def check_evidence(
    question: str,
    hits: Sequence[Hit],
    *,
    min_grounding: float,
    max_tokens: int,
    most: int | None = None,
) -> Evidence:
    """Return the hits that are evidence for the question.

    The measure is the share of the question's content words that a hit has (compared by stem, a
    misspelt one by its nearest): of the best hit, and the mean of the three best, for what
    documents are about stands in more than one place; `coverage` is the mean of both. With fewer
    than three hits, which a small index may have, the best one alone decides. If `coverage` is less
    than `min_grounding` the documents do not say, and nothing is returned. A word counts by its
    rarity among all hits: a search prefers hits with the rarest words, so one that no hit has says
    that the question is about something else, and one that all have says little.

    Otherwise hits without any of the words are dropped, and what remains is cut to `max_tokens`
    (estimated) by dropping whole chunks from the end; the best one always stays. With a
    `min_grounding` of 0 every hit is evidence, as suits a search by meaning, in which words need
    not agree.

    Args:
        question: of which the first 10,000 characters count.
        hits: best first.
        min_grounding: least coverage.
        max_tokens: most tokens of text.
        most: hits that may be evidence; the rest only say how rare words are.

    Stemming a few thousand words takes
    milliseconds, so call it off the event loop.
    """
    question = question[:SEARCHED_CHARACTERS]
    language = guess_language(question)
    texts = ("\n".join((hit.title, *hit.headings, hit.text)) for hit in hits)
    vocabularies = [vocabulary(text, language) for text in texts]
    weights = question_weights(question, language, vocabularies)
    hits = hits[:most]
    shares = [share(weights, words, language) for words in vocabularies[: len(hits)]]
    best = sorted(shares, reverse=True)[:_BEST] or [0.0]
    coverage = (best[0] + fmean(best)) / 2 if len(best) == _BEST else best[0]
    if coverage < min_grounding:
        return Evidence((), coverage)
    kept = [hit for hit, part in zip(hits, shares, strict=True) if part or not min_grounding]
    return Evidence(_fitting(kept, max_tokens), coverage)


def _fitting(hits: Sequence[Hit], max_tokens: float) -> tuple[Hit, ...]:
    """Return the first hits that take no more tokens together; the best one always stays."""
    used = 0
    for number, hit in enumerate(hits):
        used += count_tokens(hit.text)
        if used > max_tokens and number:
            return tuple(hits[:number])
    return tuple(hits)


def passages(hits: Sequence[Hit]) -> tuple[Passage, ...]:
    """Return the hits as a model gets them, numbered from 1."""
    return tuple(
        Passage(
            number=number,
            document=hit.document,
            text=hit.text,
            heading=HEADING_SEPARATOR.join(hit.headings or (hit.title,)),
        )
        for number, hit in enumerate(hits, 1)
    )


def fitted(
    hits: Sequence[Hit],
    request_with: Callable[[Sequence[Hit]], ChatRequest],
    window_tokens: int | None,
) -> Sequence[Hit]:
    """Return the best hits whose prompt leaves room for the answer in the window.

    Args:
        hits: what was found, best first.
        request_with: makes the request that sends such hits.
        window_tokens: most tokens of prompt and answer together, `None` for any number.

    Raises:
        TokenLimitError: there is no room even for the best one.
    """
    if window_tokens is None or not hits:
        return hits

    def tokens_with(kept: int) -> int:
        request = request_with(hits[:kept])
        return request.max_tokens + sum(count_tokens(each.content) for each in request.messages)

    if tokens_with(len(hits)) <= window_tokens:
        return hits
    # A prompt of more passages takes more tokens, and to make one for each number takes long.
    kept = bisect_right(range(1, len(hits)), window_tokens, key=tokens_with)
    if not kept:
        raise TokenLimitError(tokens_used=tokens_with(1), limit=window_tokens)
    _log.warning("prompt_fitted", passages=kept, left_out=len(hits) - kept)
    return hits[:kept]


def fewer(hits: Sequence[Hit], error: TokenLimitError) -> Sequence[Hit]:
    """Return fewer hits, for a model that has refused them as too long.

    At most half of their text, and less where the model allows less; the best one always stays.

    Raises:
        TokenLimitError: there is only one hit.
    """
    if len(hits) == 1:
        raise error
    share = min(0.5, _SAFETY * error.limit / error.tokens_used) if error.limit else 0.5
    kept = _fitting(hits, share * sum(count_tokens(hit.text) for hit in hits))
    _log.warning("prompt_shortened", passages=len(kept), limit=error.limit)
    return kept
