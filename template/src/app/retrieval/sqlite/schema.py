"""The layout of the index file: made here, recognised here.

A document's rows in `documents` and `metadata`, its chunks, their text in `fts`, its vectors and
its entry in `changes` are always written in one transaction.
"""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import asdict

from app.exceptions import IndexMismatchError, RetrievalError
from app.retrieval.manifest import Manifest

__all__ = ["APPLICATION_ID", "LAYOUT", "prepare", "read_manifest"]

APPLICATION_ID = 0x47_72_57_6B
"""Marks a SQLite file as an index of this service ("GrWk")."""

LAYOUT = 1
"""Number of the layout below; an index of another one has to be rebuilt."""

_OLDEST_SQLITE = (3, 37, 0)

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
        chunker TEXT NOT NULL
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
        UNIQUE (document, position)
    ) STRICT""",
    # Holds the text of the chunks as well as its index; the rowid is the chunk's.
    """CREATE VIRTUAL TABLE fts USING fts5(
        title, headings, text, tokenize = 'porter unicode61 remove_diacritics 2'
    )""",
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
        source TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    # When a document was last written or removed: what a process must read again to catch up.
    # Without a foreign key, for it outlives the document.
    """CREATE TABLE changes (
        document INTEGER PRIMARY KEY,
        version INTEGER NOT NULL
    ) STRICT""",
    "CREATE INDEX changes_by_version ON changes (version, document)",
)


def prepare(connection: sqlite3.Connection, manifest: Manifest, *, rebuild: bool) -> None:
    """Make the index in an empty file, or check the one that is there.

    Args:
        connection: to the file, in autocommit mode.
        manifest: what the index is to be made with.
        rebuild: empty an index that is there, whatever it was made with.

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
    _is_made(connection)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not _is_made(connection):
            _make(connection, manifest, version=1)
        elif rebuild:
            _make(connection, manifest, version=_clear(connection) + 1)
        else:
            _check(connection, manifest)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def read_manifest(connection: sqlite3.Connection) -> Manifest:
    """Return what the index was made with."""
    row = connection.execute("SELECT embedder, dimension, chunker FROM manifest").fetchone()
    return Manifest(*row)


def _is_made(connection: sqlite3.Connection) -> bool:
    """Say whether the file holds an index; an empty file does not.

    Raises:
        RetrievalError: it is another program's.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application == APPLICATION_ID:
        return bool(objects)
    if application or objects:
        raise RetrievalError("the file is another program's database, not an index")
    return False


def _check(connection: sqlite3.Connection, manifest: Manifest) -> None:
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    if layout != LAYOUT:
        raise IndexMismatchError({"layout": (str(layout), str(LAYOUT))})
    if differences := read_manifest(connection).differences(manifest):
        raise IndexMismatchError(differences)


def _make(connection: sqlite3.Connection, manifest: Manifest, *, version: int) -> None:
    # A pragma takes no parameters.
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {LAYOUT}")
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute("INSERT INTO state VALUES (1, ?, ?)", (secrets.randbits(62), version))
    connection.execute(
        "INSERT INTO manifest VALUES (1, :embedder, :dimension, :chunker)", asdict(manifest)
    )


def _clear(connection: sqlite3.Connection) -> int:
    """Drop every table of an index of any layout, and return the version that it had."""
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    version = 0
    if layout == LAYOUT:
        (version,) = connection.execute("SELECT version FROM state").fetchone()
    # The full-text table first, which takes its own tables along; then children before parents.
    tables = connection.execute(
        """SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'
        ORDER BY sql LIKE 'CREATE VIRTUAL TABLE%' DESC, rowid DESC"""
    ).fetchall()
    for (name,) in tables:
        connection.execute(f'DROP TABLE IF EXISTS "{name}"')
    return int(version)
