"""The embedded store: one SQLite file, BM25 and exact vector search."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Self

import structlog

from gwkit.errors import IngestError, RetrievalError
from gwkit.index.sqlite import records
from gwkit.index.sqlite.connections import Connections
from gwkit.index.sqlite.rebuilding import Rebuild
from gwkit.index.sqlite.schema import check, check_whole, open_file
from gwkit.index.sqlite.searching import Searcher
from gwkit.index.store import SearchMode

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import TypeVar

    from gwkit.documents import Chunk, Document
    from gwkit.index.store import (
        Failure,
        Hit,
        LedgerEntry,
        Manifest,
        SearchQuery,
        StoredDocument,
    )
    from gwkit.models.protocols import Vectors

    Result = TypeVar("Result")

__all__ = ["SqliteIndex"]

_log = structlog.stdlib.get_logger(__name__)

_MOST_VECTOR_BYTES = 900_000_000
"""SQLite stores values of up to 1,000,000,000 bytes; the vectors of a document are one."""


class SqliteIndex(AbstractAsyncContextManager["SqliteIndex"]):
    """An `gwkit.index.store.Index` in one file; several processes may share it.

    Made by `open`; an async context manager that closes itself. Every search reads one snapshot
    of the file. The vectors are kept in memory as well, in step with the snapshot. A file that
    cannot be written can be searched all the same.
    """

    def __init__(
        self, connections: Connections, manifest: Manifest, rebuild: Rebuild | None = None
    ) -> None:
        self._connections = connections
        self._manifest = manifest
        self._rebuild = rebuild
        self._epoch = 0
        self._searcher = Searcher(manifest.dimension, self._state)

    @classmethod
    async def open(cls, path: Path, manifest: Manifest, *, rebuild: bool = False) -> Self:
        """Open the index, made first where there is none.

        Args:
            path: the file; its folder is made.
            manifest: what the index has to be made with.
            rebuild: make a new index beside the one that is there, whatever that was made with;
                `publish` puts it in its place.

        Raises:
            IndexMismatchError: the index was made with something else.
            RetrievalError: the file cannot be opened, is damaged, or is not an index; or another
                process is rebuilding it.
        """
        begun = await asyncio.to_thread(Rebuild.begin, path, manifest) if rebuild else None
        try:
            opened = await open_file(begun.path if begun else path, manifest)
        except BaseException:
            if begun:
                begun.end()
            raise
        _log.info("index_opened", path=str(path), rebuild=rebuild)
        return cls(opened, manifest, begun)

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let running calls end, and close the file; may be called again."""
        await self._connections.close()
        if self._rebuild is not None:
            await asyncio.to_thread(self._rebuild.end)

    # Reading

    async def search(self, query: SearchQuery) -> Sequence[Hit]:
        """Return at most `query.k` hits, best first.

        Each leg ranks the whole index, or all that the filters let through.

        Raises:
            RetrievalError: the index is closed or damaged, or the vector has the wrong length.
        """
        shape, dimension = query.vector.shape, self._manifest.dimension
        if query.mode is not SearchMode.LEXICAL and shape != (dimension,):
            raise RetrievalError(f"a vector of shape {shape}; the index's dimension is {dimension}")
        return await self._connections.read(partial(self._searcher.search, query=query))

    async def check(self) -> None:
        """Look whether the file is there and whole, which costs a fraction of a search.

        Raises:
            RetrievalError: it is not, or the index is closed.
        """

        def look(connection: sqlite3.Connection) -> None:
            check_whole(connection, self._connections.path)
            self._connections.check()

        await self._read(look)

    async def version(self) -> int:
        """Return a number that grows with every write."""
        return (await self._connections.read(self._state))[1]

    async def documents(self, prefix: str = "") -> Sequence[LedgerEntry]:
        """Return the indexed documents whose id starts so, sorted by id."""
        return await self._read(partial(records.entries, prefix=prefix))

    async def read_document(
        self, document: str, *, first: int = 0, count: int = 0
    ) -> StoredDocument | None:
        """Return a document with `count` of its chunks from position `first` on, if it is here."""
        return await self._read(
            partial(records.read_document, path=document, first=first, count=count)
        )

    async def export_document(
        self, document: str
    ) -> tuple[Document, Sequence[Chunk], Vectors] | None:
        """Return what `replace` was given for a document, if it is here."""
        return await self._read(partial(records.export, path=document))

    async def ledger(self) -> dict[str, LedgerEntry]:
        """Return what is indexed, by document id."""
        return {entry.document: entry for entry in await self.documents()}

    async def entry(self, document: str) -> LedgerEntry | None:
        """Return what is indexed of one document."""
        return await self._read(partial(records.entry, path=document))

    async def failures(self) -> dict[str, Failure]:
        """Return what has failed, by document id."""
        return {failure.document: failure for failure in await self._read(records.failures)}

    # Writing

    async def replace(self, document: Document, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Write a document in place of its older version; forget its failure.

        Raises:
            IngestError: the document is too large.
            RetrievalError: nothing was written.
        """
        expected = (len(chunks), self._manifest.dimension)
        if vectors.shape != expected:
            raise RetrievalError(
                f"the vectors of {document.id!r} have shape {vectors.shape}, not {expected}"
            )
        if vectors.nbytes > _MOST_VECTOR_BYTES:
            raise IngestError(document.id, f"has {len(chunks):,} chunks, too many for the index")
        await self._write(
            partial(records.replace, document=document, chunks=chunks, vectors=vectors)
        )

    async def adopt(self, document: str, source: str) -> None:
        """Record that an indexed document comes from `source`; forget its failure."""
        await self._write(partial(records.adopt, path=document, source=source))

    async def remove(self, document: str) -> bool:
        """Remove a document and its failure; say whether there was either."""
        return await self._write(partial(records.remove, path=document))

    async def fail(self, failure: Failure) -> None:
        """Record that a document failed, and count the attempt; an older version stays."""
        await self._write(partial(records.fail, failure=failure))

    async def forget(self, document: str) -> bool:
        """Forget a document's failure, and nothing else of it; say whether there was one."""
        return await self._write(partial(records.forget, path=document))

    async def publish(self) -> None:
        """Put a rebuilt index in the place of the older one, and work on that from now on.

        Raises:
            RetrievalError: the older one stays.
        """
        if self._rebuild is None:
            return
        rebuild, beside = self._rebuild, self._connections
        await beside.write(rebuild.publish)
        self._connections, self._rebuild = Connections(rebuild.target), None
        await beside.close()
        await asyncio.to_thread(partial(rebuild.end, published=True))

    # In the threads

    async def _read(self, job: Callable[[sqlite3.Connection], Result]) -> Result:
        def checked(connection: sqlite3.Connection) -> Result:
            self._state(connection)
            return job(connection)

        return await self._connections.read(checked)

    async def _write(self, job: Callable[[sqlite3.Connection], Result]) -> Result:
        def checked(connection: sqlite3.Connection) -> Result:
            with records.transaction(connection):
                self._state(connection)
                return job(connection)

        return await self._connections.write(checked)

    def _state(self, connection: sqlite3.Connection) -> tuple[int, int]:
        """Return the epoch and the version of the snapshot.

        Raises:
            IndexMismatchError: another process has rebuilt the index with something else.
        """
        epoch, version = connection.execute("SELECT epoch, version FROM state").fetchone()
        if epoch != self._epoch:
            check(connection, self._manifest)
            self._epoch = epoch
        return epoch, version
