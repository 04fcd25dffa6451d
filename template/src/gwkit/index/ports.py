"""The index port: what the service asks of a store, and what it gets back."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from gwkit.index.ledger import IndexWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gwkit.index.ledger import LedgerEntry
    from gwkit.models.ports import Vector

__all__ = ["Filters", "Hit", "Index", "Ranking", "SearchMode", "SearchQuery"]


class SearchMode(StrEnum):
    """Which legs of the search take part."""

    HYBRID = "hybrid"
    LEXICAL = "lexical"
    VECTOR = "vector"


@dataclass(frozen=True, slots=True)
class Filters:
    """Narrow a search to some documents; every condition must hold."""

    prefix: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


class Ranking(Protocol):
    """What the service decides about a search; a store does the work."""

    def terms(self, text: str) -> Sequence[str]:
        """Return the terms to look for in the full text, as many as it may have."""
        ...

    def affordable(
        self, terms: Sequence[str], chunks: int, count: Callable[[str, int], int]
    ) -> Sequence[str]:
        """Return those of the terms that are worth their cost.

        Args:
            terms: as `terms` returned them.
            chunks: number of chunks in the index.
            count: returns in how many chunks a term is, counting no further than just above its
                second argument; the answer may lag behind the index.
        """
        ...

    def candidates(self, k: int) -> int:
        """Return how many chunks each leg of a search for `k` hits ranks."""
        ...

    def fuse(
        self, rankings: Sequence[Sequence[int]], weights: Sequence[float]
    ) -> Sequence[tuple[int, float]]:
        """Return all ranked chunks with scores in (0, 1], best first.

        Args:
            rankings: ids of chunks by each leg, best first and without repetitions.
            weights: what a rank of each leg counts.
        """
        ...


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A search: the text as the user wrote it (data, never syntax), its embedding, its ranking.

    `vector_weight` is what a rank by vectors counts in a hybrid search, where one by words counts
    1; it has to be positive.
    """

    text: str
    vector: Vector
    ranking: Ranking
    k: int = 8
    filters: Filters = field(default_factory=Filters)
    mode: SearchMode = SearchMode.HYBRID
    vector_weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found.

    `score` lies in (0, 1]: reciprocal rank fusion scaled so that a chunk which both legs rank
    first has 1. It orders the hits of one search and says nothing across searches.
    """

    document: str
    position: int
    title: str
    headings: tuple[str, ...]
    text: str
    score: float
    metadata: Mapping[str, str]

    @property
    def chunk(self) -> str:
        """The chunk's id: the document's, `#`, and the position."""
        return f"{self.document}#{self.position}"


class Index(IndexWriter, Protocol):
    """A store that answers searches, each from one consistent state of the index."""

    async def search(self, query: SearchQuery) -> Sequence[Hit]:
        """Return at most `query.k` hits, best first.

        Raises:
            RetrievalError: the store could not answer.
        """
        ...

    async def check(self) -> None:
        """Return when the store can be searched now; it is asked by every readiness probe.

        Raises:
            RetrievalError: it cannot.
        """
        ...

    async def version(self) -> int:
        """Return a number that grows with every write."""
        ...

    async def documents(self, prefix: str = "") -> Sequence[LedgerEntry]:
        """Return the indexed documents whose id starts so, sorted by id."""
        ...

    async def close(self) -> None:
        """Release files and threads; further calls fail."""
        ...
