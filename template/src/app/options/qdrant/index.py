"""The index in Qdrant: chunks with dense and sparse vectors, beside the ledger and the failures."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import structlog
from qdrant_client import models

from app.exceptions import RetrievalError
from app.options.qdrant.collection import STATE, Collection
from app.options.qdrant.points import (
    chunk_id,
    chunk_of,
    chunk_point,
    document_of,
    document_point,
    entry_of,
    equals,
    failure_of,
    failure_payload,
    older,
    point_id,
    vectors_of,
)
from app.options.qdrant.rebuilding import Rebuild, current_collection, use
from app.options.qdrant.searching import search
from app.options.qdrant.session import Session
from gwkit.index.store import SearchMode, StoredDocument
from gwkit.text.characters import normalize
from gwkit.text.terms import TermRules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.options.qdrant.points import Payload
    from app.options.qdrant.settings import QdrantSettings
    from gwkit.documents import Chunk, Document
    from gwkit.index.store import Failure, Hit, LedgerEntry, Manifest, SearchQuery
    from gwkit.models.protocols import Vectors

__all__ = ["QdrantIndex"]

_log = structlog.stdlib.get_logger(__name__)


class QdrantIndex(AbstractAsyncContextManager["QdrantIndex"]):
    """An `gwkit.index.store.Index` in a collection behind an alias, for any number of processes.

    Made by `open`; an async context manager that closes itself.
    """

    def __init__(self, collection: Collection, rebuild: Rebuild | None = None) -> None:
        self._points = collection
        self._rebuild = rebuild
        self._dimension = collection.manifest.dimension
        self._rules = TermRules.named(collection.manifest.terms)

    @classmethod
    async def open(
        cls, settings: QdrantSettings, manifest: Manifest, *, rebuild: bool = False
    ) -> Self:
        """Open the index, made first where there is none.

        Args:
            settings: where it is.
            manifest: what the index has to be made with.
            rebuild: make a new index beside the one that is there, whatever that was made with;
                `publish` puts it in its place.

        Raises:
            IndexMismatchError: the index was made with something else.
            RetrievalError: the server cannot be used.
        """
        session = Session(settings)
        await session.open()
        alias = settings.qdrant_collection
        try:
            if rebuild:
                begun = await Rebuild.begin(session, alias, manifest)
                return cls(begun.collection, begun)
            if await current_collection(session, alias) is None:
                first = Collection(session, f"{alias}-a", manifest)
                await first.make()
                await use(first, alias, instead_of=None)
            index = cls(Collection(session, alias, manifest))
            await index.check()
        except BaseException:
            await session.close()
            raise
        _log.info("index_opened", collection=alias)
        return index

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; may be called again."""
        await self._points.session.close()

    # Reading

    async def search(self, query: SearchQuery) -> Sequence[Hit]:
        """Return at most `query.k` hits, best first, each document as a whole version.

        Raises:
            RetrievalError: the server could not answer, or the vector has the wrong length.
        """
        shape = query.vector.shape
        if query.mode is not SearchMode.LEXICAL and shape != (self._dimension,):
            raise RetrievalError(
                f"a vector of shape {shape}; the index's dimension is {self._dimension}"
            )
        return await search(self._points, query)

    async def check(self) -> None:
        """Return if the server answers and the index is as expected.

        Raises:
            RetrievalError: it does not.
        """
        await self._points.checked()

    async def version(self) -> int:
        """Return a number that grows with every write."""
        return int((await self._points.checked())[STATE]["version"])

    async def documents(self, prefix: str = "") -> Sequence[LedgerEntry]:
        """Return the indexed documents whose id starts so, sorted by id."""
        conditions = equals(kind="document")
        if prefix:
            conditions += equals(prefixes=normalize("NFC", prefix))
        records = await self._points.scroll(conditions)
        entries = [entry_of(record.payload or {}) for record in records]
        return sorted(entries, key=lambda entry: entry.document)

    async def ledger(self) -> dict[str, LedgerEntry]:
        """Return what is indexed, by document id."""
        return {entry.document: entry for entry in await self.documents()}

    async def entry(self, document: str) -> LedgerEntry | None:
        """Return what is indexed of one document."""
        found = (await self._points.get([point_id("document", document)])).values()
        return next(map(entry_of, found), None)

    async def read_document(
        self, document: str, *, first: int = 0, count: int = 0
    ) -> StoredDocument | None:
        """Return a document with `count` of its chunks from position `first` on, if it is here."""
        found = await self._read(document, first, first + count)
        if found is None:
            return None
        stored, records = found
        chunks = tuple(chunk_of(record.payload or {}) for record in records)
        return StoredDocument(entry_of(stored), stored["title"], stored["metadata"], chunks)

    async def export_document(
        self, document: str
    ) -> tuple[Document, Sequence[Chunk], Vectors] | None:
        """Return what `replace` was given for a document, if it is here."""
        found = await self._read(document, vectors=True)
        if found is None:
            return None
        stored, records = found
        return (
            document_of(stored),
            [chunk_of(record.payload or {}) for record in records],
            vectors_of(records, self._dimension),
        )

    async def failures(self) -> dict[str, Failure]:
        """Return what has failed, by document id."""
        records = await self._points.scroll(equals(kind="failure"))
        failures = [failure_of(record.payload or {}) for record in records]
        failures.sort(key=lambda failure: failure.document)
        return {failure.document: failure for failure in failures}

    # Writing

    async def replace(self, document: Document, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Write a document in place of its older version; forget its failure.

        Readers see the older version until the new one is there as a whole. Of several writers of
        one document the one that began last wins.

        Raises:
            RetrievalError: the older version stays.
        """
        expected = (len(chunks), self._dimension)
        if vectors.shape != expected:
            raise RetrievalError(
                f"the vectors of {document.id!r} have shape {vectors.shape}, not {expected}"
            )
        await self._points.checked()
        write = self._points.next_write()
        pairs = zip(chunks, vectors, strict=True)
        await self._points.put([chunk_point(self._rules, document, *pair, write) for pair in pairs])
        point = document_point(document, write, len(chunks), _now())
        await self._points.put([point], only=models.Filter(must=[older(write)]))
        ours = equals(kind="chunk", document=document.id)
        current = (await self._points.get([str(point.id)])).get(str(point.id))
        if current is None or current["write"] != write:
            await self._points.drop([*ours, *equals(write=write)])
        else:
            await self._points.drop([*ours, older(write)])
        await self.forget(document.id)

    async def adopt(self, document: str, source: str) -> None:
        """Record that an indexed document comes from `source`; forget its failure."""
        id_ = point_id("document", document)
        if id_ in await self._points.checked(id_):
            await self._points.session.call(
                lambda client: client.set_payload(
                    self._points.name, payload={"source": source}, points=[id_]
                )
            )
            await self.forget(document)

    async def remove(self, document: str) -> bool:
        """Remove a document and its failure; say whether there was either."""
        id_ = point_id("document", document)
        is_there = id_ in await self._points.checked(id_)
        write = self._points.next_write()
        await self._points.drop([*equals(kind="document", document=document), older(write)])
        await self._points.drop([*equals(kind="chunk", document=document), older(write)])
        return await self.forget(document) or is_there

    async def fail(self, failure: Failure) -> None:
        """Record that a document failed, and count the attempt; an older version stays."""
        id_ = point_id("failure", failure.document)
        before = (await self._points.checked(id_)).get(id_)
        payload = failure_payload(failure, before, _now())
        await self._points.put([models.PointStruct(id=id_, vector={}, payload=payload)])
        await self._points.count()

    async def forget(self, document: str) -> bool:
        """Forget a document's failure, and nothing else of it; say whether there was one."""
        id_ = point_id("failure", document)
        is_there = id_ in await self._points.checked(id_)
        if is_there:
            await self._points.drop(equals(kind="failure", document=document))
        await self._points.count()
        return is_there

    async def publish(self) -> None:
        """Put a rebuilt index in the place of the older one, and work on that from now on.

        Raises:
            RetrievalError: the older one stays.
        """
        if self._rebuild is not None:
            self._points = await self._rebuild.publish()
            self._rebuild = None

    async def _read(
        self, document: str, first: int = 0, last: int | None = None, *, vectors: bool = False
    ) -> tuple[Payload, list[models.Record]] | None:
        """Return a document's payload with those of its chunks, all of one write."""
        while True:
            found = await self._points.get([point_id("document", document)])
            if not found:
                return None
            (stored,) = found.values()
            end = stored["chunks"] if last is None else min(last, stored["chunks"])
            ids = [chunk_id(document, stored["write"], at) for at in range(first, end)]
            records = await self._points.records(ids, vectors=vectors)
            if len(records) == len(ids):  # otherwise it was replaced in between
                return stored, records


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
