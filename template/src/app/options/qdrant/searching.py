"""Searching: both legs in the server, in one request, and only chunks of current writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qdrant_client import models

from app.options.qdrant.points import (
    DENSE,
    WORDS,
    chunk_of,
    equals,
    labels,
    point_id,
    sparse_query,
)
from gwkit.index.servers.writes import fuse
from gwkit.index.store import Hit, SearchMode
from gwkit.text.characters import normalize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.options.qdrant.collection import Collection
    from app.options.qdrant.points import Payload
    from gwkit.index.store import SearchQuery

__all__ = ["search"]

_MOST_LOOKS: Final = 10
"""Searches for one query, while the documents that it finds are being written."""


async def search(collection: Collection, query: SearchQuery) -> list[Hit]:
    """Return at most `query.k` hits, best first.

    Raises:
        IndexMismatchError: the index was made with something else.
        RetrievalError: the server could not answer.
    """
    conditions = await _conditions(collection, query)
    if conditions is None:
        return []
    requests, weights = _requests(query, conditions)
    legs: list[list[tuple[Payload, float]]] = []
    known: Mapping[str, Payload] | None = None
    documents: Mapping[str, Payload] = {}
    for _ in range(_MOST_LOOKS):
        legs = await _look(collection, requests)
        names = sorted({payload["document"] for leg in legs for payload, _ in leg})
        found = await collection.checked(*(point_id("document", name) for name in names))
        documents = {each["document"]: each for each in found.values() if "document" in each}
        is_current = all(_is_current(each, documents) for leg in legs for each, _ in leg)
        # If nothing has changed since the look before, the rest is of writes that are under way
        # or were interrupted, and what is current was there as a whole.
        if is_current or documents == known:
            break
        known = documents
    current = [[hit for hit in leg if _is_current(hit[0], documents)] for leg in legs]
    best = fuse(query, current, weights, lambda hit: (hit["document"], hit["position"]))
    return [_hit(payload, documents, score) for payload, score in best]


async def _conditions(collection: Collection, query: SearchQuery) -> list[models.Condition] | None:
    """Return the conditions that the filters put on chunks; `None` if no document meets them."""
    filters = query.filters
    conditions = equals(kind="chunk")
    for label in labels(filters.metadata):
        conditions += equals(labels=label)
    if filters.prefix:
        prefix = normalize("NFC", filters.prefix)
        documents = await collection.scroll(equals(kind="document", prefixes=prefix))
        names = [(record.payload or {})["document"] for record in documents]
        if not names:
            return None
        match = models.MatchAny(any=names)
        conditions.append(models.FieldCondition(key="document", match=match))
    return conditions


def _requests(
    query: SearchQuery, conditions: list[models.Condition]
) -> tuple[list[models.QueryRequest], list[float]]:
    """Return a request for each leg that has something to search for, and what its ranks count."""
    legs: list[tuple[str, models.SparseVector | list[float], float]] = []
    if query.mode is not SearchMode.VECTOR:
        words = sparse_query(query.ranking.terms(query.text))
        if words.indices:
            legs.append((WORDS, words, 1.0))
    if query.mode is not SearchMode.LEXICAL and query.vector.any():
        legs.append((DENSE, query.vector.tolist(), query.vector_weight))
    requests = [
        models.QueryRequest(
            query=vector,
            using=name,
            filter=models.Filter(must=conditions),
            limit=query.ranking.candidates(query.k),
            with_payload=True,
        )
        for name, vector, _ in legs
    ]
    return requests, [weight for *_, weight in legs]


async def _look(
    collection: Collection, requests: list[models.QueryRequest]
) -> list[list[tuple[Payload, float]]]:
    """Return each leg's chunks and scores, best first; equal ones in the order of writing."""
    if not requests:
        return []
    responses = await collection.session.call(
        lambda client: client.query_batch_points(collection.name, requests=requests)
    )
    legs = []
    for response in responses:
        points = [(point.score, point.payload or {}) for point in response.points]
        points.sort(key=lambda point: (-point[0], point[1]["write"], point[1]["position"]))
        legs.append([(payload, score) for score, payload in points if score > 0])
    return legs


def _is_current(chunk: Payload, documents: Mapping[str, Payload]) -> bool:
    document = documents.get(chunk["document"])
    return document is not None and chunk["write"] == document["write"]


def _hit(payload: Payload, documents: Mapping[str, Payload], score: float) -> Hit:
    document, chunk = documents[payload["document"]], chunk_of(payload)
    name = document["document"]
    return Hit(
        chunk=f"{name}#{chunk.position}",
        document=name,
        position=chunk.position,
        title=document["title"],
        headings=chunk.headings,
        text=chunk.text,
        score=score,
        metadata=document["metadata"],
        places=chunk.places,
    )
