"""Opening an index file: to write, or only to read where the system allows no more."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import structlog

from gwkit.errors import RetrievalError
from gwkit.index.sqlite import reading
from gwkit.index.sqlite.connections import Access, Connections, is_refusal
from gwkit.index.sqlite.schema import check, check_whole, prepare

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from gwkit.index.manifest import Manifest

__all__ = ["open_file"]

_log = structlog.stdlib.get_logger(__name__)


async def open_file(path: Path, manifest: Manifest) -> tuple[Connections, int]:
    """Return connections to an index file, made first where there is none, and its epoch.

    Raises:
        IndexMismatchError: the index was made with something else.
        RetrievalError: the file cannot be opened, is damaged, or is not an index.
    """
    try:
        return await _opened(path, manifest, Access.WRITE)
    except RetrievalError as exc:
        if not is_refusal(exc):
            raise
        refusal = exc
    for access in await asyncio.to_thread(_reading, path):
        try:
            opened = await _opened(path, manifest, access)
        except RetrievalError as exc:
            if not is_refusal(exc):
                raise
        else:
            _log.warning("index_read_only", path=str(path), reason=str(refusal))
            return opened
    raise refusal


async def _opened(path: Path, manifest: Manifest, access: Access) -> tuple[Connections, int]:
    connections = Connections(path, access)
    try:
        if access is Access.WRITE:
            await connections.write(partial(prepare, manifest=manifest))
        return connections, await connections.read(partial(_checked, path=path, manifest=manifest))
    except BaseException:
        await connections.close()
        raise


def _checked(connection: sqlite3.Connection, path: Path, manifest: Manifest) -> int:
    check_whole(connection, path)
    check(connection, manifest)
    epoch, _ = reading.state(connection)
    return epoch


def _reading(path: Path) -> tuple[Access, ...]:
    """Return the ways to read a file that cannot be written."""
    log = path.with_name(path.name + "-wal")
    try:
        if not path.is_file():
            return ()
        is_whole = not log.exists() or log.stat().st_size == 0
    except OSError:
        is_whole = False
    # What stands in the log alone would be missed in a file that is taken for frozen.
    return (Access.READ, Access.FROZEN) if is_whole else (Access.READ,)
