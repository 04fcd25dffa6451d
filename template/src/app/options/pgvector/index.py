"""The index in PostgreSQL: full text and vectors beside the ledger, a transaction per document."""

from __future__ import annotations

from collections import defaultdict
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, astuple, replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Self

import structlog
from pgvector import Vector
from psycopg.types.json import Jsonb

from app.exceptions import RetrievalError
from app.options.pgvector import records, statements
from app.options.pgvector.database import Database, explained
from app.options.pgvector.migrations import prepare
from app.options.pgvector.rebuilding import Rebuild
from app.options.pgvector.searching import Searcher
from gwkit.index.store import LedgerEntry, SearchMode
from gwkit.text.characters import normalize
from gwkit.text.terms import TermRules

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import LiteralString

    from psycopg import AsyncConnection

    from app.options.pgvector.settings import PgvectorSettings
    from gwkit.documents import Chunk, Document
    from gwkit.index.store import Failure, Hit, Manifest, SearchQuery, StoredDocument
    from gwkit.models.protocols import Vectors

__all__ = ["PgvectorIndex"]

_log = structlog.stdlib.get_logger(__name__)

_LAST_PLACE = 16_383
"""The largest position in a `tsvector`."""


class PgvectorIndex(AbstractAsyncContextManager["PgvectorIndex"]):
    """An `gwkit.index.store.Index` in a schema of a database, for any number of processes.

    Made by `open`; an async context manager that closes itself.
    """

    def __init__(self, database: Database, rebuild: Rebuild | None = None) -> None:
        self._database = database
        self._rebuild = rebuild
        self._dimension = database.manifest.dimension
        self._rules = TermRules.named(database.manifest.terms)
        self._searcher = Searcher(self._dimension)

    @classmethod
    async def open(
        cls, settings: PgvectorSettings, manifest: Manifest, *, rebuild: bool = False
    ) -> Self:
        """Open the index, made first where there is none.

        Args:
            settings: where it is.
            manifest: what the index has to be made with.
            rebuild: make a new index beside the one that is there, whatever that was made with;
                `publish` puts it in its place.

        Raises:
            IndexMismatchError: the index was made with something else.
            RetrievalError: the database cannot be used, or another process rebuilds the index.
        """
        database = Database(settings, manifest)
        connection = await database.connect()
        begun = None
        try:
            with explained():
                if rebuild:
                    begun = await Rebuild.begin(connection, database)
                await database.open(await prepare(connection, database, anew=rebuild))
        except BaseException:
            await connection.close()
            raise
        if begun is None:
            await connection.close()
        _log.info("index_opened", schema=database.schema, rebuild=rebuild)
        return cls(database, begun)

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; may be called again."""
        await self._database.close()
        if self._rebuild is not None:
            await self._rebuild.end()

    # Reading

    async def search(self, query: SearchQuery) -> Sequence[Hit]:
        """Return at most `query.k` hits, best first, from one snapshot of the index.

        Raises:
            RetrievalError: the database could not answer, or the vector has the wrong length.
        """
        shape = query.vector.shape
        if query.mode is not SearchMode.LEXICAL and shape != (self._dimension,):
            raise RetrievalError(
                f"a vector of shape {shape}; the index's dimension is {self._dimension}"
            )
        return await self._database.read(partial(self._searcher.search, query=query))

    async def check(self) -> None:
        """Return if the database answers and the index is as expected.

        Raises:
            RetrievalError: it does not.
        """
        await self.version()

    async def version(self) -> int:
        """Return a number that grows with every write."""

        async def job(connection: AsyncConnection) -> int:
            cursor = await connection.execute("SELECT version FROM state")
            (version,) = await cursor.fetchone() or (0,)
            return int(version)

        return await self._database.read(job)

    async def documents(self, prefix: str = "") -> Sequence[LedgerEntry]:
        """Return the indexed documents whose id starts so, sorted by id."""
        return await self._entries("starts_with(path, %s) ORDER BY path", normalize("NFC", prefix))

    async def ledger(self) -> dict[str, LedgerEntry]:
        """Return what is indexed, by document id."""
        return {entry.document: entry for entry in await self.documents()}

    async def entry(self, document: str) -> LedgerEntry | None:
        """Return what is indexed of one document."""
        return next(iter(await self._entries("path = %s", document)), None)

    async def read_document(
        self, document: str, *, first: int = 0, count: int = 0
    ) -> StoredDocument | None:
        """Return a document with `count` of its chunks from position `first` on, if it is here."""
        return await self._database.read(
            partial(records.read_document, path=document, first=first, count=count)
        )

    async def export_document(
        self, document: str
    ) -> tuple[Document, Sequence[Chunk], Vectors] | None:
        """Return what `replace` was given for a document, if it is here."""
        return await self._database.read(
            partial(records.export, path=document, dimension=self._dimension)
        )

    async def failures(self) -> dict[str, Failure]:
        """Return what has failed, by document id."""
        return await self._database.read(records.failures)

    # Writing

    async def replace(self, document: Document, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Write a document in place of its older version; forget its failure.

        Raises:
            RetrievalError: nothing was written.
        """
        expected = (len(chunks), self._dimension)
        if vectors.shape != expected:
            raise RetrievalError(
                f"the vectors of {document.id!r} have shape {vectors.shape}, not {expected}"
            )
        metadata = Jsonb(dict(document.metadata))
        row = (document.id, document.title, document.content_hash, document.source, len(chunks))
        columns = {
            "path": document.id,
            "positions": [chunk.position for chunk in chunks],
            "headings": [Jsonb(list(chunk.headings)) for chunk in chunks],
            "places": [Jsonb(list(map(astuple, chunk.places))) for chunk in chunks],
            "texts": [chunk.text for chunk in chunks],
            "embeddings": [
                Vector(vector).to_text() if self._dimension else None for vector in vectors
            ],
            "words": [_words(self._rules, document.title, chunk) for chunk in chunks],
        }

        async def job(connection: AsyncConnection) -> None:
            await connection.execute(statements.DOCUMENT, [*row, _now(), metadata])
            await connection.execute("DELETE FROM chunks WHERE path = %s", [document.id])
            await connection.execute(statements.FORGET, [document.id])
            await connection.execute(statements.CHUNKS, columns)
            await connection.execute(statements.COUNT, [document.id])

        await self._database.write(job)

    async def adopt(self, document: str, source: str) -> None:
        """Record that an indexed document comes from `source`; forget its failure."""

        async def job(connection: AsyncConnection) -> None:
            cursor = await connection.execute(
                "UPDATE documents SET source = %s WHERE path = %s", [source, document]
            )
            if cursor.rowcount:
                await connection.execute(statements.FORGET, [document])
                await connection.execute(statements.COUNT, [document])

        await self._database.write(job)

    async def remove(self, document: str) -> bool:
        """Remove a document and its failure; say whether there was either."""
        return await self._delete(
            document, "DELETE FROM documents WHERE path = %s", statements.FORGET
        )

    async def fail(self, failure: Failure) -> None:
        """Record that a document failed, and count the attempt; an older version stays."""
        recorded, is_copy = failure, bool(failure.failed_at)
        if not is_copy:
            now = _now()
            recorded = replace(failure, attempts=1, failed_at=now, first_failed_at=now)
        values = {**asdict(recorded), "kind": failure.kind.value, "is_copy": is_copy}

        async def job(connection: AsyncConnection) -> None:
            await connection.execute(statements.FAIL, values)
            await connection.execute(statements.COUNT, [failure.document])

        await self._database.write(job)

    async def forget(self, document: str) -> bool:
        """Forget a document's failure, and nothing else of it; say whether there was one."""
        return await self._delete(document, statements.FORGET)

    async def publish(self) -> None:
        """Put a rebuilt index in the place of the older one, and work on that from now on.

        Raises:
            RetrievalError: the older one stays.
        """
        if self._rebuild is not None:
            rebuild = self._rebuild
            await rebuild.publish(self._database)
            self._rebuild = None
            await rebuild.end()

    async def _delete(self, document: str, *deletions: LiteralString) -> bool:
        async def job(connection: AsyncConnection) -> bool:
            found = [(await connection.execute(each, [document])).rowcount for each in deletions]
            await connection.execute(statements.COUNT, [document])
            return any(found)

        return await self._database.write(job)

    async def _entries(self, condition: LiteralString, value: str) -> list[LedgerEntry]:
        async def job(connection: AsyncConnection) -> list[LedgerEntry]:
            cursor = await connection.execute(f"{statements.ENTRIES} WHERE {condition}", [value])
            return [LedgerEntry(*row[:6]) async for row in cursor]

        return await self._database.read(job)


def _words(rules: TermRules, title: str, chunk: Chunk) -> str:
    """Return the terms of a chunk as the text of a `tsvector`, weighted by where they stand."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    place = count(1)
    for weight, text in (("A", title), ("B", "\n".join(chunk.headings)), ("D", chunk.text)):
        for term in rules.of_text(text):
            places[term].append(f"{min(next(place), _LAST_PLACE)}{weight}")
    return " ".join(f"'{term}':{','.join(found)}" for term, found in places.items())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
