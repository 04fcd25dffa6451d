"""The pipeline keeps an index in step with files, also after failures of either."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from app.ingestion import preparation
from app.ingestion.chunking import chunk_blocks
from app.ingestion.loaders import Loaded, LoaderPart, LoaderRegistry
from app.ingestion.run import Summary
from fixtures.embedder import FakeEmbedder
from fixtures.index import FakeIndexWriter
from fixtures.ingesting import counts, make_pipeline, write_documents
from gwkit.documents import Block, BlockKind
from gwkit.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from gwkit.documents import Chunk, Document
    from gwkit.models.protocols import Vectors


async def test_a_folder_is_ingested(index: FakeIndexWriter, tmp_path: Path) -> None:
    """Every document is written with its title, metadata, hash, source, chunks and vectors."""
    write_documents(tmp_path, a="# Alpha\n\nFirst.", sub__b="Second.")
    progress: list[tuple[int, int, str]] = []
    summary = await make_pipeline(index).ingest(
        [tmp_path], progress=lambda *where: progress.append(where)
    )

    assert {"added": 2} == counts(summary)
    assert (2, 2, 0, []) == (
        summary.submitted,
        summary.chunks,
        summary.skipped,
        summary.failures,
    )
    assert summary.seconds > 0
    assert ["a.md", "sub/b.md"] == list(index.documents)
    document = index.documents["a.md"]
    assert ("Alpha", {"type": "markdown", "title": "Alpha"}) == (document.title, document.metadata)
    assert 64 == len(document.content_hash)
    assert str(tmp_path) == document.source
    assert [("First.", ("Alpha",))] == [(c.text, c.headings) for c in index.chunks["a.md"]]
    assert [(0, 2, "a.md"), (1, 2, "sub/b.md"), (2, 2, "")] == progress


async def test_an_unchanged_document_costs_one_hash(index: FakeIndexWriter, tmp_path: Path) -> None:
    """An unchanged document is neither parsed nor embedded nor written."""
    write_documents(tmp_path, a="One.", b="Two.")
    embedder = FakeEmbedder()
    parsed: list[str] = []

    def load(document: str, data: bytes, /) -> Loaded:
        parsed.append(document)
        return Loaded("", (Block(BlockKind.TEXT, data.decode()),))

    pipeline = make_pipeline(index, embedder, loaders=LoaderRegistry({".md": LoaderPart(load)}))
    await pipeline.ingest([tmp_path])
    write_documents(tmp_path, b="Two and a half.")
    summary = await pipeline.ingest([tmp_path])

    assert {"changed": 1, "unchanged": 1} == counts(summary)
    assert ["a.md", "b.md", "b.md"] == sorted(parsed)
    assert ["One.", "Two and a half.", "Two."] == sorted(embedder.embedded)
    assert 3 == index.writes


async def test_an_empty_document_has_no_chunks(index: FakeIndexWriter, tmp_path: Path) -> None:
    """It replaces the older version, with a warning and without a failure."""
    embedder = FakeEmbedder()
    pipeline = make_pipeline(index, embedder)
    write_documents(tmp_path, a="Text.")
    await pipeline.ingest([tmp_path])
    write_documents(tmp_path, a="")
    with capture_logs() as logs:
        summary = await pipeline.ingest([tmp_path])

    assert {"changed": 1} == counts(summary)
    assert () == index.chunks["a.md"]
    assert ["Text."] == embedder.embedded
    assert ["a.md"] == [log["document"] for log in logs if log["event"] == "document_empty"]


async def test_a_cancelled_run_finishes_the_document_in_hand(tmp_path: Path) -> None:
    """After a signal every document is complete, and the next run does the rest."""
    write_documents(tmp_path, **{f"d{number}": f"Text {number}." for number in range(8)})
    writing = asyncio.Event()

    class Slow(FakeIndexWriter):
        async def replace(
            self, document: Document, chunks: Sequence[Chunk], vectors: Vectors
        ) -> None:
            if document.id == "d2.md":
                writing.set()
                await asyncio.sleep(0.05)
            await super().replace(document, chunks, vectors)

    index = Slow()
    run = asyncio.create_task(make_pipeline(index).ingest([tmp_path]))
    await writing.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    assert ["d0.md", "d1.md", "d2.md"] == list(index.documents)
    assert {"added": 5, "unchanged": 3} == counts(await make_pipeline(index).ingest([tmp_path]))


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_stopped_run_ends_after_the_document_in_hand(
    index: FakeIndexWriter, tmp_path: Path, after: int
) -> None:
    """It returns its results, removes nothing that it did not reach, and can be continued."""
    write_documents(tmp_path, **{f"d{number}": f"Text {number}." for number in range(6)})
    pipeline = make_pipeline(index)
    summary = await pipeline.ingest([tmp_path], stop=lambda: index.writes >= after)

    assert after == summary.submitted == summary.added == len(index.documents)
    assert {"added": 6 - after, "unchanged": after} == {
        "unchanged": 0,
        **counts(await pipeline.ingest([tmp_path])),
    }


async def test_the_loop_stays_responsive(
    index: FakeIndexWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parsing and chunking run beside the loop: each waits here for the loop's reply."""
    loop = asyncio.get_running_loop()
    answers: list[str] = []

    async def answer(name: str) -> None:
        answers.append(name)

    def asking(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def ask_and_work(*args: object, **options: object) -> object:
            assert threading.current_thread() is not threading.main_thread()
            asyncio.run_coroutine_threadsafe(answer(name), loop).result(60)
            return work(*args, **options)

        return ask_and_work

    monkeypatch.setattr(preparation, "chunk_blocks", asking("chunk", chunk_blocks))
    monkeypatch.setattr(LoaderRegistry, "load", asking("load", LoaderRegistry.load))
    await make_pipeline(index).ingest_upload("big.md", b"A sentence of the paragraph.")

    assert ["load", "chunk"] == answers
    assert 1 == len(index.chunks["big.md"])


async def test_few_documents_are_in_memory_at_a_time(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """Preparation runs ahead of the writer, within a limit."""
    write_documents(tmp_path, **{f"d{number:02}": f"Text {number}." for number in range(20)})
    prepared, most = 0, 0
    lock = threading.Lock()

    def load(_: str, data: bytes, /) -> Loaded:
        nonlocal prepared, most
        with lock:
            prepared += 1
            most = max(most, prepared - index.writes)
        return Loaded("", (Block(BlockKind.TEXT, data.decode()),))

    await make_pipeline(index, loaders=LoaderRegistry({".md": LoaderPart(load)})).ingest([tmp_path])

    assert 20 == prepared
    assert most <= 4


async def test_a_run_is_logged_and_measured(index: FakeIndexWriter, tmp_path: Path) -> None:
    """Stages at INFO with counts, documents at DEBUG, failures at WARNING; all in the metrics."""
    write_documents(tmp_path, a="One.")
    (tmp_path / "bad.md").write_bytes(b"\xff")
    metrics = Metrics()
    with capture_logs() as logs:
        await make_pipeline(index, metrics=metrics).ingest([tmp_path])

    steps = [log for log in logs if log["event"] == "ingest_step_finished"]
    logs = [log for log in logs if log not in steps]
    assert [
        ("info", "ingest_started"),
        ("debug", "document_ingested"),
        ("warning", "document_failed"),
        ("info", "ingest_finished"),
    ] == [(log["log_level"], log["event"]) for log in logs]
    assert {"document": "a.md", "chunks": 1}.items() <= logs[1].items()
    assert ("bad.md", "IngestError") == (logs[2]["document"], logs[2]["error"])
    assert {"added": 1, "failed": 1, "chunks": 1}.items() <= logs[3].items()
    assert all("latency_ms" in logs[number] for number in (1, 3))
    exposition = metrics.exposition()
    for outcome in ("added", "failed"):
        assert f'ingest_documents_total{{outcome="{outcome}"}} 1.0'.encode() in exposition
    taken = metrics.summary()
    assert 1 == taken["ingest_document_seconds"].count
    for step, count in {"parse": 2, "chunk": 1, "embed": 1, "write": 1}.items():
        assert count == taken[f'ingest_step_seconds{{step="{step}"}}'].count
        assert count == [log["step"] for log in steps].count(step)


def test_submitted_is_the_sum_of_what_became_of_each_document() -> None:
    """Removed and skipped files were not submitted."""
    summary = Summary(
        added=1, changed=2, unchanged=3, removed=10, failed=4, skipped=20, chunks=5, seconds=0.1
    )

    assert 10 == summary.submitted
