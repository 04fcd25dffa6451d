"""Documents, chunks and failures as points of a collection, and filters that select them.

A document's point names the write that is current, and only chunks of that write count: so a
document changes at once, although Qdrant has no transactions over several points.
"""

from __future__ import annotations

import json
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, Final  # noqa: TID251 - JSON of several shapes
from uuid import UUID, uuid5

import numpy as np
from qdrant_client import models

from gwkit.documents import Chunk, Document, Place
from gwkit.index.servers.words import chunk_weights, query_weights
from gwkit.index.store import Failure, FailureKind, LedgerEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gwkit.models.protocols import Vector, Vectors
    from gwkit.text.terms import TermRules

__all__ = [
    "DENSE",
    "WORDS",
    "Payload",
    "chunk_id",
    "chunk_of",
    "chunk_point",
    "document_of",
    "document_point",
    "entry_of",
    "equals",
    "failure_of",
    "failure_payload",
    "labels",
    "older",
    "point_id",
    "sparse_query",
    "vectors_of",
]

Payload = dict[str, Any]

DENSE: Final = "dense"
WORDS: Final = "words"

_NAMESPACE: Final = UUID("6b0f2a53-5c0e-4a8e-9c57-6d1f3c0b9e11")


def point_id(kind: str, name: str = "") -> str:
    """Return the id of a point that is one of its kind by its name."""
    return str(uuid5(_NAMESPACE, f"{kind}:{name}"))


def chunk_id(document: str, write: int, position: int) -> str:
    """Return the id of a chunk."""
    return point_id("chunk", f"{write}:{position}:{document}")


def equals(**values: str | int) -> list[models.Condition]:
    """Return conditions that a payload has these values."""
    return [
        models.FieldCondition(key=key, match=models.MatchValue(value=value))
        for key, value in values.items()
    ]


def older(write: int, key: str = "write") -> models.FieldCondition:
    """Return the condition that a payload is of an earlier write."""
    return models.FieldCondition(key=key, range=models.Range(lt=write))


def labels(metadata: Mapping[str, str]) -> list[str]:
    """Return each name with its value as one text."""
    return [json.dumps(pair, ensure_ascii=False) for pair in metadata.items()]


def document_point(document: Document, write: int, chunks: int, now: str) -> models.PointStruct:
    """Return the point of a document; its id is found by any of its prefixes."""
    payload: Payload = {
        "kind": "document",
        "document": document.id,
        "write": write,
        "title": document.title,
        "metadata": dict(document.metadata),
        "content_hash": document.content_hash,
        "chunks": chunks,
        "indexed_at": now,
        "source": document.source,
        "prefixes": [document.id[:end] for end in range(1, len(document.id) + 1)],
    }
    return models.PointStruct(id=point_id("document", document.id), vector={}, payload=payload)


def chunk_point(
    rules: TermRules, document: Document, chunk: Chunk, vector: Vector, write: int
) -> models.PointStruct:
    """Return the point of a chunk, with its terms and, if there is an embedder, its vector."""
    payload: Payload = {
        "kind": "chunk",
        "document": document.id,
        "write": write,
        "position": chunk.position,
        "headings": list(chunk.headings),
        "places": list(map(astuple, chunk.places)),
        "text": chunk.text,
        "labels": labels(document.metadata),
    }
    words = _sparse(chunk_weights(rules, document.title, chunk))
    dense = {DENSE: vector.tolist()} if len(vector) else {}
    return models.PointStruct(
        id=chunk_id(document.id, write, chunk.position),
        vector={**dense, WORDS: words},
        payload=payload,
    )


def chunk_of(payload: Payload) -> Chunk:
    """Return the chunk of a point."""
    places = tuple(Place(*values) for values in payload["places"])
    headings = tuple(payload["headings"])
    return Chunk(payload["position"], payload["text"], headings, 0, places)


def document_of(payload: Payload) -> Document:
    """Return the document of a point, without its blocks."""
    name, title, content_hash = payload["document"], payload["title"], payload["content_hash"]
    return Document(name, title, content_hash, (), payload["metadata"], payload["source"])


def vectors_of(records: Sequence[models.Record], dimension: int) -> Vectors:
    """Return the dense vectors of chunks."""
    vectors = np.zeros((len(records), dimension), dtype=np.float32)
    for row, record in zip(vectors, records, strict=True):
        named = record.vector if isinstance(record.vector, dict) else {}
        if isinstance(values := named.get(DENSE), list):
            row[:] = values
    return vectors


def entry_of(payload: Payload) -> LedgerEntry:
    """Return the ledger entry of a document's point."""
    return LedgerEntry(
        document=payload["document"],
        content_hash=payload["content_hash"],
        chunks=payload["chunks"],
        indexed_at=payload["indexed_at"],
        source=payload["source"],
        incomplete=payload["metadata"].get("incomplete", ""),
    )


def failure_payload(failure: Failure, before: Payload | None, now: str) -> Payload:
    """Return the payload of a failure, after the one before; one that has times stays as it is."""
    attempts, first_failed_at = failure.attempts, failure.first_failed_at
    if not failure.failed_at:
        attempts = before["attempts"] + 1 if before else 1
        first_failed_at = before["first_failed_at"] if before else now
    return {
        "kind": "failure",
        "document": failure.document,
        "reason": failure.reason,
        "attempts": attempts,
        "failed_at": failure.failed_at or now,
        "source": failure.source,
        "failure_kind": failure.kind.value,
        "first_failed_at": first_failed_at,
        "content_hash": failure.content_hash,
    }


def failure_of(payload: Payload) -> Failure:
    """Return the failure of a point."""
    return Failure(
        document=payload["document"],
        reason=payload["reason"],
        attempts=payload["attempts"],
        failed_at=payload["failed_at"],
        source=payload["source"],
        kind=FailureKind(payload["failure_kind"]),
        first_failed_at=payload["first_failed_at"],
        content_hash=payload["content_hash"],
    )


def sparse_query(terms: Iterable[str]) -> models.SparseVector:
    """Return the vector of a query: how often it says each term."""
    return _sparse(query_weights(terms))


def _sparse(weights: Mapping[int, float]) -> models.SparseVector:
    return models.SparseVector(indices=list(weights), values=list(weights.values()))
