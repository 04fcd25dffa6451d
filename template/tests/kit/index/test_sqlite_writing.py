"""Writes leave the embedded index whole, from threads and processes alike."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwkit.errors import IngestError, RetrievalError
from gwkit.index.sqlite import SqliteIndex, connections, schema
from gwkit.index.store import Failure, FailureKind, Filters, LedgerEntry, SearchMode
from kit.fixtures.sqlite_index import MANIFEST, chunk_count, found, search, write

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path


ALL_MODES = pytest.mark.parametrize("mode", list(SearchMode))


async def test_documents_are_listed_by_prefix(index: SqliteIndex) -> None:
    """The list is sorted by id, and a prefix has no wildcards."""
    for document in ("b.md", "a_1.md", "ab1.md", "\U0010fffd.md"):
        await write(index, document, ["text"])

    listed = [entry.document for entry in await index.documents()]
    assert ["a_1.md", "ab1.md", "b.md", "\U0010fffd.md"] == listed
    assert ["a_1.md"] == [entry.document for entry in await index.documents("a_")]
    assert ["\U0010fffd.md"] == [entry.document for entry in await index.documents("\U0010fffd")]


async def test_the_ledger_tells_what_is_indexed(index: SqliteIndex) -> None:
    """Hash, source and number of chunks are those of the written content."""
    await write(index, "a.md", ["one", "two"], content_hash="h1")
    await write(index, "b.md", [], content_hash="h2")

    ledger = await index.ledger()

    assert {"a.md", "b.md"} == set(ledger)
    entry = ledger["a.md"]
    assert LedgerEntry("a.md", "h1", 2, entry.indexed_at, "/root") == entry
    assert entry.indexed_at.endswith("+00:00")
    assert entry == await index.entry("a.md")
    assert await index.entry("c.md") is None
    assert 2 == await chunk_count(index)


async def test_failures_are_counted_until_the_document_is_written(index: SqliteIndex) -> None:
    """Each attempt counts, the last reason is kept, and success clears it."""
    await write(index, "a.md", ["old"])
    await index.fail(Failure("a.md", "first", source="/x"))
    await index.fail(
        Failure("a.md", "second", source="/y", kind=FailureKind.PASSING, content_hash="1f")
    )

    failure = (await index.failures())["a.md"]
    assert failure == Failure(
        "a.md",
        "second",
        attempts=2,
        failed_at=failure.failed_at,
        source="/y",
        kind=FailureKind.PASSING,
        first_failed_at=failure.first_failed_at,
        content_hash="1f",
    )
    assert "" < failure.first_failed_at <= failure.failed_at
    assert {"a.md"} == await found(index, "old")

    await write(index, "a.md", ["new"])
    assert {} == await index.failures()


async def test_a_document_can_be_adopted(index: SqliteIndex) -> None:
    """Its source changes, its failure is cleared; an unknown document is not created."""
    await write(index, "a.md", ["text"])
    await index.fail(Failure("a.md", "reason", source="/x"))
    await index.fail(Failure("b.md", "reason", source="/x"))

    await index.adopt("a.md", "/new")
    await index.adopt("b.md", "/new")

    assert ["/new"] == [entry.source for entry in (await index.ledger()).values()]
    assert {"b.md"} == set(await index.failures())


async def test_forgetting_takes_the_failure_alone(index: SqliteIndex) -> None:
    """The document stays; the result says whether there was a failure."""
    await write(index, "a.md", ["needle"])
    await index.fail(Failure("a.md", "reason", source="/x"))

    assert [True, False] == [await index.forget("a.md"), await index.forget("a.md")]
    assert ({"a.md"}, {}) == (set(await index.ledger()), await index.failures())


async def test_a_document_beyond_what_a_value_can_hold_is_refused(
    index: SqliteIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is the document's, so the others continue."""
    monkeypatch.setattr("gwkit.index.sqlite.index._MOST_VECTOR_BYTES", 100)
    with pytest.raises(IngestError, match="2 chunks, too many for the index"):
        await write(index, "a.md", ["needle", "hay"])
    await write(index, "b.md", ["needle"])


async def test_removal_takes_document_and_failure(index: SqliteIndex) -> None:
    """Nothing is found or listed afterwards; the result says whether there was anything."""
    await write(index, "a.md", ["needle"], metadata={"type": "md"})
    await write(index, "b.md", ["needle"])
    await index.fail(Failure("a.md", "reason", source="/x"))
    await index.fail(Failure("c.md", "reason", source="/x"))

    assert [True, True, False, False] == [
        await index.remove(document) for document in ("a.md", "c.md", "a.md", "c.md")
    ]

    for mode in SearchMode:
        assert {"b.md"} == await found(index, "needle", mode)
    assert {"b.md"} == set(await index.ledger())
    assert {} == await index.failures()
    assert 1 == await chunk_count(index)


@ALL_MODES
async def test_a_replaced_document_has_only_its_new_text(
    index: SqliteIndex, mode: SearchMode
) -> None:
    """Chunks and metadata of the older version are removed, in both modes."""
    await write(index, "a.md", ["old needle", "more", "most"], metadata={"type": "md"})
    await search(index, "needle", mode)
    await write(index, "a.md", ["new needle"], metadata={"lang": "en"})

    hits = await search(index, "needle", mode)

    assert ["new needle"] == [hit.text for hit in hits]
    assert {"lang": "en"} == hits[0].metadata
    assert set() == await found(index, "needle", mode, Filters("", {"type": "md"}))


async def test_a_document_of_many_chunks_is_written_whole(index: SqliteIndex) -> None:
    """More chunks than one statement takes keep their order, texts and vectors."""
    texts = [f"parcel{number}" for number in range(123)]
    await write(index, "a.md", texts, metadata={f"key{number}": "x" for number in range(60)})

    hits = await search(index, "parcel0", SearchMode.VECTOR, k=200)
    lexical = [(await search(index, text, SearchMode.LEXICAL))[0] for text in texts]

    assert len(texts) == await chunk_count(index)
    assert texts == [hit.text for hit in lexical]
    assert list(range(len(texts))) == [hit.position for hit in lexical]
    assert {hit.text for hit in hits} <= set(texts)
    assert 60 == len(lexical[0].metadata)


async def test_every_write_raises_the_version(index: SqliteIndex) -> None:
    """A result from before a write can be told from one after it."""
    writes: list[Callable[[], Coroutine[object, object, object]]] = [
        lambda: write(index, "a.md", ["text"]),
        lambda: index.fail(Failure("b.md", "reason", source="/x")),
        lambda: index.adopt("a.md", "/new"),
        lambda: index.remove("a.md"),
    ]
    versions = [await index.version()]
    for change in writes:
        await change()
        versions.append(await index.version())

    assert sorted(set(versions)) == versions


async def test_a_failed_write_changes_nothing(index: SqliteIndex) -> None:
    """A document is written completely or not at all; the next write works."""
    await write(index, "a.md", ["old"])
    version = await index.version()

    with pytest.raises(RetrievalError, match="no valid Unicode"):
        await write(index, "a.md", ["new", "broken \ud800"])

    assert version == await index.version()
    assert ["old"] == [hit.text for hit in await search(index, "old new broken")]
    await write(index, "a.md", ["newer"])
    assert ["newer"] == [hit.text for hit in await search(index, "newer")]


@ALL_MODES
async def test_a_reader_sees_one_version_of_a_document(
    index: SqliteIndex, mode: SearchMode
) -> None:
    """While a document is replaced repeatedly, each search finds one complete version."""
    size, rounds = 5, 40
    await write(index, "a.md", ["needle v0"] * size)
    done = asyncio.Event()
    seen: list[set[str]] = []

    async def read() -> None:
        while not done.is_set():
            hits = await search(index, "needle", mode, k=50)
            assert size == len(hits)
            seen.append({hit.text for hit in hits})

    async def replace() -> None:
        try:
            for round_ in range(1, rounds):
                await write(index, "a.md", [f"needle v{round_}"] * size)
                await write(index, f"other{round_ % 3}.md", ["straw"])
        finally:
            done.set()

    await asyncio.gather(replace(), read(), read(), read())

    assert {1} == {len(texts) for texts in seen}
    assert {f"needle v{rounds - 1}"} == {hit.text for hit in await search(index, "needle", mode)}


async def test_the_vectors_follow_another_connections_writes(
    path: Path, index: SqliteIndex
) -> None:
    """The next search sees what another process writes, replaces or removes."""
    await write(index, "a.md", ["needle one"])
    await search(index, "needle")
    async with await SqliteIndex.open(path, MANIFEST) as other:
        await write(other, "b.md", ["needle two"])
        assert {"a.md", "b.md"} == await found(index, "needle", SearchMode.VECTOR)
        await write(other, "a.md", ["needle three"])
        await other.remove("b.md")

    hits = await search(index, "needle", SearchMode.VECTOR)
    assert ["needle three"] == [hit.text for hit in hits]


@settings(max_examples=15)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from("abcd"), st.integers(-1, 3), st.booleans()), max_size=12
    )
)
def test_the_vectors_are_those_of_a_fresh_start(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, bool]]
) -> None:
    """After any writes and removals, updated and reloaded vectors find the same."""

    async def compared() -> None:
        target = tmp_path_factory.mktemp("steps") / "index"
        async with await SqliteIndex.open(target, MANIFEST) as index:
            for name, count, look in steps:
                if count < 0:
                    await index.remove(name)
                else:
                    await write(index, name, [f"needle {name} {i}" for i in range(count)])
                if look:
                    await search(index, "needle", SearchMode.VECTOR)
            followed = await search(index, "needle", SearchMode.VECTOR, k=100)
            chunks = await chunk_count(index)
        async with await SqliteIndex.open(target, MANIFEST) as reopened:
            loaded = await search(reopened, "needle", SearchMode.VECTOR, k=100)
        assert chunks == len(loaded)
        assert loaded == followed

    asyncio.run(compared())


WRITER = """
import asyncio, sys
from pathlib import Path
import numpy as np
from app.retrieval import ranking
from app.retrieval.ranking import HybridRanking
from gwkit.documents import Chunk, Document
from gwkit.index.store import Failure, Manifest
from gwkit.index.sqlite import SqliteIndex

async def main(path, name):
    vectors = np.ones((2, 16), dtype=np.float32)
    chunks = [Chunk(i, f"needle {name}", (), 1) for i in range(2)]
    manifest = Manifest("fake:words", 16, "blocks-v1/256/32")
    for _ in range(2):
        async with await SqliteIndex.open(Path(path), manifest) as index:
            for number in range(10):
                await index.replace(Document(f"{name}/{number}", "T", "h", ()), chunks, vectors)
                await index.fail(Failure(f"{name}/{number}", "reason", source="s"))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_processes_write_at_the_same_time(path: Path) -> None:
    """Processes that create, open, write and close one index never report a lock."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    writers = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WRITER, str(path), name),
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for name in ("a", "b", "c")
    ]
    results = [await writer.communicate() for writer in writers]

    assert [b""] * 3 == [stderr for _, stderr in results]
    async with await SqliteIndex.open(path, MANIFEST) as index:
        assert 30 == len(await index.ledger())
        assert 60 == await chunk_count(index)
        assert 30 == len(await search(index, "needle b", SearchMode.VECTOR, k=30))
        assert 2 * 30 * 2 + 1 == await index.version()


async def test_opening_waits_for_another_process_at_a_new_file(tmp_path: Path) -> None:
    """Opening a file that another process is creating is not an error."""
    path = tmp_path / "index.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        opening = asyncio.create_task(SqliteIndex.open(path, MANIFEST))
        await asyncio.sleep(0.1)
        assert not opening.done()
        holder.execute("ROLLBACK")

    async with await opening as index:
        assert {} == await index.ledger()


def test_an_index_that_is_made_meanwhile_is_not_taken_for_a_foreign_file(tmp_path: Path) -> None:
    """Checking a file takes two statements; another process may create the index in between."""
    path = tmp_path / "index.sqlite"
    with closing(connections.connect(path)) as looking, closing(connections.connect(path)) as maker:
        statements: list[str] = []

        def trace(statement: str) -> None:
            statements.append(statement)
            if len(statements) == 2:
                schema.prepare(maker, MANIFEST)

        looking.set_trace_callback(trace)
        assert not schema.is_made(looking)
        assert schema.is_made(looking)


def test_a_connection_that_cannot_be_used_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that SQLite refuses at the first statement leaves nothing open behind."""
    path = tmp_path / "index.sqlite"
    path.write_bytes(b"no database" * 100)
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def connected(*args: Any, **options: Any) -> sqlite3.Connection:  # noqa: ANN401 - passed on
        opened.append(connect(*args, **options))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", connected)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        connections.connect(path)

    (connection,) = opened
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


async def test_jobs_run_in_threads_with_the_callers_context(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Log lines from the threads have the request id, and no work is on the loop."""
    variable: ContextVar[str] = ContextVar("variable", default="")
    seen: set[tuple[bool, str]] = set()
    connect = sqlite3.connect

    def connected(*args: object, **options: object) -> sqlite3.Connection:
        seen.add((threading.current_thread() is threading.main_thread(), variable.get()))
        return connect(*args, **options)  # type: ignore[call-overload, no-any-return]  # passed on as it came

    monkeypatch.setattr(sqlite3, "connect", connected)
    variable.set("of the caller")
    async with await SqliteIndex.open(path, MANIFEST) as index:
        await index.version()

    assert {(False, "of the caller")} == seen


async def test_a_cancelled_write_leaves_a_whole_document(index: SqliteIndex) -> None:
    """A cancelled caller does not leave a partial document."""
    for round_ in range(5):
        task = asyncio.create_task(write(index, "a.md", [f"needle {round_}"] * 50))
        await asyncio.sleep(0.0005 * round_)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    await write(index, "b.md", ["needle"])
    chunks = (await index.entry("a.md") or LedgerEntry("a.md", "", 0, "")).chunks
    assert chunks in {0, 50}
    assert chunks + 1 == len(await search(index, "needle", SearchMode.VECTOR, k=100))
