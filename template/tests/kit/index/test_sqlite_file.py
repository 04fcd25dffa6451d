"""The file of the embedded index: rebuilt, replaced, damaged, in the way, closed."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import threading
from contextlib import closing, suppress
from random import Random
from typing import TYPE_CHECKING

import pytest

from gwkit.errors import IndexMismatchError, RetrievalError
from gwkit.index.sqlite import SqliteIndex, connections
from gwkit.index.store import Failure, Manifest, SearchMode
from kit.fixtures.sqlite_index import MANIFEST, chunk_count, found, search, write

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


async def test_an_index_outlives_its_process(path: Path) -> None:
    """A document is there after closing and opening, for both legs."""
    async with await SqliteIndex.open(path, MANIFEST) as index:
        await write(index, "a.md", ["needle"])
        version = await index.version()

    async with await SqliteIndex.open(path, MANIFEST) as index:
        assert version == await index.version()
        for mode in SearchMode:
            assert {"a.md"} == await found(index, "needle", mode)


OTHER = Manifest("fake:other", 8, MANIFEST.chunker)


async def test_only_its_owner_can_read_an_index(index: SqliteIndex, path: Path) -> None:
    """The files beside it are private, too."""
    await write(index, "a.md", ["text"])
    files = list(path.parent.iterdir())
    assert 3 == len(files)
    assert {0o600} == {file.stat().st_mode & 0o777 for file in files}


async def test_an_index_made_otherwise_is_refused(path: Path) -> None:
    """The error names the difference and the remedy; the index is unchanged."""
    async with await SqliteIndex.open(path, MANIFEST) as index:
        await write(index, "a.md", ["needle"])

    with pytest.raises(IndexMismatchError, match="ingest --rebuild") as caught:
        await SqliteIndex.open(path, OTHER)

    expected = {"embedder": ("fake:words", "fake:other"), "dimension": ("16", "8")}
    assert expected == caught.value.differences
    async with await SqliteIndex.open(path, MANIFEST) as index:
        assert {"a.md"} == set(await index.ledger())


@pytest.mark.parametrize("manifest", [MANIFEST, OTHER], ids=["same", "other"])
async def test_a_rebuilt_index_is_seen_when_it_is_published(path: Path, manifest: Manifest) -> None:
    """Until then the old one stays; the new one has none of its content, and a later version."""
    async with await SqliteIndex.open(path, MANIFEST) as index:
        await write(index, "a.md", ["needle"], metadata={"type": "md"})
        await index.fail(Failure("b.md", "reason", source="/x"))
        version = await index.version()

    async with await SqliteIndex.open(path, manifest, rebuild=True) as index:
        assert ({}, {}, 0) == (
            await index.ledger(),
            await index.failures(),
            await chunk_count(index),
        )
        async with await SqliteIndex.open(path, MANIFEST) as old:
            assert {"a.md"} == set(await old.ledger())
        await index.publish()
        assert {} == await index.ledger()
        assert await index.version() > version
    async with await SqliteIndex.open(path, manifest) as index:
        assert {} == await index.ledger()
    assert [path.name] == [file.name for file in path.parent.iterdir()]


async def test_a_new_index_can_be_rebuilt(path: Path) -> None:
    """Without an older index one is created; publishing again changes nothing."""
    async with await SqliteIndex.open(path, MANIFEST, rebuild=True) as index:
        await write(index, "a.md", ["needle"])
        await index.publish()
        await index.publish()
        assert {"a.md"} == await found(index, "needle")
    async with await SqliteIndex.open(path, MANIFEST) as index:
        assert {"a.md"} == await found(index, "needle")


async def test_a_rebuild_beside_a_running_index_is_seen(path: Path, index: SqliteIndex) -> None:
    """With the same settings the new index is used; with others the service rejects it."""
    await write(index, "a.md", ["needle"])
    await search(index, "needle")
    async with await SqliteIndex.open(path, MANIFEST, rebuild=True) as other:
        # Another document first, so that no chunk has an id of the old index.
        await write(other, "c.md", ["straw"])
        await write(other, "b.md", ["needle"])
        await other.publish()
        for mode in SearchMode:
            assert {"b.md"} == await found(index, "needle", mode)

    async with await SqliteIndex.open(path, OTHER, rebuild=True) as other:
        for mode in SearchMode:
            assert {"b.md"} == await found(index, "needle", mode)
        await other.publish()
        for mode in SearchMode:
            with pytest.raises(IndexMismatchError):
                await search(index, "needle", mode)
        with pytest.raises(IndexMismatchError):
            await write(index, "c.md", ["needle"])


async def test_an_index_of_another_layout_asks_for_a_rebuild(path: Path) -> None:
    """An older release's file is recognised, rejected, and can be rebuilt."""
    async with await SqliteIndex.open(path, MANIFEST) as index:
        await write(index, "a.md", ["needle"])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")

    with pytest.raises(IndexMismatchError, match="layout '99'"):
        await SqliteIndex.open(path, MANIFEST)

    async with await SqliteIndex.open(path, MANIFEST, rebuild=True) as index:
        await index.publish()
    async with await SqliteIndex.open(path, MANIFEST) as index:
        assert {} == await index.ledger()


@pytest.mark.parametrize("rebuild", [False, True])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"These are notes and no database at all. " * 100, "is damaged or no index"),
        (b"SQLite format 3\0" + bytes(range(256)) * 40, "is damaged or no index|could not do it"),
    ],
    ids=["text", "broken"],
)
async def test_a_file_that_is_no_database_stays_as_it_is(
    tmp_path: Path, content: bytes, message: str, *, rebuild: bool
) -> None:
    """The error has the remedy; not even a rebuild overwrites a foreign file."""
    path = tmp_path / "index.sqlite"
    await asyncio.to_thread(path.write_bytes, content)

    with pytest.raises(RetrievalError, match=message) as caught:
        await SqliteIndex.open(path, MANIFEST, rebuild=rebuild)

    assert str(path) in str(caught.value)
    assert content == await asyncio.to_thread(path.read_bytes)


@pytest.mark.parametrize("rebuild", [False, True])
async def test_another_programs_database_stays_as_it_is(tmp_path: Path, *, rebuild: bool) -> None:
    """Another program's database is rejected and unchanged."""
    path = tmp_path / "index.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE precious (things TEXT)")
    before = await asyncio.to_thread(path.read_bytes)

    with pytest.raises(RetrievalError, match="another program's database"):
        await SqliteIndex.open(path, MANIFEST, rebuild=rebuild)

    assert before == await asyncio.to_thread(path.read_bytes)


async def test_damage_within_the_file_is_explained(path: Path) -> None:
    """A damaged page gives an error, in any call."""
    async with await SqliteIndex.open(path, MANIFEST) as index:
        await write(index, "a.md", ["needle in the hay " * 50] * 100)
    content = await asyncio.to_thread(path.read_bytes)
    await asyncio.to_thread(path.write_bytes, content[:4096] + b"\xff" * (len(content) - 4096))

    with pytest.raises(RetrievalError, match="is damaged or no index"):
        await SqliteIndex.open(path, MANIFEST)


async def test_damaged_vectors_are_explained(path: Path, index: SqliteIndex) -> None:
    """Vectors with another dimension than the index's are not compared."""
    await write(index, "a.md", ["needle"])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE vectors SET vectors = x'00000000'")

    with pytest.raises(RetrievalError, match="vectors are damaged"):
        await search(index, "needle")


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_a_file_that_is_gone_is_not_written_to(
    path: Path, index: SqliteIndex, *, is_replaced: bool
) -> None:
    """A write would go to a file without a name, and be lost at the next start."""
    await write(index, "a", ["one"])
    shutil.rmtree(path.parent)
    if is_replaced:
        async with await SqliteIndex.open(path, MANIFEST):
            pass

    told = "was removed or replaced while it was open; start again"
    with pytest.raises(RetrievalError, match=told):
        await write(index, "b", ["two"])
    with pytest.raises(RetrievalError, match=told):
        await search(index, "one")
    assert is_replaced is await asyncio.to_thread(path.exists)


async def test_a_file_that_is_back_is_gone_on_with(path: Path, index: SqliteIndex) -> None:
    """Every check fails while it is moved away; once it is back, it is the same file."""
    await write(index, "a.md", ["needle"])
    await index.check()
    aside = path.with_name("aside.sqlite")
    await asyncio.to_thread(path.rename, aside)
    with pytest.raises(RetrievalError, match="was removed or replaced"):
        await index.check()
    await asyncio.to_thread(aside.rename, path)

    await index.check()
    assert {"a.md"} == await found(index, "needle")


async def cut_off(path: Path) -> None:
    """Take the second half of the file."""
    size = (await asyncio.to_thread(path.stat)).st_size
    await asyncio.to_thread(os.truncate, path, size // 2)


async def overwrite(path: Path) -> None:
    """Overwrite everything after the first page with garbage."""

    def write_over() -> None:
        with path.open("r+b") as file:
            file.seek(4_096)
            nonsense = Random(0).randbytes(path.stat().st_size - 4_096)  # noqa: S311 - no secret
            file.write(nonsense)

    await asyncio.to_thread(write_over)


async def in_each_reader(index: SqliteIndex, statement: str) -> None:
    """Run a statement in every reader thread, so that each has an open connection."""
    together = threading.Barrier(connections.READERS)

    def job(connection: sqlite3.Connection) -> None:
        together.wait(10)
        connection.execute(statement).fetchall()

    jobs = [index._connections.read(job) for _ in range(connections.READERS)]
    await asyncio.gather(*jobs)


@pytest.mark.parametrize("harm", [cut_off, overwrite])
async def test_a_file_that_is_damaged_fails_its_check_until_it_is_mended(
    path: Path, harm: Callable[[Path], Awaitable[None]]
) -> None:
    """A running service detects it, at the latest when a call reads the damage."""
    async with await SqliteIndex.open(path, MANIFEST) as index:
        await write(index, "a.md", ["needle", "thread"])
    async with await SqliteIndex.open(path, MANIFEST) as index:
        whole = await asyncio.to_thread(path.read_bytes)
        await in_each_reader(index, "SELECT count(*) FROM documents")
        await index.check()
        await harm(path)
        with suppress(RetrievalError):
            await search(index, "needle")
        for _ in range(2 * connections.READERS):  # which take turns
            with pytest.raises(RetrievalError, match="is damaged or no index"):
                await index.check()
        await asyncio.to_thread(path.write_bytes, whole)
        for _ in range(2 * connections.READERS):
            await index.check()
            assert {"a.md"} == await found(index, "needle")


async def test_what_reads_cannot_write(index: SqliteIndex) -> None:
    """A reader would write beside the writer, and outside its transactions."""
    await write(index, "a.md", ["needle"])

    with pytest.raises(RetrievalError, match="readonly"):
        await index._connections.read(lambda connection: connection.execute("DELETE FROM fts"))
    assert {"a.md"} == await found(index, "needle")


async def test_a_path_that_cannot_be_used_is_explained(tmp_path: Path) -> None:
    """A folder in place of the file, and a file in place of its folder, are reported."""
    (tmp_path / "file").touch()

    with pytest.raises(RetrievalError, match="check the path and its permissions"):
        await SqliteIndex.open(tmp_path, MANIFEST)
    with pytest.raises(RetrievalError, match="cannot be made"):
        await SqliteIndex.open(tmp_path / "file" / "index.sqlite", MANIFEST)


async def test_an_old_sqlite_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python with an unsuitable SQLite gets an error."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))

    with pytest.raises(RetrievalError, match=r"too old.*3\.37\.0 or newer"):
        await SqliteIndex.open(path, MANIFEST)


async def test_a_lock_that_never_ends_is_explained(
    path: Path, index: SqliteIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer waits for another process, but not forever; readers do not wait."""
    await write(index, "a.md", ["needle"])
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.05)
    async with await SqliteIndex.open(path, MANIFEST) as impatient:
        with closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            with pytest.raises(RetrievalError, match="locked by another process"):
                await write(impatient, "b.md", ["needle"])
            assert {"a.md"} == await found(impatient, "needle")
        await write(impatient, "b.md", ["needle"])


async def test_a_closed_index_refuses_every_call(path: Path) -> None:
    """Closing twice is allowed; later use is an error of the index."""
    index = await SqliteIndex.open(path, MANIFEST)
    await write(index, "a.md", ["needle"])
    await index.close()
    await index.close()

    for call in (index.version(), index.ledger(), search(index, "needle"), index.remove("a.md")):
        with pytest.raises(RetrievalError, match="closed"):
            await call
    assert [path.name] == [file.name for file in path.parent.iterdir()]


async def test_closing_lets_running_calls_end(path: Path) -> None:
    """Calls that had begun before closing are done; nothing is lost half-way."""
    index = await SqliteIndex.open(path, MANIFEST)
    calls = [asyncio.create_task(write(index, f"{i}.md", ["needle"])) for i in range(20)]
    await asyncio.sleep(0)
    await index.close()
    await asyncio.gather(*calls)

    async with await SqliteIndex.open(path, MANIFEST) as reopened:
        assert 20 == len(await reopened.ledger())


async def test_an_error_inside_closes_the_index(path: Path) -> None:
    """The context manager releases files and threads also when an exception passes through."""
    with pytest.raises(ZeroDivisionError):
        async with await SqliteIndex.open(path, MANIFEST) as index:
            raise ZeroDivisionError

    with pytest.raises(RetrievalError, match="closed"):
        await index.version()
