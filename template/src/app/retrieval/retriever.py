"""Search as the rest of the service asks for it: text in, ranked chunks out."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import structlog

from app.exceptions import NoVectorsError, RetrievalError
from app.retrieval.ranking import HybridRanking, look_again
from gwkit.index.store import Filters, SearchMode, SearchQuery
from gwkit.models.messages import SEARCHED_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwkit.index.store import Hit, Index
    from gwkit.models.protocols import Embedder
    from gwkit.telemetry.metrics import Metrics

__all__ = ["Reranker", "Retriever"]

_log = structlog.stdlib.get_logger(__name__)

_CLOSER_LOOK: Final = 50
"""Hits that get a second look, if fewer are asked for."""

_EVERYTHING = Filters()


class Reranker(Protocol):
    """Orders what a search has found again, by a closer look."""

    async def rerank(self, query: str, hits: Sequence[Hit]) -> Sequence[Hit]:
        """Return the hits, best first, with scores in (0, 1].

        Raises:
            RetrievalError: the reranker could not answer; the hits stay as they are.
        """
        ...


@dataclass(kw_only=True)
class Retriever:
    """Searches the index for a text: by words, and by vectors if there is an embedder.

    Args:
        index: where to search.
        embedder: the one that the index was made with.
        metrics: takes the time of each search as `search_seconds`.
        ranking: decides about the search; its rules of terms are the index's.
        reranker: orders the hits again; by default nothing does.
    """

    index: Index
    embedder: Embedder
    metrics: Metrics
    ranking: HybridRanking = field(default_factory=HybridRanking)
    reranker: Reranker | None = None

    async def search(
        self,
        text: str,
        *,
        k: int,
        filters: Filters = _EVERYTHING,
        mode: SearchMode = SearchMode.HYBRID,
    ) -> Sequence[Hit]:
        """Return at most `k` hits, best first.

        Args:
            text: as the user wrote it; its first 10,000 characters are searched for.
            k: most hits to return.
            filters: which documents may be found; all by default.
            mode: which legs take part; by default all that there are.

        Raises:
            LLMError: the embedder could not answer.
            NoVectorsError: the mode needs vectors, and there is no embedder.
            RetrievalError: the index could not answer.
        """
        mode = self._possible(mode)
        started = time.perf_counter()
        text = text[:SEARCHED_CHARACTERS]
        with self.metrics.timer("search_seconds", mode=mode.value):
            if mode is SearchMode.LEXICAL:
                vector = np.zeros(self.embedder.dimension, dtype=np.float32)
            else:
                vector = await self.embedder.embed_query(text)
            query = SearchQuery(
                text=text,
                vector=vector,
                ranking=self.ranking,
                k=max(k, _CLOSER_LOOK) if k else 0,
                filters=filters,
                mode=mode,
                vector_weight=self.embedder.rank_weight,
            )
            found = await self.index.search(query)
            hits: Sequence[Hit] = await asyncio.to_thread(self._second_look, text, found, mode, k)
            if self.reranker and hits:
                hits = await self._reranked(self.reranker, text, hits)
            hits = hits[:k]
        _log.info(
            "search_done",
            mode=mode.value,
            k=k,
            hits=len(hits),
            best=hits[0].chunk if hits else None,
            filtered=filters != _EVERYTHING,
            latency_ms=round(1000 * (time.perf_counter() - started), 1),
        )
        for rank, hit in enumerate(hits, start=1):
            _log.debug("search_hit", rank=rank, chunk=hit.chunk, score=round(hit.score, 4))
        return hits

    async def _reranked(self, reranker: Reranker, text: str, hits: Sequence[Hit]) -> Sequence[Hit]:
        """Return the hits in the reranker's order, or in their own: a search does not need it."""
        outcome = "failed"
        try:
            hits = await reranker.rerank(text, hits)
            outcome = "succeeded"
        except RetrievalError as exc:
            _log.warning("rerank_failed", error=str(exc))
        self.metrics.count("reranks_total", outcome=outcome)
        return hits

    def modes(self) -> list[SearchMode]:
        """Return the modes that can be searched in: without an embedder, by words alone."""
        return list(SearchMode) if self.embedder.dimension else [SearchMode.LEXICAL]

    def _possible(self, mode: SearchMode) -> SearchMode:
        if self.embedder.dimension or mode is SearchMode.LEXICAL:
            return mode
        if mode is SearchMode.VECTOR:
            raise NoVectorsError
        return SearchMode.LEXICAL

    def _second_look(self, text: str, hits: Sequence[Hit], mode: SearchMode, k: int) -> list[Hit]:
        query = self.ranking.terms(text) if mode is SearchMode.LEXICAL else ()
        return look_again(hits, query, self.ranking.rules, k)
