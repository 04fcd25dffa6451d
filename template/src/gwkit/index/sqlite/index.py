"""The embedded index behind the port: one SQLite file, BM25 and exact vector search."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Self

import structlog

from gwkit.errors import IndexMismatchError, IngestError, RetrievalError
from gwkit.index.ledger import Failure, FailureKind
from gwkit.index.ports import SearchMode
from gwkit.index.sqlite import reading, writing
from gwkit.index.sqlite.connections import READERS, Connections
from gwkit.index.sqlite.frequencies import Frequencies
from gwkit.index.sqlite.opening import open_file
from gwkit.index.sqlite.rebuilding import Rebuild
from gwkit.index.sqlite.schema import check_whole, read_manifest
from gwkit.index.sqlite.vector_cache import VectorCache
from gwkit.index.vectors import Matrix

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import TypeVar

    from gwkit.documents import Chunk, Document
    from gwkit.index.ledger import LedgerEntry
    from gwkit.index.manifest import Manifest
    from gwkit.index.ports import Hit, SearchQuery
    from gwkit.models.ports import Vectors

    Result = TypeVar("Result")

__all__ = ["SqliteIndex"]

_log = structlog.stdlib.get_logger(__name__)

_ASIDE_FROM = 10_000
"""Chunks from which on the vectors are compared in a thread beside the full-text search. With
fewer, the way to the thread and back costs what it saves."""

_MOST_VECTOR_BYTES = 900_000_000
"""SQLite stores values of up to 1,000,000,000 bytes; the vectors of a document are one."""


class SqliteIndex:
    """An `gwkit.index.ports.Index` in one file; several processes may share it.

    Made by `open`; an async context manager that closes itself. Every search reads one snapshot
    of the file. The vectors are kept in memory as well, in step with the snapshot, so that in a
    large index both legs run at once: SQLite and numpy leave the interpreter to others meanwhile.
    A file that cannot be written can be searched all the same.
    """

    def __init__(
        self,
        connections: Connections,
        epoch: int,
        manifest: Manifest,
        rebuild: Rebuild | None = None,
    ) -> None:
        self._connections = connections
        self._manifest = manifest
        self._epoch = epoch
        self._rebuild = rebuild
        self._vectors = VectorCache(manifest.dimension, self._check_epoch)
        self._frequencies = Frequencies()
        self._aside = ThreadPoolExecutor(READERS, thread_name_prefix="index-vectors")

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
        return cls(*opened, manifest, begun)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let running calls end, and close the file; may be called again."""
        await self._connections.close()
        # No search is under way any more, so there is nothing to wait for.
        self._aside.shutdown(wait=False)
        if self._rebuild is not None:
            await asyncio.to_thread(self._rebuild.end)

    # Reading

    async def search(self, query: SearchQuery) -> Sequence[Hit]:
        """Return at most `query.k` hits, best first.

        Each leg ranks the whole index, or all that the filters let through.

        Raises:
            RetrievalError: the index is closed or damaged, or the vector has the wrong length.
        """
        if query.mode is not SearchMode.LEXICAL and query.vector.shape != (
            self._manifest.dimension,
        ):
            raise RetrievalError(
                f"the query's vector has shape {query.vector.shape}, "
                f"the index's dimension is {self._manifest.dimension}"
            )
        return await self._connections.read(partial(self._search, query=query))

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
        return await self._read(lambda connection: reading.state(connection)[1])

    async def chunk_count(self) -> int:
        """Return the number of chunks."""
        return await self._read(reading.chunk_count)

    async def documents(self, prefix: str = "") -> Sequence[LedgerEntry]:
        """Return the indexed documents whose id starts so, sorted by id."""
        return await self._read(partial(reading.entries, prefix=prefix))

    async def ledger(self) -> dict[str, LedgerEntry]:
        """Return what is indexed, by document id."""
        return {entry.document: entry for entry in await self.documents()}

    async def entry(self, document: str) -> LedgerEntry | None:
        """Return what is indexed of one document."""
        return await self._read(partial(reading.entry, path=document))

    async def failures(self) -> dict[str, Failure]:
        """Return what has failed, by document id."""
        return {failure.document: failure for failure in await self._read(reading.failures)}

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
            lambda connection, version: writing.replace(
                connection, version, document, chunks, vectors
            )
        )

    async def adopt(self, document: str, source: str) -> None:
        """Record that an indexed document comes from `source`; forget its failure."""
        await self._write(lambda connection, _: writing.adopt(connection, document, source))

    async def remove(self, document: str) -> bool:
        """Remove a document and its failure; say whether there was either."""
        return await self._write(
            lambda connection, version: writing.remove(connection, version, document)
        )

    async def fail(
        self,
        document: str,
        reason: str,
        *,
        source: str,
        kind: FailureKind = FailureKind.PERMANENT,
        content_hash: str = "",
    ) -> None:
        """Record that a document failed, and count the attempt; an older version stays."""
        failure = Failure(document, reason, source=source, kind=kind, content_hash=content_hash)
        await self._write(lambda connection, _: writing.fail(connection, failure))

    async def forget(self, document: str) -> bool:
        """Forget a document's failure, and nothing else of it; say whether there was one."""
        return await self._write(lambda connection, _: writing.forget(connection, document))

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
            self._check_epoch(connection)
            return job(connection)

        return await self._connections.read(checked)

    async def _write(self, job: Callable[[sqlite3.Connection, int], Result]) -> Result:
        def checked(connection: sqlite3.Connection) -> Result:
            with writing.transaction(connection) as version:
                self._check_epoch(connection)
                return job(connection, version)

        return await self._connections.write(checked)

    def _search(self, connection: sqlite3.Connection, query: SearchQuery) -> list[Hit]:
        ranking = query.ranking
        candidates = ranking.candidates(query.k)
        if query.mode is SearchMode.LEXICAL:
            matrix = Matrix()
            self._check_epoch(connection)
        else:
            matrix = self._vectors.matrix(connection)
        documents = reading.allowed(connection, query.filters)
        compare = partial(matrix.nearest, query.vector, candidates, documents)
        both = query.mode is SearchMode.HYBRID and len(matrix) >= _ASIDE_FROM
        near = self._aside.submit(compare).result if both else compare
        rankings, weights = [], []
        if query.mode is not SearchMode.VECTOR:
            chunks = self._frequencies.chunks(connection)
            count = partial(self._frequencies.count, connection)
            terms = ranking.affordable(ranking.terms(query.text), chunks, count)
            expression = reading.match_expression(terms)
            rankings.append(reading.lexical(connection, expression, candidates, documents))
            weights.append(1.0)
        if query.mode is not SearchMode.LEXICAL:
            rankings.append([chunk for chunk, _ in near()])
            weights.append(query.vector_weight)
        best = ranking.fuse(rankings, weights)[: max(0, query.k)]
        return reading.hits(connection, best)

    def _check_epoch(self, connection: sqlite3.Connection) -> None:
        """Refuse an index that another process has made anew with something else.

        Raises:
            IndexMismatchError: it has another manifest now.
        """
        epoch, _ = reading.state(connection)
        if epoch != self._epoch:
            if differences := read_manifest(connection).differences(self._manifest):
                raise IndexMismatchError(differences)
            self._epoch = epoch
