"""Several writers, and many readers: no gap, no mixture, no lock is visible."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from app.config.settings import IndexSettings
from app.ingestion.pipeline import Pipeline
from app.retrieval.ranking import HybridRanking
from fixtures.command_line import command, environment
from fixtures.embedder import FakeEmbedder
from gwkit.errors import RetrievalError
from gwkit.index.sqlite import SqliteIndex, connections, rebuilding
from gwkit.index.store import UPLOAD, Manifest, SearchMode, SearchQuery
from gwkit.telemetry.metrics import Metrics
from kit.fixtures.contents import contents

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from fixtures.command_line import CommandLine

EMBEDDER = FakeEmbedder()
MANIFEST = Manifest(EMBEDDER.name, EMBEDDER.dimension, "blocks-v1/64/8")


def write(folder: Path, documents: int, text: str) -> Path:
    """Write this many documents of a folder, each with the text."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(documents):
        (folder / f"{folder.name}-{number:03}.md").write_text(f"# Document {number}\n\n{text}\n")
    return folder


async def start(*arguments: str | Path) -> asyncio.subprocess.Process:
    """Start a command in a separate process."""
    return await asyncio.create_subprocess_exec(
        *command(*arguments),
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def pipeline(index: SqliteIndex) -> Pipeline:
    """Return a pipeline into an index."""
    return Pipeline(
        index=index,
        embedder=EMBEDDER,
        metrics=Metrics(),
        settings=IndexSettings(
            chunk_tokens=64, chunk_overlap_tokens=8, max_document_bytes=1_000_000
        ),
    )


async def texts(index: SqliteIndex, mode: SearchMode) -> list[str]:
    """Return the hits for the word `needle`."""
    vector = await EMBEDDER.embed_query("needle")
    return [
        hit.text
        for hit in await index.search(
            SearchQuery("needle", vector, HybridRanking(), 500, mode=mode)
        )
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a new index."""
    return tmp_path / "index.sqlite"


@pytest.fixture
async def index(path: Path) -> AsyncIterator[SqliteIndex]:
    """Return an empty index."""
    async with await SqliteIndex.open(path, MANIFEST) as opened:
        yield opened


# Processes


@pytest.mark.slow
async def test_ingestions_at_once(tmp_path: Path) -> None:
    """For one folder and for two: all succeed, nothing is duplicated, and readers are served."""
    folders = [
        await asyncio.to_thread(write, tmp_path / name, 25, "needle") for name in ("one", "two")
    ]
    expected = {path.name for folder in folders for path in folder.iterdir()}
    writers = [await start("ingest", folder, "--json") for folder in (folders[0], *folders)]
    reader = await start("search", "needle", "--json")
    outputs = [await process.communicate() for process in (*writers, reader)]

    assert [b""] * 4 == [errors for _, errors in outputs]
    assert [0] * 4 == [process.returncode for process in (*writers, reader)]
    indexed = await asyncio.to_thread(contents, tmp_path / "var" / "index.sqlite")
    assert expected == set(indexed["documents"])
    assert {1} == {len(document["chunks"]) for document in indexed["documents"].values()}


@pytest.mark.slow
def test_sigterm_finishes_the_document_in_hand(cli: CommandLine, tmp_path: Path) -> None:
    """The process ends by itself, reports its results, and the next run does the rest."""
    folder = write(tmp_path / "docs", 400, "needle " * 300)
    # Takes half a minute to fail, so that the run is not over before it gets the signal.
    endless = folder / "zz.md"
    endless.write_bytes(b"---\n" * 1_250_000)
    index = tmp_path / "var" / "index.sqlite"
    with subprocess.Popen(  # noqa: S603 - the service's own command
        command("ingest", folder, "--json"),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        while process.poll() is None and not _count(index):
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate()

    assert (128 + signal.SIGTERM, b"") == (process.returncode, errors)
    assert b'"interrupted": true' in output
    done = _count(index)
    assert 0 < done <= 400
    endless.unlink()
    contents(index)
    again = cli("ingest", folder, "--json").document
    assert (400 - done, done) == (again["added"], again["unchanged"])


def _count(index: Path) -> int:
    try:
        with closing(sqlite3.connect(f"{index.as_uri()}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM documents").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


# Rebuilding


async def test_a_rebuild_is_never_seen_half_done(
    path: Path, index: SqliteIndex, tmp_path: Path
) -> None:
    """A search meanwhile finds all of the old documents, and then all of the new ones."""
    folder = await asyncio.to_thread(write, tmp_path / "docs", 30, "needle old")
    await pipeline(index).ingest([folder])
    await asyncio.to_thread(write, folder, 30, "needle new")
    done = asyncio.Event()
    seen: list[frozenset[str]] = []

    async def read(mode: SearchMode) -> None:
        while not done.is_set():
            found = await texts(index, mode)
            assert 30 == len(found)
            seen.append(frozenset(found))

    async def rebuild() -> None:
        try:
            async with await SqliteIndex.open(path, MANIFEST, rebuild=True) as fresh:
                assert (await pipeline(fresh).ingest([folder])).complete
                assert ["needle new"] * 30 == await texts(fresh, SearchMode.HYBRID)
        finally:
            done.set()

    await asyncio.gather(rebuild(), *(read(mode) for mode in SearchMode))

    assert {"needle old"} == seen[0]
    assert {frozenset({"needle old"}), frozenset({"needle new"})} >= set(seen)
    assert ["needle new"] * 30 == await texts(index, SearchMode.VECTOR)
    await index.close()
    assert [path.name] == await asyncio.to_thread(
        lambda: sorted(file.name for file in tmp_path.glob("index*"))
    )


async def test_a_rebuild_keeps_what_was_uploaded(
    path: Path, index: SqliteIndex, tmp_path: Path
) -> None:
    """Uploads have no file, so earlier and concurrent ones are kept."""
    folder = await asyncio.to_thread(write, tmp_path / "docs", 2, "needle")
    served = pipeline(index)
    await served.ingest([folder])
    for name in ("before", "replaced", "removed"):
        await served.ingest_upload(f"{name}.md", b"# Up\n\nneedle before")
    async with await SqliteIndex.open(path, MANIFEST, rebuild=True) as fresh:
        await served.ingest_upload("replaced.md", b"needle meanwhile")
        await served.ingest_upload("meanwhile.md", b"needle meanwhile")
        await served.remove("removed.md")
        await served.ingest([await asyncio.to_thread(write, tmp_path / "more", 1, "needle more")])
        assert (await pipeline(fresh).ingest([folder])).complete

    ledger = await index.ledger()
    uploads = {name for name, entry in ledger.items() if entry.source == UPLOAD}
    assert {"before.md", "replaced.md", "meanwhile.md"} == uploads
    assert {"docs-000.md", "docs-001.md", "more-000.md"} == set(ledger) - uploads
    for mode in SearchMode:
        assert [
            *["needle"] * 2,
            "needle before",
            *["needle meanwhile"] * 2,
            "needle more",
        ] == sorted(await texts(index, mode))
    hits = await index.search(
        SearchQuery(
            "before",
            await EMBEDDER.embed_query("before"),
            HybridRanking(),
            1,
            mode=SearchMode.LEXICAL,
        )
    )
    assert ("before.md", ("Up",), "markdown") == (
        hits[0].document,
        hits[0].headings,
        hits[0].metadata["type"],
    )
    await index.close()
    await asyncio.to_thread(contents, path)


async def test_a_write_at_the_last_moment_is_not_lost(
    path: Path, index: SqliteIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write after those of others were brought over is brought over as well."""
    served = pipeline(index)
    await served.ingest_upload("first.md", b"needle")
    await served.ingest_upload("early.md", b"needle")
    loop = asyncio.get_running_loop()
    take_over = rebuilding.Rebuild._take_over
    rounds = 0

    def raced(self: rebuilding.Rebuild, *args: Any) -> int:  # noqa: ANN401 - passed on
        nonlocal rounds
        version = take_over(self, *args)
        rounds += 1
        if rounds == 1:
            for work in (served.ingest_upload("late.md", b"late"), served.remove("early.md")):
                asyncio.run_coroutine_threadsafe(work, loop).result()
        return version

    monkeypatch.setattr(rebuilding.Rebuild, "_take_over", raced)
    async with await SqliteIndex.open(path, MANIFEST, rebuild=True) as fresh:
        await fresh.publish()

    assert 2 == rounds
    assert {"first.md", "late.md"} == set(await index.ledger())


async def test_a_lock_that_never_ends_keeps_the_old_index(
    path: Path, index: SqliteIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Publishing waits for another process, but not forever; it can be repeated later."""
    await pipeline(index).ingest_upload("old.md", b"needle")
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.05)
    async with await SqliteIndex.open(path, MANIFEST, rebuild=True) as fresh:
        with closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            with pytest.raises(RetrievalError, match="locked by another process"):
                await fresh.publish()
            assert ["needle"] == await texts(index, SearchMode.HYBRID)
        await fresh.publish()
    assert ["needle"] == await texts(index, SearchMode.HYBRID)


async def test_two_rebuilds_at_once_are_refused(path: Path, index: SqliteIndex) -> None:
    """The second one would repeat the work; the first one continues."""
    async with await SqliteIndex.open(path, MANIFEST, rebuild=True) as fresh:
        with pytest.raises(RetrievalError, match="another process is rebuilding"):
            await SqliteIndex.open(path, MANIFEST, rebuild=True)
        await fresh.publish()
        async with await SqliteIndex.open(path, MANIFEST, rebuild=True):
            pass
    assert {} == await index.ledger()


def test_a_rebuild_that_could_lose_documents_leaves_the_old_index(
    ingested: CommandLine, tmp_path: Path
) -> None:
    """After a mistyped path, or a passing failure, the old index stays."""
    documents = ingested("search", "leave", "--json").document["hits"]

    run = ingested("ingest", tmp_path / "dosc", "--rebuild")

    assert 1 == run.code
    assert "The index is as it was" in run.err
    assert documents == ingested("search", "leave", "--json").document["hits"]
    empty = tmp_path / "empty"
    empty.mkdir()
    assert 0 == ingested("ingest", empty, "--rebuild").code
    assert [] == ingested("search", "leave", "--json").document["hits"]


async def test_a_rebuild_throws_away_what_it_cannot_go_on_with(path: Path, tmp_path: Path) -> None:
    """A rebuild that was begun with other settings, or is damaged, begins again."""
    folder = await asyncio.to_thread(write, tmp_path / "docs", 3, "needle")
    other = Manifest("other", MANIFEST.dimension, MANIFEST.chunker)
    beside = path.with_name(f"{path.name}-rebuild")
    async with await SqliteIndex.open(path, other, rebuild=True) as fresh:
        await pipeline(fresh).ingest([folder / "docs-000.md"], stop=lambda: True)
    assert await asyncio.to_thread(beside.exists)
    async with await SqliteIndex.open(path, MANIFEST, rebuild=True) as fresh:
        assert {} == await fresh.ledger()
    await asyncio.to_thread(beside.write_bytes, b"x" * 5_000)
    async with await SqliteIndex.open(path, MANIFEST, rebuild=True) as fresh:
        assert 3 == (await pipeline(fresh).ingest([folder])).added

    assert 3 == len((await asyncio.to_thread(contents, path))["documents"])
