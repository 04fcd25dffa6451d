"""Deciding whether what was found is evidence for the question, and how much of it to use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gwkit.models.messages import SEARCHED_CHARACTERS, Passage
from gwkit.offline.passages import HEADING_SEPARATOR
from gwkit.text.tokens import count_tokens
from gwkit.text.words import content_words, near_words, vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwkit.index.ports import Hit

__all__ = ["Evidence", "check_evidence", "passages"]


# A capital or a digit, but not in the first word, which has a capital anyway.
_NAME = re.compile(r"(?<=\s)\w*[^\W_a-z]\w*")
# What a word of the question counts. The figures were chosen on one half of a set of questions with
# and without an answer, over two sets of documents, and confirmed on the other half.
_MISSING_NAME_WEIGHT = 2.0
_MISSING_WEIGHT = 1.25
_COMMON_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Evidence:
    """The hits to answer from, best first, none where the documents do not answer the question.

    `coverage` is the share of the question's content words that the best of the hits has.
    """

    hits: tuple[Hit, ...]
    coverage: float


def check_evidence(
    question: str, hits: Sequence[Hit], *, min_grounding: float, max_tokens: int
) -> Evidence:
    """Return the hits that are evidence for the question.

    If no hit by itself has `min_grounding` of the question's content words (compared by stem, a
    misspelt one by its nearest) the documents do not say, and nothing is returned. What a word
    counts depends on what it tells. A search prefers hits with the rarest words, so one that no hit
    has counts a quarter more, and a name or number double: the question is about something else. A
    word that every hit has counts half: it is what all documents are about.

    Otherwise hits without any of the words are dropped, and what remains is cut to `max_tokens`
    (estimated) by dropping whole chunks from the end; the best one always stays. With a
    `min_grounding` of 0 every hit is evidence, as suits a search by meaning, in which words need
    not agree.

    Of the question the first 10,000 characters count. Stemming a few thousand words takes
    milliseconds, so call it off the event loop.
    """
    question = question[:SEARCHED_CHARACTERS]
    vocabularies = [_words_of(hit) for hit in hits]
    known = frozenset[str]().union(*vocabularies)
    asked = frozenset(near_words(content_words(question), known))
    everywhere = known.intersection(*vocabularies)
    names = frozenset(content_words(" ".join(_NAME.findall(question))))
    weights = dict.fromkeys(asked, 1.0)
    weights |= dict.fromkeys(asked & everywhere, _COMMON_WEIGHT)
    weights |= dict.fromkeys(asked - known, _MISSING_WEIGHT)
    weights |= dict.fromkeys(asked & names - known, _MISSING_NAME_WEIGHT)
    shares = [sum(weights[word] for word in asked & words) for words in vocabularies]
    coverage = max(shares, default=0.0) / (sum(weights.values()) or 1.0)
    if coverage < min_grounding:
        return Evidence((), coverage)
    kept = [hit for hit, share in zip(hits, shares, strict=True) if share or not min_grounding]
    return Evidence(_fitting(kept, max_tokens), coverage)


def _words_of(hit: Hit) -> frozenset[str]:
    return vocabulary("\n".join((hit.title, *hit.headings, hit.text)))


def _fitting(hits: Sequence[Hit], max_tokens: int) -> tuple[Hit, ...]:
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
