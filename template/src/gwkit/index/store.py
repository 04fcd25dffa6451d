"""The protocol of stores, and the data that the service exchanges with one."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar, Protocol

from pydantic import ConfigDict, Field, StringConstraints

from gwkit.text.terms import TermRules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gwkit.documents import Chunk, Document, Place
    from gwkit.models.protocols import Vector, Vectors

__all__ = [
    "MOST_REPLACED",
    "UPLOAD",
    "Failure",
    "FailureKind",
    "Filters",
    "Hit",
    "Index",
    "IndexWriter",
    "LedgerEntry",
    "Manifest",
    "Ranking",
    "SearchMode",
    "SearchQuery",
    "StoredDocument",
]

_Key = Annotated[str, StringConstraints(min_length=1, max_length=100)]
_Value = Annotated[str, StringConstraints(max_length=1_000)]

UPLOAD = "upload"
"""The source of documents that came through the API and not from a folder."""

MOST_REPLACED = 4
"""Terms of a query, at most, that a store replaces by one of their `Ranking.spellings`."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that decides whether stored vectors and chunks fit the running service.

    `embedder` has the form `provider:model`; `dimension` is the length of its vectors, maybe 0;
    `chunker` names the chunker with its sizes, such as `blocks-v1/256/32`; `terms` the `TermRules`.
    """

    embedder: str
    dimension: int
    chunker: str
    terms: str = TermRules().name

    def differences(self, asked: Manifest) -> dict[str, tuple[str, str]]:
        """Return, by part that differs, what this index has and what is asked for."""
        there = asdict(asked)
        parts = ((name, was, there[name]) for name, was in asdict(self).items())
        return {name: (str(was), str(now)) for name, was, now in parts if was != now}


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """An indexed document; the hash is that of the content really written.

    `source` is the absolute path of the folder that the document's id is relative to, or `UPLOAD`.
    It is for ingestion, not for callers of the API. `incomplete` is as in `Document`.
    """

    document: str
    content_hash: str
    chunks: int
    indexed_at: str
    source: str = ""
    incomplete: str = ""


class FailureKind(StrEnum):
    """Whether a document that failed has to be mended."""

    PERMANENT = "permanent"
    """The same bytes would fail again."""
    PASSING = "passing"
    """The document may be ingested as it is, once something else is mended or over."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A document that could not be ingested, kept until it is ingested, removed or forgotten.

    `reason` and `kind` are those of the last attempt; the times are in UTC (ISO 8601).
    `content_hash` is set only where parsing that content exceeded a limit.
    """

    document: str
    reason: str
    attempts: int = 1
    failed_at: str = ""
    source: str = ""
    kind: FailureKind = FailureKind.PERMANENT
    first_failed_at: str = ""
    content_hash: str = ""


class SearchMode(StrEnum):
    """Which legs of the search take part."""

    HYBRID = "hybrid"
    LEXICAL = "lexical"
    VECTOR = "vector"


@dataclass(frozen=True, slots=True)
class Filters:
    """Narrow the documents that take part; every condition must hold."""

    # The bounds are those of a request's body: nothing is checked where it is made directly.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    prefix: Annotated[str, Field(max_length=1_000, description="Prefix of the document's id.")] = ""
    metadata: Annotated[
        dict[_Key, _Value],
        Field(max_length=20, description="Metadata that the document has, name and value."),
    ] = field(default_factory=dict)


class Ranking(Protocol):
    """Decisions of the service about a search; a store does the work."""

    def terms(self, text: str) -> Sequence[str]:
        """Return the terms to look for; one that is said twice is there twice, and counts so."""

    def spellings(self, term: str) -> Sequence[str]:
        """Return spellings, of which the most frequent one may replace a term that no chunk has."""

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

    def candidates(self, k: int) -> int:
        """Return how many chunks each leg of a search for `k` hits ranks."""

    def fuse(
        self, rankings: Sequence[Sequence[tuple[int, float]]], weights: Sequence[float]
    ) -> Sequence[tuple[int, float]]:
        """Return all ranked chunks with scores in (0, 1], best first.

        Args:
            rankings: ids of chunks by each leg with its positive scores, best first, none twice.
            weights: what a rank of each leg counts.
        """


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

    `chunk` is its id: the document's, `#`, and the position. `score` lies in (0, 1]: of one leg
    its own score as a share of the best one, of both reciprocal rank fusion, scaled so that a chunk
    which both rank first has 1. It orders the hits of one search and says nothing across searches.
    `places` are those of the chunk.
    """

    chunk: str
    document: str
    position: int
    title: str
    headings: tuple[str, ...]
    text: str
    score: float
    metadata: Mapping[str, str]
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document of the index with some of its chunks in order, whose `tokens` are 0."""

    entry: LedgerEntry
    title: str
    metadata: Mapping[str, str]
    chunks: tuple[Chunk, ...]


class IndexWriter(Protocol):
    """Writes documents, each in one transaction, so that a reader sees the old or the new."""

    async def ledger(self) -> dict[str, LedgerEntry]:
        """Return what is indexed, by document id."""

    async def entry(self, document: str) -> LedgerEntry | None:
        """Return what is indexed of one document."""

    async def failures(self) -> dict[str, Failure]:
        """Return what has failed, by document id."""

    async def replace(self, document: Document, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Write a document in place of its older version; forget its failure.

        The hash and the source are recorded in the same transaction.

        Raises:
            RetrievalError: nothing was written.
        """

    async def adopt(self, document: str, source: str) -> None:
        """Record that a document, if it is indexed, comes from `source`; forget its failure."""

    async def remove(self, document: str) -> bool:
        """Remove a document and its failure; say whether there was either."""

    async def fail(self, failure: Failure) -> None:
        """Record that a document failed, and count the attempt; an older version stays.

        The store keeps its own attempts and times. A failure that has times is one of another
        store: it is recorded as it is.
        """

    async def forget(self, document: str) -> bool:
        """Forget a document's failure, and nothing else of it; say whether there was one."""

    async def publish(self) -> None:
        """Let a rebuilt index take the place of the older one, all at once.

        Until then readers see the older one. Does nothing where no other one is replaced.

        Raises:
            RetrievalError: the older one stays.
        """


class Index(IndexWriter, Protocol):
    """A store that answers each search, and reads each document, from one state of the index.

    A store makes the terms of titles, headings and texts by the rules of its manifest, and compares
    them with `query.ranking.terms(query.text)`. No term has a space or a quotation mark.
    """

    async def search(self, query: SearchQuery) -> Sequence[Hit]:
        """Return at most `query.k` hits, best first.

        Raises:
            RetrievalError: the store could not answer.
        """

    async def check(self) -> None:
        """Return when the store can be searched now; it is asked by every readiness probe.

        Raises:
            RetrievalError: it cannot.
        """

    async def version(self) -> int:
        """Return a number that grows with every write."""

    async def documents(self, prefix: str = "") -> Sequence[LedgerEntry]:
        """Return the indexed documents whose id starts so, sorted by id."""

    async def read_document(
        self, document: str, *, first: int = 0, count: int = 0
    ) -> StoredDocument | None:
        """Return a document with `count` of its chunks from position `first` on, if indexed."""

    async def export_document(
        self, document: str
    ) -> tuple[Document, Sequence[Chunk], Vectors] | None:
        """Return what `replace` was given for a document, if indexed, without blocks and tokens."""

    async def close(self) -> None:
        """Release files and threads; further calls fail."""
