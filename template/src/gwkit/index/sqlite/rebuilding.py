"""Rebuilding: a new index grows beside the old one, which is read until it is replaced at once."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import structlog

from gwkit.errors import RetrievalError
from gwkit.index.sqlite import records
from gwkit.index.sqlite.connections import advice, connect, explained
from gwkit.index.sqlite.schema import (
    LAYOUT,
    check,
    check_whole,
    is_made,
    log_ahead,
    read_manifest,
)
from gwkit.index.store import UPLOAD

if TYPE_CHECKING:
    from pathlib import Path

    from gwkit.index.store import Manifest

__all__ = ["Rebuild"]

_log = structlog.stdlib.get_logger(__name__)

_PAGES = 8
"""Pages in a step of the copy: fewer than any index has, so that there is more than one step."""


class _OvertakenError(Exception):
    """Another process has written to the old index."""


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
        self.path = _beside(target)
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
            with closing(connect(target)) as old:
                old.execute("BEGIN")
                check_whole(old, target)
                epoch, version = _state(old)
            lock = _lock(target)
            if not _can_go_on(_beside(target), manifest, published=epoch):
                _delete(_beside(target))
        return cls(target, manifest, lock, version)

    def publish(self, connection: sqlite3.Connection) -> None:
        """Replace the target by the index that the connection is to, in one transaction.

        Readers of the target see the old index up to its end. Writers wait for it.

        Raises:
            RetrievalError: the target stays as it is.
        """
        with explained(self.target), closing(connect(self.target)) as old:
            log_ahead(old)
            seen = self._take_over(connection, old)
            while not self._replace(connection, old, seen):
                seen = self._take_over(connection, old)
        _log.info("index_replaced", path=str(self.target))

    def end(self, *, published: bool = False) -> None:
        """Let others rebuild, once the new index is closed; delete it where it is published."""
        if published:
            _delete(self.path)
        _delete(_beside(self.target, "lock"))
        self._lock.close()

    def _take_over(self, connection: sqlite3.Connection, old: sqlite3.Connection) -> int:
        """Bring over what others have written to the old index; return the version that it had.

        Args:
            connection: to the new index.
            old: to the old one.
        """
        # Read before anything else: what is written from here on makes it another one.
        _, version = _state(old)
        if not version or read_manifest(old) != self._manifest:
            return version
        changed = {id_ for (id_,) in old.execute(records.CHANGED, (self._since,))}
        rows = connection.execute("SELECT path, source, content_hash FROM documents")
        here = {path: (source, content_hash) for path, source, content_hash in rows}
        there = old.execute("SELECT id, path, source, content_hash FROM documents").fetchall()
        gone = here.keys() - {path for _, path, *_ in there}
        for path in gone:
            if here[path][0] == UPLOAD:
                with records.transaction(connection):
                    records.remove(connection, path)
        for id_, path, source, content_hash in there:
            is_upload = source == UPLOAD
            is_new = here.get(path) != (source, content_hash) if is_upload else path not in here
            whole = records.export(old, path) if is_new and (is_upload or id_ in changed) else None
            if whole is not None:
                with records.transaction(connection):
                    records.replace(connection, *whole)
        return version

    def _replace(self, connection: sqlite3.Connection, old: sqlite3.Connection, seen: int) -> bool:
        """Copy the new index over the old one, unless that has another version than was seen.

        SQLite keeps writers away from the first step of its copy on, and takes it back where
        the copy is broken off.
        """

        def compare(status: int, _remaining: int, _pages: int) -> None:
            if status == sqlite3.SQLITE_BUSY:
                raise RetrievalError(advice(self.target, status, "database is locked"))
            if status == sqlite3.SQLITE_OK and _state(old)[1] != seen:
                raise _OvertakenError

        connection.execute("UPDATE state SET version = max(version, ?) + 1", (seen,))
        with closing(connect(self.target)) as target, suppress(_OvertakenError):
            connection.backup(target, pages=_PAGES, progress=compare)
            return True
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
        return _state(connection)[0] != published
    return False


def _state(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return the epoch and the version of an index; zeros where there is none of this layout."""
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    if not is_made(connection) or layout != LAYOUT:
        return 0, 0
    epoch, version = connection.execute("SELECT epoch, version FROM state").fetchone()
    return epoch, version
