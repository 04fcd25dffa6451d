"""The index file: opened, made where there is none, and recognised.

A document's rows in `documents` and `metadata`, its chunks, their text in `fts`, its vectors and
its entry in `changes` are always written in one transaction.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sqlite3
import time
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import structlog

from gwkit.errors import IndexMismatchError, RetrievalError
from gwkit.index.sqlite import connections
from gwkit.index.sqlite.connections import Connections, advice, error_code, is_refusal
from gwkit.index.store import Manifest

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "APPLICATION_ID",
    "LAYOUT",
    "check",
    "check_whole",
    "is_made",
    "log_ahead",
    "open_file",
    "prepare",
    "read_manifest",
]

_log = structlog.stdlib.get_logger(__name__)

APPLICATION_ID = 0x47_72_57_6B
"""Marks a SQLite file as an index of this service ("GrWk")."""

LAYOUT = 3
"""Number of the layout below; a file with another one is refused."""

_OLDEST_SQLITE = (3, 37, 0)
_RETRY_SECONDS = 0.01

_SCHEMA = (
    # One row. `epoch` differs in every index that was ever made, also at the same path; `version`
    # grows with every write.
    """CREATE TABLE state (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        epoch INTEGER NOT NULL,
        version INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE manifest (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        embedder TEXT NOT NULL,
        dimension INTEGER NOT NULL,
        chunker TEXT NOT NULL,
        terms TEXT NOT NULL
    ) STRICT""",
    # The ledger. AUTOINCREMENT, for an id that came back would confuse the log of changes.
    """CREATE TABLE documents (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        path TEXT NOT NULL UNIQUE,
        title TEXT NOT NULL,
        content_hash TEXT NOT NULL,
        source TEXT NOT NULL,
        chunks INTEGER NOT NULL,
        indexed_at TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE metadata (
        document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (document, key)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX metadata_by_value ON metadata (key, value, document)",
    """CREATE TABLE chunks (
        id INTEGER PRIMARY KEY,
        document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
        position INTEGER NOT NULL,
        headings TEXT NOT NULL,
        text TEXT NOT NULL,
        places TEXT NOT NULL,
        UNIQUE (document, position)
    ) STRICT""",
    # The terms of each chunk with spaces between them, as `gwkit.text.terms` makes them; the rowid
    # is the chunk's. They are not kept: to remove a chunk, its terms are made again.
    """CREATE VIRTUAL TABLE fts USING fts5(
        title, headings, text, content = '', tokenize = "ascii tokenchars '#+.'"
    )""",
    "CREATE VIRTUAL TABLE terms USING fts5vocab(fts, row)",
    # One row for each document, as vectors are only ever read and written so: little-endian
    # float32 of shape (chunks, dimension), whose first row belongs to the chunk `first`.
    """CREATE TABLE vectors (
        document INTEGER PRIMARY KEY REFERENCES documents ON DELETE CASCADE,
        first INTEGER NOT NULL,
        vectors BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE failures (
        path TEXT PRIMARY KEY,
        reason TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        failed_at TEXT NOT NULL,
        source TEXT NOT NULL,
        kind TEXT NOT NULL DEFAULT 'permanent',
        first_failed_at TEXT NOT NULL DEFAULT '',
        content_hash TEXT NOT NULL DEFAULT ''
    ) STRICT, WITHOUT ROWID""",
    # When a document was last written or removed: what a process must read again to catch up.
    # Without a foreign key, for it outlives the document.
    """CREATE TABLE changes (
        document INTEGER PRIMARY KEY,
        version INTEGER NOT NULL
    ) STRICT""",
    "CREATE INDEX changes_by_version ON changes (version, document)",
)


async def open_file(path: Path, manifest: Manifest, *, frozen: bool = False) -> Connections:
    """Return connections to an index file, made first where there is none.

    A file that this user cannot write can be read; so can one in a folder that cannot be written,
    which is opened as `frozen`.

    Raises:
        IndexMismatchError: the index was made with something else.
        RetrievalError: the file cannot be opened, is damaged, or is not an index.
    """
    opened = Connections(path, frozen=frozen)
    try:
        await opened.write(partial(prepare, manifest=manifest))
        await opened.read(partial(check_whole, path=path))
    except BaseException as exc:
        await opened.close()
        if frozen or not is_refusal(exc) or not await asyncio.to_thread(_may_be_frozen, path):
            raise
        opened = await open_file(path, manifest, frozen=True)
        _log.warning("index_read_only", path=str(path), reason=str(exc))
    return opened


def prepare(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Make the index in an empty file, or check the one that is there.

    Args:
        connection: to the file, in autocommit mode.
        manifest: what the index is to be made with.

    Raises:
        IndexMismatchError: the index was made with another manifest or layout.
        RetrievalError: the file is another program's, or SQLite is too old.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise RetrievalError(
            f"SQLite {sqlite3.sqlite_version} is too old for the index: use a Python with "
            f"{'.'.join(map(str, _OLDEST_SQLITE))} or newer"
        )
    # Looked at before anything is set, for another program's file must stay as it is.
    is_made(connection)
    log_ahead(connection)
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        if is_made(connection):
            check(connection, manifest)
        else:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {LAYOUT}")
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute("INSERT INTO state VALUES (1, ?, 1)", (secrets.randbits(62),))
            connection.execute(
                "INSERT INTO manifest VALUES (1, :embedder, :dimension, :chunker, :terms)",
                asdict(manifest),
            )


def log_ahead(connection: sqlite3.Connection) -> None:
    """Let readers go on beside a writer, which the file remembers.

    Several processes may do this to a new file at once, and here SQLite does not wait by itself.

    Raises:
        sqlite3.OperationalError: the file cannot be written, or stays locked.
    """
    deadline = time.monotonic() + connections.BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as exc:
            if error_code(exc) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


def read_manifest(connection: sqlite3.Connection) -> Manifest:
    """Return what the index was made with."""
    row = connection.execute("SELECT embedder, dimension, chunker, terms FROM manifest").fetchone()
    return Manifest(*row)


def is_made(connection: sqlite3.Connection) -> bool:
    """Say whether the file holds an index; an empty file does not.

    Raises:
        RetrievalError: it is another program's.
    """
    # In this order, as another process may make the index in between: the mark is never missed
    # where there are tables.
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application == APPLICATION_ID:
        return bool(objects)
    if application or objects:
        raise RetrievalError("the file is another program's database, not an index")
    return False


def check(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Refuse an index that was made with something else.

    Raises:
        IndexMismatchError: another manifest, or another layout.
    """
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    if layout != LAYOUT:
        raise IndexMismatchError({"layout": (str(layout), str(LAYOUT))})
    if differences := read_manifest(connection).differences(manifest):
        raise IndexMismatchError(differences)


def check_whole(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that was cut off: SQLite itself only notices where it reads what is missing.

    Args:
        connection: to the file, in a read transaction.
        path: the file.

    Raises:
        RetrievalError: it is shorter than its own header tells.
    """
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    # What is in the log need not be in the file yet.
    if not _has_log(path) and path.stat().st_size < pages * size:
        raise RetrievalError(advice(path, sqlite3.SQLITE_CORRUPT, "its end is missing"))


def _may_be_frozen(path: Path) -> bool:
    # What stands in the log alone would be missed in a file that is taken for frozen.
    return os.path.isfile(path) and not _has_log(path)  # noqa: PTH113 - one that cannot be asked is none


def _has_log(path: Path) -> bool:
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0
