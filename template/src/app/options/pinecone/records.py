"""Documents, chunks and failures as records of a namespace.

Metadata has what filters need, and everything else as one JSON text. A document's record names the
write that is current, and only chunks of that write count, as Pinecone has no transactions.
"""

from __future__ import annotations

import json
from dataclasses import asdict, astuple, dataclass
from typing import TYPE_CHECKING, Any, Final  # noqa: TID251 - JSON of several shapes
from uuid import UUID, uuid5

import numpy as np
from pinecone import SparseValues, Vector

from gwkit.documents import Chunk, Document, Place
from gwkit.index.servers.words import chunk_weights, query_weights
from gwkit.index.store import Failure, FailureKind, LedgerEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from app.options.pinecone.session import IndexKind
    from gwkit.models import protocols
    from gwkit.text.terms import TermRules

__all__ = [
    "Payload",
    "Records",
    "chunk_id",
    "chunk_of",
    "data_of",
    "document_of",
    "entry_of",
    "failure_of",
    "folders",
    "labels",
    "record_id",
    "sparse_query",
    "vectors_of",
]

Payload = dict[str, Any]
"""The metadata of a record."""

_NAMESPACE: Final = UUID("2b9a4f5e-7f0d-4a50-a1a0-5d8d2f6a7c31")

_MOST_TERMS: Final = 1_000
"""Terms of a chunk that Pinecone takes; of more, the heaviest stay."""

_NO_TERM: Final = 0
"""The index of records without terms, where Pinecone asks for some; no query has it."""


def record_id(kind: str, name: str = "") -> str:
    """Return the id of a record that is one of its kind by its name."""
    return str(uuid5(_NAMESPACE, f"{kind}:{name}"))


def chunk_id(document: str, write: int, position: int) -> str:
    """Return the id of a chunk."""
    return record_id("chunk", f"{write}:{position}:{document}")


def labels(metadata: Mapping[str, str]) -> list[str]:
    """Return each name with its value as one text."""
    return [json.dumps(pair, ensure_ascii=False) for pair in metadata.items()]


def folders(document: str) -> list[str]:
    """Return the folders of a document's id, each up to its slash."""
    return [document[: at + 1] for at, letter in enumerate(document) if letter == "/"]


@dataclass(frozen=True, slots=True)
class Records:
    """Makes records for an index of a kind.

    Args:
        kind: of the index.
        dimension: length of its dense vectors, 0 if it has none.
        rules: make the terms of texts.
    """

    kind: IndexKind
    dimension: int
    rules: TermRules

    def state(self, made_with: Mapping[str, object], version: int) -> Vector:
        """Return the record of the index as a whole."""
        return self._plain(record_id("state"), "state", made_with, version=version)

    def current(self, namespace: str) -> Vector:
        """Return the record that names the current namespace."""
        return self._plain(record_id("current"), "current", {"namespace": namespace})

    def document(self, document: Document, write: int, chunks: int, now: str) -> Vector:
        """Return the record of a document."""
        data = {
            "title": document.title,
            "metadata": dict(document.metadata),
            "content_hash": document.content_hash,
            "chunks": chunks,
            "indexed_at": now,
        }
        return self._plain(
            record_id("document", document.id),
            "document",
            data,
            document=document.id,
            write=write,
            source=document.source,
            folders=folders(document.id),
        )

    def failure(self, failure: Failure, before: Payload | None, now: str) -> Vector:
        """Return the record of a failure, after the one before; one with times stays as it is."""
        data = asdict(failure)
        if not failure.failed_at:
            known = data_of(before) if before else None
            data["attempts"] = known["attempts"] + 1 if known else 1
            data["first_failed_at"] = known["first_failed_at"] if known else now
            data["failed_at"] = now
        id_ = record_id("failure", failure.document)
        return self._plain(id_, "failure", data, document=failure.document)

    def chunk(
        self, document: Document, chunk: Chunk, vector: protocols.Vector, write: int
    ) -> Vector:
        """Return the record of a chunk, with its terms and its vector."""
        sparse = None
        if self.kind.sparse:
            weights = chunk_weights(self.rules, document.title, chunk, most=_MOST_TERMS)
            sparse = _sparse(weights)
        data = [chunk.position, chunk.headings, list(map(astuple, chunk.places)), chunk.text]
        has_vector = bool(vector.any())
        return Vector(
            id=chunk_id(document.id, write, chunk.position),
            values=vector.tolist() if has_vector else self._placeholder(),
            sparse_values=sparse or self._no_terms(),
            metadata={
                "kind": "chunk",
                "document": document.id,
                "write": write,
                "has_vector": has_vector,
                "folders": folders(document.id),
                "labels": labels(document.metadata),
                "data": json.dumps(data, ensure_ascii=False),
            },
        )

    def _plain(self, id_: str, kind: str, data: Mapping[str, object], **more: object) -> Vector:
        """Return a record that no search finds; Pinecone has none without a vector."""
        text = json.dumps(data, ensure_ascii=False)
        return Vector(
            id=id_,
            values=self._placeholder(),
            sparse_values=self._no_terms(),
            metadata={"kind": kind, "data": text, **more},
        )

    def _placeholder(self) -> list[float]:
        return [1.0] + [0.0] * (self.dimension - 1) if self.kind.dense else []

    def _no_terms(self) -> SparseValues | None:
        return None if self.kind.dense else SparseValues(indices=[_NO_TERM], values=[1.0])


def data_of(payload: Payload) -> Any:  # noqa: ANN401 - as written above
    """Return what a record holds beside what filters need."""
    return json.loads(payload["data"])


def chunk_of(payload: Payload) -> Chunk:
    """Return the chunk of a record."""
    position, headings, places, text = data_of(payload)
    return Chunk(position, text, tuple(headings), 0, tuple(Place(*values) for values in places))


def document_of(payload: Payload) -> Document:
    """Return the document of a record, without its blocks."""
    data = data_of(payload)
    name, content_hash = payload["document"], data["content_hash"]
    return Document(name, data["title"], content_hash, (), data["metadata"], payload["source"])


def entry_of(payload: Payload) -> LedgerEntry:
    """Return the ledger entry of a document's record."""
    data = data_of(payload)
    return LedgerEntry(
        document=payload["document"],
        content_hash=data["content_hash"],
        chunks=data["chunks"],
        indexed_at=data["indexed_at"],
        source=payload["source"],
        incomplete=data["metadata"].get("incomplete", ""),
    )


def failure_of(payload: Payload) -> Failure:
    """Return the failure of a record."""
    data = data_of(payload)
    return Failure(**data | {"kind": FailureKind(data["kind"])})


def vectors_of(records: Sequence[Vector], dimension: int) -> protocols.Vectors:
    """Return the dense vectors of chunks."""
    vectors = np.zeros((len(records), dimension), dtype=np.float32)
    for row, record in zip(vectors, records, strict=True):
        if record.metadata and record.metadata["has_vector"]:
            row[:] = record.values
    return vectors


def sparse_query(terms: Iterable[str]) -> SparseValues | None:
    """Return the vector of a query: how often it says each term."""
    return _sparse(query_weights(terms))


def _sparse(weights: Mapping[int, float]) -> SparseValues | None:
    if not weights:
        return None
    return SparseValues(indices=list(weights), values=list(weights.values()))
