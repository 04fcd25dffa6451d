"""The index in Pinecone: chunks with dense and sparse vectors, beside the ledger and failures."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import structlog

from app.exceptions import RetrievalError
from app.options.pinecone.namespace import STATE, Namespace, current_namespace, use
from app.options.pinecone.rebuilding import Rebuild
from app.options.pinecone.records import (
    Records,
    chunk_id,
    chunk_of,
    data_of,
    document_of,
    entry_of,
    failure_of,
    record_id,
    vectors_of,
)
from app.options.pinecone.searching import search
from app.options.pinecone.session import Session
from gwkit.index.store import SearchMode, StoredDocument
from gwkit.text.characters import normalize
from gwkit.text.terms import TermRules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinecone import Vector

    from app.options.pinecone.records import Payload
    from app.options.pinecone.settings import PineconeSettings
    from gwkit.documents import Chunk, Document
    from gwkit.index.store import Failure, Hit, LedgerEntry, Manifest, SearchQuery
    from gwkit.models.protocols import Vectors

__all__ = ["PineconeIndex"]

_log = structlog.stdlib.get_logger(__name__)


class PineconeIndex(AbstractAsyncContextManager["PineconeIndex"]):
    """An `gwkit.index.store.Index` in a namespace of an index, for any number of processes.

    Made by `open`; an async context manager that closes itself.
    """

    def __init__(self, namespace: Namespace, rebuild: Rebuild | None = None) -> None:
        self._space = namespace
        self._rebuild = rebuild
        self._dimension = namespace.manifest.dimension

    @classmethod
    async def open(
        cls, settings: PineconeSettings, manifest: Manifest, *, rebuild: bool = False
    ) -> Self:
        """Open the index, made first where there is none.

        Args:
            settings: where it is.
            manifest: what the index has to be made with.
            rebuild: make a new index beside the one that is there, whatever that was made with;
                `publish` puts it in its place.

        Raises:
            IndexMismatchError: the index was made with something else.
            RetrievalError: the server cannot be used, or takes other vectors.
        """
        session, alias = Session(settings), settings.pinecone_namespace
        try:
            kind = await session.kind(manifest.dimension)
            records = Records(kind, manifest.dimension, TermRules.named(manifest.terms))
            if rebuild:
                begun = await Rebuild.begin(session, alias, manifest, records)
                return cls(begun.namespace, begun)
            name = await current_namespace(session, alias)
            space = Namespace(session, name or f"{alias}-a", manifest, records, alias=alias)
            if name is None:
                await space.make()
                await use(space, alias)
            index = cls(space)
            await index.check()
        except BaseException:
            await session.close()
            raise
        _log.info("index_opened", namespace=space.name)
        return index

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; may be called again."""
        await self._space.session.close()

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
        return await search(self._space, query)

    async def check(self) -> None:
        """Return if the server answers and the index is as expected.

        Raises:
            RetrievalError: it does not.
        """
        await self._space.checked()

    async def version(self) -> int:
        """Return a number that grows with every write."""
        return int((await self._space.checked())[STATE]["version"])

    async def documents(self, prefix: str = "") -> Sequence[LedgerEntry]:
        """Return the indexed documents whose id starts so, sorted by id."""
        await self._space.checked()
        start = normalize("NFC", prefix)
        folder = start[: start.rfind("/") + 1]
        found = await self._space.payloads(
            kind="document", **({"folders": folder} if folder else {})
        )
        entries = [entry_of(dict(payload)) for payload in found]
        chosen = (entry for entry in entries if entry.document.startswith(start))
        return sorted(chosen, key=lambda entry: entry.document)

    async def ledger(self) -> dict[str, LedgerEntry]:
        """Return what is indexed, by document id."""
        return {entry.document: entry for entry in await self.documents()}

    async def entry(self, document: str) -> LedgerEntry | None:
        """Return what is indexed of one document."""
        stored = await self._stored(document)
        return None if stored is None else entry_of(stored)

    async def read_document(
        self, document: str, *, first: int = 0, count: int = 0
    ) -> StoredDocument | None:
        """Return a document with `count` of its chunks from position `first` on, if it is here."""
        found = await self._read(document, first, first + count)
        if found is None:
            return None
        stored, records = found
        data = data_of(stored)
        chunks = tuple(chunk_of(record.metadata or {}) for record in records)
        return StoredDocument(entry_of(stored), data["title"], data["metadata"], chunks)

    async def export_document(
        self, document: str
    ) -> tuple[Document, Sequence[Chunk], Vectors] | None:
        """Return what `replace` was given for a document, if it is here."""
        found = await self._read(document)
        if found is None:
            return None
        stored, records = found
        chunks = [chunk_of(record.metadata or {}) for record in records]
        return document_of(stored), chunks, vectors_of(records, self._dimension)

    async def failures(self) -> dict[str, Failure]:
        """Return what has failed, by document id."""
        await self._space.checked()
        found = await self._space.payloads(kind="failure")
        failures = [failure_of(dict(payload)) for payload in found]
        failures.sort(key=lambda failure: failure.document)
        return {failure.document: failure for failure in failures}

    # Writing

    async def replace(self, document: Document, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Write a document in place of its older version; forget its failure.

        Readers see the older version until the new one is there as a whole. Of several writers of
        one document the one that began last wins, but for the moments of the last step.

        Raises:
            RetrievalError: the older version stays.
        """
        expected = (len(chunks), self._dimension)
        if vectors.shape != expected:
            raise RetrievalError(
                f"the vectors of {document.id!r} have shape {vectors.shape}, not {expected}"
            )
        name, records, write = document.id, self._space.records, self._space.next_write()
        before = await self._stored(name)
        pairs = zip(chunks, vectors, strict=True)
        await self._space.put([records.chunk(document, *pair, write) for pair in pairs])
        current = await self._stored(name)
        if current is None or current["write"] < write:
            await self._space.put([records.document(document, write, len(chunks), _now())])
            current = await self._stored(name)
        if current is not None and current["write"] != write:  # another writer was later
            await self._space.drop(kind="chunk", document=name, write=write)
        # Not what others are writing now, which is of later writes than the one before.
        elif before is not None:
            older = {"$lte": before["write"]}
            await self._space.drop(kind="chunk", document=name, write=older)
        await self.forget(name)

    async def adopt(self, document: str, source: str) -> None:
        """Record that a document, if it is indexed, comes from `source`; forget its failure."""
        if await self._stored(document) is not None:
            await self._space.update(record_id("document", document), source=source)
            await self.forget(document)

    async def remove(self, document: str) -> bool:
        """Remove a document and its failure; say whether there was either."""
        stored = await self._stored(document)
        if stored is not None:
            older = {"$lte": stored["write"]}
            await self._space.drop(kind="document", document=document, write=older)
            await self._space.drop(kind="chunk", document=document, write=older)
        return await self.forget(document) or stored is not None

    async def fail(self, failure: Failure) -> None:
        """Record that a document failed, and count the attempt; an older version stays."""
        id_ = record_id("failure", failure.document)
        before = (await self._space.checked(id_)).get(id_)
        await self._space.put([self._space.records.failure(failure, before, _now())])
        await self._space.count()

    async def forget(self, document: str) -> bool:
        """Forget a document's failure, and nothing else of it; say whether there was one."""
        id_ = record_id("failure", document)
        is_there = id_ in await self._space.checked(id_)
        if is_there:
            await self._space.drop(kind="failure", document=document)
        await self._space.count()
        return is_there

    async def publish(self) -> None:
        """Put a rebuilt index in the place of the older one, and work on that from now on.

        Raises:
            RetrievalError: the older one stays.
        """
        if self._rebuild is not None:
            self._space = await self._rebuild.publish()
            self._rebuild = None

    async def _stored(self, document: str) -> Payload | None:
        id_ = record_id("document", document)
        return (await self._space.checked(id_)).get(id_)

    async def _read(
        self, document: str, first: int = 0, last: int | None = None
    ) -> tuple[Payload, list[Vector]] | None:
        """Return a document's metadata with those of its chunks, all of one write.

        Raises:
            RetrievalError: chunks are missing, and it is not being replaced.
        """
        known: Payload | None = None
        while (stored := await self._stored(document)) is not None:
            chunks = data_of(stored)["chunks"]
            end = chunks if last is None else min(last, chunks)
            write = int(stored["write"])
            ids = [chunk_id(document, write, at) for at in range(first, end)]
            found = await self._space.fetch(ids) if ids else {}
            if len(found) == len(ids):
                return stored, list(found.values())
            if known == stored:  # not replaced in between
                raise RetrievalError(f"chunks of {document!r} are not visible; try again later")
            known = stored
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
