"""Rebuilding: a new index grows beside the old one, which is read until it is replaced at once."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import structlog

from gwkit.documents import Chunk, Document
from gwkit.errors import RetrievalError
from gwkit.index.ledger import UPLOAD
from gwkit.index.sqlite import reading, writing
from gwkit.index.sqlite.connections import connect, explained
from gwkit.index.sqlite.schema import LAYOUT, check, check_whole, is_made, make, read_manifest

if TYPE_CHECKING:
    from pathlib import Path

    from gwkit.index.manifest import Manifest
    from gwkit.models.ports import Vectors

    _Row: TypeAlias = tuple[int, str, str, str, str]

__all__ = ["Rebuild"]

_log = structlog.stdlib.get_logger(__name__)

_TABLES = ("manifest", "documents", "metadata", "chunks", "vectors", "failures", "changes")
"""What is copied as it is, parents before children."""

_FTS_PARTS = ("config", "content", "data", "docsize", "idx")
"""The tables of a full-text index (https://sqlite.org/fts5.html, section 9)."""


class Rebuild:
    """Takes the place of the index at `target`; made by `begin`.

    What others wrote meanwhile, and every upload, is taken over where both indexes were made with
    the same settings. One that was interrupted is gone on with.

    Args:
        target: the index that is to be replaced; it need not be there.
        manifest: what the new one is made with.
        lock: a connection that keeps other rebuilds of this index away.
        since: the version of the old index at the beginning.
    """

    def __init__(
        self, target: Path, manifest: Manifest, lock: sqlite3.Connection, since: int
    ) -> None:
        self.target = target
        self._manifest = manifest
        self._lock = lock
        self._since = since

    @classmethod
    def begin(cls, target: Path, manifest: Manifest) -> Rebuild:
        """Look at both indexes, and throw away a new one that cannot be gone on with; blocks.

        Raises:
            RetrievalError: the target is no index of ours, or another process rebuilds it.
        """
        with explained(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with closing(connect(target)) as connection:
                connection.execute("BEGIN")
                check_whole(connection, target)
                old = _state(connection) if is_made(connection) else (0, 0)
            lock = _lock(target)
            if not _can_go_on(_beside(target), manifest, published=old[0]):
                _delete(_beside(target))
        return cls(target, manifest, lock, old[1])

    @property
    def path(self) -> Path:
        """The file of the new index."""
        return _beside(self.target)

    def publish(self, connection: sqlite3.Connection) -> None:
        """Replace the target by the index that the connection is to, in one transaction.

        Readers of the target see the old index up to its end. Writers wait for it.

        Raises:
            RetrievalError: the target stays as it is.
        """
        with explained(self.target):
            connection.execute("ATTACH DATABASE ? AS old", (str(self.target),))
            try:
                connection.execute("PRAGMA old.journal_mode = WAL")
                seen = self._take_over(connection, -1)
                while not self._replace(connection, seen):
                    # Somebody has written in between.
                    seen = self._take_over(connection, seen)
            finally:
                connection.execute("DETACH DATABASE old")
        _log.info("index_replaced", path=str(self.target))

    def end(self, *, published: bool = False) -> None:
        """Let others rebuild, once the new index is closed; delete it where it is published."""
        if published:
            _delete(self.path)
        _delete(_beside(self.target, "lock"))
        self._lock.close()

    def _take_over(self, connection: sqlite3.Connection, seen: int) -> int:
        """Bring over what others have written to the old index; return the version that it had.

        Args:
            connection: to the new index, with the old one attached.
            seen: the version up to which that was done before; -1 at first.
        """
        # Read before anything else: what is written from here on makes it another one.
        _, version = _state(connection, "old")
        if not self._is_alike(connection):
            return version
        for path in _uploads_gone(connection):
            with writing.transaction(connection) as new_version:
                writing.remove(connection, new_version, path)
        for row in _written(connection, self._since if seen < 0 else seen, uploads=seen < 0):
            document, chunks, vectors = _load(connection, row, self._manifest.dimension)
            with writing.transaction(connection) as new_version:
                writing.replace(connection, new_version, document, chunks, vectors)
        return version

    def _is_alike(self, connection: sqlite3.Connection) -> bool:
        if not is_made(connection, "old"):
            return False
        (layout,) = connection.execute("PRAGMA old.user_version").fetchone()
        return layout <= LAYOUT and read_manifest(connection, "old") == self._manifest

    def _replace(self, connection: sqlite3.Connection, seen: int) -> bool:
        """Copy the new index over the old one, unless that has another version than was seen."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            _, version = _state(connection, "old")
            if version == seen:
                make(connection, "old")
                _copy(connection)
                connection.execute(
                    """INSERT INTO old.state
                    SELECT id, epoch, max(version, ?) + 1 FROM main.state""",
                    (version,),
                )
                connection.execute("COMMIT")
                return True
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        connection.execute("ROLLBACK")
        return False


def _beside(target: Path, kind: str = "") -> Path:
    return target.with_name("-".join(filter(None, (target.name, "rebuild", kind))))


def _lock(target: Path) -> sqlite3.Connection:
    """Keep other rebuilds away for as long as the connection is open, and no longer.

    Raises:
        RetrievalError: another process does.
        OperationalError: the lock cannot be made.
    """
    lock = sqlite3.connect(
        _beside(target, "lock"), timeout=0, isolation_level=None, check_same_thread=False
    )
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as exc:
        lock.close()
        if exc.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        raise RetrievalError(f"another process is rebuilding the index {target}") from exc
    return lock


def _delete(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _can_go_on(path: Path, manifest: Manifest, *, published: int) -> bool:
    """Say whether an interrupted rebuild left an index that is worth going on with.

    One with the epoch of the target has already taken its place.
    """
    if not path.exists():
        return False
    with suppress(sqlite3.Error, RetrievalError), closing(connect(path)) as connection:
        check(connection, manifest)
        return reading.state(connection)[0] != published
    return False


def _state(connection: sqlite3.Connection, schema: str = "main") -> tuple[int, int]:
    """Return the epoch and the version of an index; zeros where there is none that is known."""
    (layout,) = connection.execute(f"PRAGMA {schema}.user_version").fetchone()
    if not is_made(connection, schema) or layout > LAYOUT:
        return 0, 0
    epoch, version = connection.execute(
        f"SELECT epoch, version FROM {schema}.state"  # noqa: S608 - a schema of ours
    ).fetchone()
    return epoch, version


def _uploads_gone(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute(
        """SELECT path FROM main.documents WHERE source = ?
        AND path NOT IN (SELECT path FROM old.documents)""",
        (UPLOAD,),
    )
    return [path for (path,) in rows]


def _written(connection: sqlite3.Connection, since: int, *, uploads: bool) -> list[_Row]:
    """Return what of the old index the new one lacks: written after a version, or uploaded."""
    return connection.execute(
        """SELECT id, path, title, content_hash, source FROM old.documents
        WHERE (id IN (SELECT document FROM old.changes WHERE version > :since)
            AND (source = :upload OR path NOT IN (SELECT path FROM main.documents)))
        OR (:uploads AND source = :upload)""",
        {"since": since, "upload": UPLOAD, "uploads": uploads},
    ).fetchall()


def _load(
    connection: sqlite3.Connection, row: _Row, dimension: int
) -> tuple[Document, list[Chunk], Vectors]:
    """Return a document of the old index as it was once given to it."""
    id_, path, title, content_hash, source = row
    metadata = dict(
        connection.execute("SELECT key, value FROM old.metadata WHERE document = ?", (id_,))
    )
    parts = connection.execute(
        """SELECT position, chunks.headings, text FROM old.chunks AS chunks
        JOIN old.fts AS fts ON fts.rowid = chunks.id WHERE document = ? ORDER BY position""",
        (id_,),
    )
    chunks = [
        Chunk(position, text, tuple(json.loads(headings)), tokens=0)
        for position, headings, text in parts
    ]
    blobs = connection.execute("SELECT vectors FROM old.vectors WHERE document = ?", (id_,))
    flat = np.frombuffer(b"".join(blob for (blob,) in blobs), dtype="<f4")
    document = Document(path, title, content_hash, (), metadata, source)
    return document, chunks, flat.reshape(-1, dimension)


def _copy(connection: sqlite3.Connection) -> None:
    """Fill the tables of the old index, which are empty, from the new one."""
    for table in _TABLES:
        connection.execute(f"INSERT INTO old.{table} SELECT * FROM main.{table}")  # noqa: S608 - a table of ours
    try:
        for part in _FTS_PARTS:
            connection.execute(f"DELETE FROM old.fts_{part}")  # noqa: S608 - as above
            connection.execute(f"INSERT INTO old.fts_{part} SELECT * FROM main.fts_{part}")  # noqa: S608 - as above
    except sqlite3.OperationalError:
        # Some builds let nobody write them; indexing every text again takes ten times as long.
        connection.execute(
            """INSERT INTO old.fts (rowid, title, headings, text)
            SELECT rowid, title, headings, text FROM main.fts"""
        )
