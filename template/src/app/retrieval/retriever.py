"""Search as the rest of the service asks for it: text in, ranked chunks out."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import structlog

from app.retrieval.ranking import HybridRanking, has_copies, originals_first
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
"""Hits that are looked at to rerank them or to find others than copies, if fewer are asked for."""

_EVERYTHING = Filters()
_RANKING = HybridRanking()


class Reranker(Protocol):
    """Orders what a search has found again, by a closer look."""

    async def rerank(self, query: str, hits: Sequence[Hit]) -> Sequence[Hit]:
        """Return the hits, best first, with scores in (0, 1].

        Raises:
            RetrievalError: the reranker could not answer.
        """
        ...


@dataclass(kw_only=True)
class Retriever:
    """Embeds a text and searches the index for it.

    Args:
        index: where to search.
        embedder: the one that the index was made with.
        metrics: takes the time of each search as `search_seconds`.
        reranker: orders the hits again; by default nothing does.
    """

    index: Index
    embedder: Embedder
    metrics: Metrics
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
            mode: which legs take part; both by default.

        Raises:
            LLMError: the embedder could not answer.
            RetrievalError: the index could not answer.
        """
        started = time.perf_counter()
        text = text[:SEARCHED_CHARACTERS]
        with self.metrics.timer("search_seconds", mode=mode.value):
            if mode is SearchMode.LEXICAL:
                vector = np.zeros(self.embedder.dimension, dtype=np.float32)
            else:
                vector = await self.embedder.embed_query(text)
            count = max(k, _CLOSER_LOOK) if self.reranker else k
            query = SearchQuery(
                text=text,
                vector=vector,
                ranking=_RANKING,
                k=count,
                filters=filters,
                mode=mode,
                vector_weight=self.embedder.rank_weight,
            )
            hits = await self.index.search(query)
            if has_copies(hits):
                more = await self.index.search(replace(query, k=max(k, _CLOSER_LOOK)))
                hits = originals_first(more)[:count]
            if self.reranker:
                hits = (await self.reranker.rerank(text, hits))[:k]
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
