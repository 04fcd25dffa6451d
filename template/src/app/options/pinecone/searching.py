"""Searching: both legs in the server, at once, and only chunks of current writes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final  # noqa: TID251 - filters of several shapes

from app.exceptions import RetrievalError
from app.options.pinecone.records import chunk_of, data_of, labels, record_id, sparse_query
from gwkit.index.servers.writes import fuse
from gwkit.index.store import Hit, SearchMode
from gwkit.text.characters import normalize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinecone import SparseValues
    from pinecone.models.vectors.responses import QueryResponse

    from app.options.pinecone.namespace import Namespace
    from app.options.pinecone.records import Payload
    from gwkit.documents import Chunk
    from gwkit.index.store import SearchQuery

__all__ = ["search"]

_MOST_LOOKS: Final = 10
"""Searches for one query, while the documents that it finds are being written."""

_Conditions = dict[str, Any]
_Found = tuple["Payload", "Chunk", float]


async def search(namespace: Namespace, query: SearchQuery) -> list[Hit]:
    """Return at most `query.k` hits, best first.

    Raises:
        IndexMismatchError: the index was made with something else.
        RetrievalError: the server could not answer, or the index cannot be searched so.
    """
    conditions = await _conditions(namespace, query)
    if conditions is None:
        return []
    legs: list[list[_Found]] = []
    weights: list[float] = []
    known: Mapping[str, Payload] | None = None
    documents: Mapping[str, Payload] = {}
    for _ in range(_MOST_LOOKS):
        name = namespace.name
        legs, weights = await _look(namespace, query, conditions)
        names = sorted({payload["document"] for leg in legs for payload, *_ in leg})
        found = await namespace.checked(*(record_id("document", name) for name in names))
        documents = {each["document"]: each for each in found.values() if "document" in each}
        is_current = all(_is_current(each, documents) for leg in legs for each, *_ in leg)
        # If nothing has changed since the look before, the rest is of writes that are under way
        # or were interrupted, and what is current was there as a whole.
        if name == namespace.name and (is_current or documents == known):
            break
        known = documents
    current = [
        [
            ((payload, chunk), score)
            for payload, chunk, score in leg
            if _is_current(payload, documents)
        ]
        for leg in legs
    ]
    best = fuse(query, current, weights, lambda hit: (hit[0]["document"], hit[1].position))
    return [_hit(*found, documents, score) for found, score in best]


async def _conditions(namespace: Namespace, query: SearchQuery) -> _Conditions | None:
    """Return the conditions that the filters put on chunks; `None` if no document meets them.

    Pinecone knows no prefixes: folders stand in each record, and other prefixes are looked up.
    """
    filters = query.filters
    conditions: _Conditions = {"kind": "chunk"}
    if found := labels(filters.metadata):
        conditions["$and"] = [{"labels": label} for label in found]
    prefix = normalize("NFC", filters.prefix)
    folder = prefix[: prefix.rfind("/") + 1]
    if folder:
        conditions["folders"] = folder
    if prefix != folder:
        within = {"folders": folder} if folder else {}
        documents = await namespace.payloads(kind="document", **within)
        names = [str(each["document"]) for each in documents]
        names = [name for name in names if name.startswith(prefix)]
        if not names:
            return None
        conditions["document"] = {"$in": names}
    return conditions


async def _look(
    namespace: Namespace, query: SearchQuery, conditions: _Conditions
) -> tuple[list[list[_Found]], list[float]]:
    """Return each leg's chunks and scores, best first, and what its ranks count.

    Raises:
        RetrievalError: the server could not answer, or there are no words to search.
    """
    kind, most = namespace.records.kind, query.ranking.candidates(query.k)
    session = namespace.session

    async def leg(
        dense: list[float] | None, sparse: SparseValues | None, narrowed: _Conditions
    ) -> list[_Found]:
        response = await session.call(
            session.client.query(
                top_k=most,
                vector=dense,
                sparse_vector=sparse,
                filter=narrowed,
                namespace=namespace.name,
                include_metadata=True,
            )
        )
        return _found(response)

    legs, weights = [], []
    if query.mode is not SearchMode.VECTOR:
        if not kind.sparse and query.mode is SearchMode.LEXICAL:
            raise RetrievalError(
                "the index in Pinecone has no words; one with the metric dotproduct would have"
            )
        terms = sparse_query(query.ranking.terms(query.text))
        if terms is not None and kind.sparse:
            # Where records have dense vectors, so must a query: with zeros they do not count.
            zeros = [0.0] * namespace.records.dimension if kind.dense else None
            legs.append(leg(zeros, terms, conditions))
            weights.append(1.0)
    if query.mode is not SearchMode.LEXICAL and query.vector.any():
        legs.append(leg(query.vector.tolist(), None, conditions | {"has_vector": True}))
        weights.append(query.vector_weight)
    return list(await asyncio.gather(*legs)), weights


def _found(response: QueryResponse) -> list[_Found]:
    """Return the chunks that were found; equal ones in the order of writing."""
    found = [
        (match.metadata, chunk_of(match.metadata), match.score)
        for match in response.matches
        if match.score > 0 and match.metadata
    ]
    return sorted(found, key=lambda each: (-each[2], each[0]["write"], each[1].position))


def _is_current(chunk: Payload, documents: Mapping[str, Payload]) -> bool:
    document = documents.get(chunk["document"])
    return document is not None and chunk["write"] == document["write"]


def _hit(payload: Payload, chunk: Chunk, documents: Mapping[str, Payload], score: float) -> Hit:
    name = payload["document"]
    data = data_of(documents[name])
    return Hit(
        chunk=f"{name}#{chunk.position}",
        document=name,
        position=chunk.position,
        title=data["title"],
        headings=chunk.headings,
        text=chunk.text,
        score=score,
        metadata=data["metadata"],
        places=chunk.places,
    )
