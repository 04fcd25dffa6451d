"""The pipeline keeps an index in step with files, whatever happens to either."""

from __future__ import annotations

import asyncio
import shutil
import threading
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from structlog.testing import capture_logs

from app.ingestion.loaders import Loaded, LoaderPart, LoaderRegistry
from app.ingestion.pipeline import Pipeline
from app.ingestion.progress import SilentProgress
from app.ingestion.summary import Outcome, Summary
from fixtures.embedder import FakeEmbedder
from fixtures.index import FakeIndexWriter
from gwkit.documents import Block, BlockKind
from gwkit.errors import (
    DocumentNotFoundError,
    IngestError,
    LLMError,
    ParseLimitError,
    RetrievalError,
    TokenLimitError,
)
from gwkit.index.ledger import UPLOAD, FailureKind
from gwkit.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gwkit.documents import Chunk, Document
    from gwkit.index.ledger import LedgerEntry
    from gwkit.models.ports import Embedder, Vectors


class _Progress:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def start(self, total: int) -> None:
        self.events.append(f"start {total}")

    def advance(self, document: str) -> None:
        self.events.append(document)

    def finish(self) -> None:
        self.events.append("finish")


def _pipeline(
    index: FakeIndexWriter,
    embedder: Embedder | None = None,
    *,
    metrics: Metrics | None = None,
    loaders: LoaderRegistry | None = None,
) -> Pipeline:
    return Pipeline(
        index=index,
        embedder=embedder or FakeEmbedder(),
        metrics=metrics or Metrics(),
        chunk_tokens=64,
        chunk_overlap_tokens=8,
        max_document_bytes=10_000_000,
        loaders=loaders,
    )


def _write(root: Path, **texts: str) -> Path:
    """Write a Markdown file for each name; `a__b` is the file `a/b.md`."""
    for name, text in texts.items():
        path = root / f"{name.replace('__', '/')}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def _counts(summary: Summary) -> dict[str, int]:
    names = ("added", "changed", "unchanged", "removed", "failed")
    return {name: count for name in names if (count := getattr(summary, name))}


@pytest.fixture
def index() -> FakeIndexWriter:
    """Return an empty index."""
    return FakeIndexWriter()


async def test_a_folder_is_ingested(index: FakeIndexWriter, tmp_path: Path) -> None:
    """Every document is written with its title, metadata, hash, source, chunks and vectors."""
    _write(tmp_path, a="# Alpha\n\nFirst.", sub__b="Second.")
    progress = _Progress()
    summary = await _pipeline(index).ingest([tmp_path], progress=progress)

    assert {"added": 2} == _counts(summary)
    assert (2, 2, 0, ()) == (
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
    assert ["start 2", "a.md", "sub/b.md", "finish"] == progress.events


async def test_an_unchanged_document_costs_one_hash(index: FakeIndexWriter, tmp_path: Path) -> None:
    """What has not changed is neither parsed nor embedded nor written."""
    _write(tmp_path, a="One.", b="Two.")
    embedder = FakeEmbedder()
    parsed: list[str] = []

    def load(document: str, data: bytes, /) -> Loaded:
        parsed.append(document)
        return Loaded("", (Block(BlockKind.TEXT, data.decode()),))

    pipeline = _pipeline(index, embedder, loaders=LoaderRegistry({".md": LoaderPart(load)}))
    await pipeline.ingest([tmp_path])
    _write(tmp_path, b="Two and a half.")
    summary = await pipeline.ingest([tmp_path])

    assert {"changed": 1, "unchanged": 1} == _counts(summary)
    assert ["a.md", "b.md", "b.md"] == sorted(parsed)
    assert ["One.", "Two and a half.", "Two."] == sorted(embedder.embedded)
    assert 3 == index.writes


async def test_a_failure_is_kept_and_tried_again(index: FakeIndexWriter, tmp_path: Path) -> None:
    """One bad document stops no other; it is tried each time, until it works."""
    _write(tmp_path, a="Good.")
    bad = tmp_path / "bad.md"
    bad.write_bytes(b"\xff")
    pipeline = _pipeline(index)
    first = await pipeline.ingest([tmp_path])
    second = await pipeline.ingest([tmp_path])

    assert {"added": 1, "failed": 1} == _counts(first)
    assert ["bad.md"] == [failure.document for failure in first.failures]
    assert "not valid UTF-8" in first.failures[0].reason
    assert {"unchanged": 1, "failed": 1} == _counts(second)
    assert {"bad.md": 2} == {f.document: f.attempts for f in index.failed.values()}

    bad.write_text("Repaired.", encoding="utf-8")
    assert {"added": 1, "unchanged": 1} == _counts(await pipeline.ingest([tmp_path]))
    assert {} == index.failed


async def test_a_failing_version_leaves_the_older_one(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """A document that breaks stays searchable as it was; when it is set back, all is well."""
    _write(tmp_path, a="Good.")
    pipeline = _pipeline(index)
    await pipeline.ingest([tmp_path])
    (tmp_path / "a.md").write_bytes(b"\xff")
    summary = await pipeline.ingest([tmp_path])

    assert {"failed": 1} == _counts(summary)
    assert "Good." == index.chunks["a.md"][0].text

    _write(tmp_path, a="Good.")
    assert {"unchanged": 1} == _counts(await pipeline.ingest([tmp_path]))
    assert {} == index.failed


async def test_a_file_that_is_gone_leaves_the_index(index: FakeIndexWriter, tmp_path: Path) -> None:
    """So does the failure of a file that is gone."""
    _write(tmp_path, a="One.", b="Two.", c="Three.")
    (tmp_path / "bad.md").write_bytes(b"\xff")
    pipeline = _pipeline(index)
    await pipeline.ingest([tmp_path])
    for name in ("a", "bad"):
        (tmp_path / f"{name}.md").unlink()

    assert {"unchanged": 2, "removed": 1} == _counts(await pipeline.ingest([tmp_path]))
    assert ["b.md", "c.md"] == list(index.documents)
    assert {} == index.failed


async def test_only_the_folder_that_is_ingested_loses_documents(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """Other folders, single files, missing paths and uploads remove nothing."""
    first = _write(tmp_path / "first", a="One.", gone="Gone.")
    second = _write(tmp_path / "second", b="Two.")
    pipeline = _pipeline(index)
    await pipeline.ingest([first])
    await pipeline.ingest_upload("upload.md", b"Uploaded.")
    (first / "gone.md").unlink()

    for paths in ([second], [first / "a.md"], [second / "b.md"], [tmp_path / "missing"]):
        assert 0 == (await pipeline.ingest(paths)).removed
    assert {"a.md", "gone.md", "b.md", "upload.md"} == set(index.documents)

    assert 1 == (await pipeline.ingest([first])).removed
    assert {"a.md", "b.md", "upload.md"} == set(index.documents)


async def test_a_missing_path_fails_and_the_rest_is_kept(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """It is submitted and failed, but is no document that could be recorded."""
    _write(tmp_path / "docs", a="One.")
    summary = await _pipeline(index).ingest([tmp_path / "dosc", tmp_path / "docs"])

    assert {"added": 1, "failed": 1} == _counts(summary)
    assert [str(tmp_path / "dosc")] == [failure.document for failure in summary.failures]
    assert {} == index.failed


async def test_equal_ids_in_two_folders_do_not_overwrite_each_other(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """In one run or in two, the document that is indexed stays, and the other fails."""
    one = _write(tmp_path / "one", README="One.")
    two = _write(tmp_path / "two", README="Two.", b="Other.")
    pipeline = _pipeline(index)
    assert {"added": 1, "failed": 2} == _counts(await pipeline.ingest([one, two]))
    assert ["b.md"] == list(index.documents)

    assert {"added": 1} == _counts(await pipeline.ingest([one]))
    summary = await pipeline.ingest([two])
    assert {"unchanged": 1, "failed": 1} == _counts(summary)
    assert str(one) in summary.failures[0].reason
    assert "One." == index.chunks["README.md"][0].text

    (two / "README.md").unlink()
    assert {"unchanged": 1} == _counts(await pipeline.ingest([two]))
    assert {} == index.failed
    assert str(one) == index.entries["README.md"].source


async def test_equal_files_of_two_folders_are_one_document(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """A copy changes nothing, and the document stays with the folder that had it first."""
    one, two = (_write(tmp_path / name, a="Same.") for name in ("one", "two"))
    pipeline = _pipeline(index)
    await pipeline.ingest([one])

    assert {"unchanged": 1} == _counts(await pipeline.ingest([two]))
    assert str(one) == index.entries["a.md"].source


async def test_a_folder_that_was_moved_keeps_its_documents(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """The same documents from another place are not embedded again, and follow it from then on."""
    old, new = tmp_path / "old", tmp_path / "new"
    _write(old, a="One.", b="Two.")
    pipeline = _pipeline(index)
    await pipeline.ingest([old])
    shutil.move(old, new)
    _write(new, b="Two, changed.")

    assert {"unchanged": 1, "changed": 1} == _counts(await pipeline.ingest([new]))
    assert {str(new)} == {entry.source for entry in index.entries.values()}
    assert 3 == index.writes

    (new / "a.md").unlink()
    assert {"unchanged": 1, "removed": 1} == _counts(await pipeline.ingest([new]))


async def test_a_document_may_move_between_two_folders_in_one_run(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """Gone here and there instead, it is not taken for gone."""
    one, two = _write(tmp_path / "one", a="One."), _write(tmp_path / "two", b="Two.")
    pipeline = _pipeline(index)
    await pipeline.ingest([one, two])
    shutil.move(one / "a.md", two / "a.md")

    assert {"unchanged": 2} == _counts(await pipeline.ingest([one, two]))
    assert str(two) == index.entries["a.md"].source


async def test_what_is_given_by_name_but_unsupported_fails(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """In a folder it is passed over."""
    (tmp_path / "a.exe").write_bytes(b"MZ")
    pipeline = _pipeline(index)
    named = await pipeline.ingest([tmp_path / "a.exe"])
    walked = await pipeline.ingest([tmp_path])

    assert {"failed": 1} == _counts(named)
    assert ".docx" in named.failures[0].reason
    assert ({}, 1) == (_counts(walked), walked.skipped)
    assert {} == index.failed


async def test_a_document_beyond_the_limit_is_not_read(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """Its size is looked at first, and the reason names the setting."""
    with (tmp_path / "big.md").open("wb") as big:
        big.truncate(10_000_001)
    summary = await _pipeline(index).ingest([tmp_path])

    assert "has 10,000,001 bytes and 10,000,000 are allowed (APP_MAX_DOCUMENT_BYTES)" == (
        summary.failures[0].reason
    )


async def test_a_document_that_vanishes_meanwhile_fails(tmp_path: Path) -> None:
    """The file system says why."""
    _write(tmp_path, a="One.")

    class Vanishing(FakeIndexWriter):
        async def ledger(self) -> dict[str, LedgerEntry]:
            await asyncio.to_thread((tmp_path / "a.md").unlink)
            return await super().ledger()

    summary = await _pipeline(Vanishing()).ingest([tmp_path])

    assert "cannot be read: No such file or directory" == summary.failures[0].reason


async def test_an_empty_document_has_no_chunks(index: FakeIndexWriter, tmp_path: Path) -> None:
    """It takes the place of what it was, and is no failure, but a warning."""
    embedder = FakeEmbedder()
    pipeline = _pipeline(index, embedder)
    _write(tmp_path, a="Text.")
    await pipeline.ingest([tmp_path])
    _write(tmp_path, a="")
    with capture_logs() as logs:
        summary = await pipeline.ingest([tmp_path])

    assert {"changed": 1} == _counts(summary)
    assert () == index.chunks["a.md"]
    assert ["Text."] == embedder.embedded
    assert ["a.md"] == [log["document"] for log in logs if log["event"] == "document_empty"]


async def test_an_embedder_that_cannot_answer_fails_the_document(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """Nothing is written, so the next run tries again."""
    _write(tmp_path, a="One.", b="Two.")
    summary = await _pipeline(index, FakeEmbedder(error=LLMError("down"))).ingest([tmp_path])

    assert {"failed": 2} == _counts(summary)
    assert {"down"} == {failure.reason for failure in index.failed.values()}
    assert {"added": 2} == _counts(await _pipeline(index).ingest([tmp_path]))


async def test_a_document_that_meets_a_defect_does_not_block_the_others(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """What is no error of ours is not hidden: the log has it whole, and the document fails."""
    _write(tmp_path, a="One.", b="Bad.", c="Three.")

    class Defective(FakeEmbedder):
        async def embed_documents(self, texts: Sequence[str]) -> Vectors:
            if "Bad." in texts:
                raise ZeroDivisionError
            return await super().embed_documents(texts)

    with capture_logs() as logs:
        summary = await _pipeline(index, Defective()).ingest([tmp_path])

    assert {"added": 2, "failed": 1} == _counts(summary)
    assert ["a.md", "c.md"] == list(index.documents)
    assert "met a defect" in index.failed["b.md"].reason
    assert [True] == [log["exc_info"] for log in logs if log["event"] == "document_failed"]


async def test_vectors_of_another_shape_are_refused(index: FakeIndexWriter, tmp_path: Path) -> None:
    """A provider's reply is checked before it is written."""
    _write(tmp_path, a="One.")

    class Short(FakeEmbedder):
        async def embed_documents(self, texts: Sequence[str]) -> Vectors:
            return np.zeros((len(texts), 3), dtype=np.float32)

    summary = await _pipeline(index, Short()).ingest([tmp_path])

    assert "the embedder returned the shape (1, 3) instead of (1, 16)" == (
        summary.failures[0].reason
    )


async def test_an_index_that_cannot_be_written_fails_each_document(tmp_path: Path) -> None:
    """The reason is recorded, where that much is possible."""
    _write(tmp_path, a="One.")
    index = FakeIndexWriter(error=RetrievalError("disk full"))

    assert {"failed": 1} == _counts(await _pipeline(index).ingest([tmp_path]))
    assert "disk full" == index.failed["a.md"].reason


async def test_an_index_that_fails_stops_the_run(tmp_path: Path) -> None:
    """The index is not tried again for each document; what was done is told, and why no more."""
    _write(tmp_path, a="One.", b="Two.", c="Three.")

    class Full(FakeIndexWriter):
        async def replace(
            self, document: Document, chunks: Sequence[Chunk], vectors: Vectors
        ) -> None:
            if document.id == "b.md":
                raise RetrievalError("disk full")
            await super().replace(document, chunks, vectors)

    index, progress = Full(), _Progress()
    summary = await _pipeline(index).ingest([tmp_path], progress=progress)

    assert {"added": 1, "failed": 1} == _counts(summary)
    assert ("disk full", False, 0) == (summary.stopped, summary.complete, index.published)
    assert FailureKind.PASSING is index.failed["b.md"].kind
    assert "finish" == progress.events[-1]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (IngestError("a.md", "torn"), FailureKind.PERMANENT),
        (IngestError("a.md", "busy", passing=True), FailureKind.PASSING),
        (LLMError("down"), FailureKind.PASSING),
        (TokenLimitError(tokens_used=9, limit=1), FailureKind.PERMANENT),
        (ZeroDivisionError(), FailureKind.PERMANENT),
    ],
)
async def test_a_failure_says_whether_the_document_has_to_be_mended(
    index: FakeIndexWriter, tmp_path: Path, error: Exception, kind: FailureKind
) -> None:
    """A run with nothing left but documents to mend is complete; a rebuilt index then counts."""
    _write(tmp_path, a="One.")
    summary = await _pipeline(index, FakeEmbedder(error=error)).ingest([tmp_path])

    assert [kind] == [failure.kind for failure in summary.failures]
    assert kind is index.failed["a.md"].kind
    complete = kind is FailureKind.PERMANENT
    assert (complete, int(complete)) == (summary.complete, index.published)


async def test_what_exceeds_a_limit_is_given_up(index: FakeIndexWriter, tmp_path: Path) -> None:
    """Content that costs a whole limit each time is parsed three times, until it changes."""
    _write(tmp_path, a="Endless.", b="Good.")
    parsed: list[bytes] = []

    def load(document: str, data: bytes, /) -> Loaded:
        if data == b"Good.":
            return Loaded("", (Block(BlockKind.TEXT, "Good."),))
        parsed.append(data)
        raise ParseLimitError(document, "takes too long")

    pipeline = _pipeline(index, loaders=LoaderRegistry({".md": LoaderPart(load)}))
    summaries = [await pipeline.ingest([tmp_path]) for _ in range(5)]

    assert [b"Endless."] * 3 == parsed
    assert [1] * 5 == [summary.failed for summary in summaries]
    assert "takes too long; given up after 3 attempts" in summaries[-1].failures[0].reason
    assert ("takes too long", 3) == (index.failed["a.md"].reason, index.failed["a.md"].attempts)

    await pipeline.retry(["a.md"])
    assert 4 == len(parsed)
    _write(tmp_path, a="Endless, changed.")
    await pipeline.ingest([tmp_path])
    assert b"Endless, changed." == parsed[-1]


async def test_a_retry_is_of_failures_alone(index: FakeIndexWriter, tmp_path: Path) -> None:
    """Nothing else is looked at or removed, and what has not failed is an error."""
    _write(tmp_path, a="One.", gone="Gone.")
    (tmp_path / "bad.md").write_bytes(b"\xff")
    pipeline = _pipeline(index)
    await pipeline.ingest([tmp_path])
    (tmp_path / "gone.md").unlink()
    _write(tmp_path, bad="Good.")
    with pytest.raises(IngestError, match=r"a\.md: has not failed"):
        await pipeline.retry(["bad.md", "a.md"])

    assert {"added": 1} == _counts(await pipeline.retry(["bad.md", "bad.md"]))
    assert {"a.md", "bad.md", "gone.md"} == set(index.documents)
    assert str(tmp_path) == index.entries["bad.md"].source


async def test_a_cancelled_run_finishes_the_document_in_hand(tmp_path: Path) -> None:
    """A signal leaves whole documents, and the next run does the rest."""
    _write(tmp_path, **{f"d{number}": f"Text {number}." for number in range(8)})
    writing = asyncio.Event()

    class Slow(FakeIndexWriter):
        async def replace(
            self, document: Document, chunks: Sequence[Chunk], vectors: Vectors
        ) -> None:
            if document.id == "d2.md":
                writing.set()
                await asyncio.sleep(0.05)
            await super().replace(document, chunks, vectors)

    index, progress = Slow(), _Progress()
    run = asyncio.create_task(_pipeline(index).ingest([tmp_path], progress=progress))
    await writing.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    assert ["d0.md", "d1.md", "d2.md"] == list(index.documents)
    assert "finish" == progress.events[-1]
    assert {"added": 5, "unchanged": 3} == _counts(await _pipeline(index).ingest([tmp_path]))


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_stopped_run_ends_after_the_document_in_hand(
    index: FakeIndexWriter, tmp_path: Path, after: int
) -> None:
    """It returns what was done, removes nothing that was not reached, and can be gone on with."""
    _write(tmp_path, **{f"d{number}": f"Text {number}." for number in range(6)})
    pipeline = _pipeline(index)
    summary = await pipeline.ingest([tmp_path], stop=lambda: index.writes >= after)

    assert after == summary.submitted == summary.added == len(index.documents)
    assert {"added": 6 - after, "unchanged": after} == {
        "unchanged": 0,
        **_counts(await pipeline.ingest([tmp_path])),
    }


async def test_a_write_that_fails_while_it_is_cancelled_is_logged(tmp_path: Path) -> None:
    """The cancellation goes first, but the error is not lost."""
    _write(tmp_path, a="One.")
    writing = asyncio.Event()

    class Failing(FakeIndexWriter):
        async def replace(
            self, document: Document, chunks: Sequence[Chunk], vectors: Vectors
        ) -> None:
            writing.set()
            await asyncio.sleep(0.01)
            raise RetrievalError("disk full")

    run = asyncio.create_task(_pipeline(Failing()).ingest([tmp_path]))
    await writing.wait()
    with capture_logs() as logs:
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    assert ["disk full"] == [log["error"] for log in logs if log["event"] == "write_failed"]


async def test_the_loop_stays_responsive(index: FakeIndexWriter) -> None:
    """While megabytes are parsed and chunked, requests are still answered."""
    text = "\n\n".join(f"A sentence of the paragraph {n}, and one more." for n in range(30_000))
    pauses: list[float] = []
    done = asyncio.Event()

    async def tick() -> None:
        while not done.is_set():
            started = perf_counter()
            await asyncio.sleep(0.001)
            pauses.append(perf_counter() - started)

    ticking = asyncio.create_task(tick())

    class Instant(FakeEmbedder):
        async def embed_documents(self, texts: Sequence[str]) -> Vectors:
            return np.zeros((len(texts), self.dimension), dtype=np.float32)

    started = perf_counter()
    await _pipeline(index, Instant()).ingest_upload("big.md", text.encode())
    seconds = perf_counter() - started
    done.set()
    await ticking

    assert len(index.chunks["big.md"]) > 1_000
    assert len(pauses) > 10
    # Relative, for a machine under load pauses everything; work on the loop would be one pause.
    assert max(pauses) < seconds / 2


async def test_few_documents_are_in_memory_at_a_time(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """Preparation runs ahead of the writer, but not away from it."""
    _write(tmp_path, **{f"d{number:02}": f"Text {number}." for number in range(20)})
    prepared, most = 0, 0
    lock = threading.Lock()

    def load(_: str, data: bytes, /) -> Loaded:
        nonlocal prepared, most
        with lock:
            prepared += 1
            most = max(most, prepared - index.writes)
        return Loaded("", (Block(BlockKind.TEXT, data.decode()),))

    await _pipeline(index, loaders=LoaderRegistry({".md": LoaderPart(load)})).ingest([tmp_path])

    assert 20 == prepared
    assert most <= 4


async def test_an_upload_is_added_changed_and_unchanged(index: FakeIndexWriter) -> None:
    """The caller learns what came of it; the document belongs to no folder."""
    pipeline = _pipeline(index)

    assert Outcome.ADDED is await pipeline.ingest_upload("a.md", b"One.")
    assert Outcome.UNCHANGED is await pipeline.ingest_upload("a.md", b"One.")
    assert Outcome.CHANGED is await pipeline.ingest_upload("a.md", b"Two.")
    assert UPLOAD == index.entries["a.md"].source


async def test_an_upload_replaces_the_document_of_a_folder_and_not_the_reverse(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """An upload names the document that it replaces; a folder only happens to hold one."""
    _write(tmp_path, a="One.")
    pipeline = _pipeline(index)
    await pipeline.ingest([tmp_path])
    assert Outcome.UNCHANGED is await pipeline.ingest_upload("a.md", b"One.")
    assert Outcome.CHANGED is await pipeline.ingest_upload("a.md", b"Two.")
    summary = await pipeline.ingest([tmp_path])

    assert {"failed": 1} == _counts(summary)
    assert "from an upload" in summary.failures[0].reason
    assert "Two." == index.chunks["a.md"][0].text

    await pipeline.remove("a.md")
    assert {"added": 1} == _counts(await pipeline.ingest([tmp_path]))


async def test_an_upload_in_the_middle_of_a_run_is_not_removed_by_it(tmp_path: Path) -> None:
    """What is gone is looked up again before it is removed."""
    _write(tmp_path, a="One.", b="Two.")

    class Racing(FakeIndexWriter):
        async def ledger(self) -> dict[str, LedgerEntry]:
            before = await super().ledger()
            if "a.md" in before:
                await _pipeline(self).ingest_upload("a.md", b"Uploaded.")
            return before

    index = Racing()
    pipeline = _pipeline(index)
    await pipeline.ingest([tmp_path])
    (tmp_path / "a.md").unlink()

    assert {"unchanged": 1} == _counts(await pipeline.ingest([tmp_path]))
    assert "Uploaded." == index.chunks["a.md"][0].text


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("", "relative path"),
        ("/etc/a.md", "relative path"),
        ("../a.md", "relative path"),
        ("a//b.md", "relative path"),
        ("a\\b.md", "relative path"),
        ("a\nb.md", "printed"),
        ("\udce9.md", "printed"),
        ("a" * 2_000 + ".md", "2003 characters"),
        ("a.exe", "supported"),
        ("README", "supported"),
    ],
)
async def test_an_upload_needs_a_sensible_id(
    index: FakeIndexWriter, document: str, reason: str
) -> None:
    """An id is a relative path that fits a URL and a log line."""
    with pytest.raises(IngestError, match=reason):
        await _pipeline(index).ingest_upload(document, b"text")

    assert {} == index.documents


async def test_a_failed_upload_changes_nothing(index: FakeIndexWriter) -> None:
    """The caller gets the reason; there is nothing to try again, so nothing is recorded."""
    metrics = Metrics()
    pipeline = _pipeline(index, metrics=metrics)
    await pipeline.ingest_upload("a.md", b"One.")
    for data in (b"\xff", b"x" * 10_000_001):
        with pytest.raises(IngestError):
            await pipeline.ingest_upload("a.md", data)

    assert "One." == index.chunks["a.md"][0].text
    assert {} == index.failed
    assert b'ingest_documents_total{outcome="failed"} 2.0' in metrics.exposition()


async def test_removing_a_document(index: FakeIndexWriter) -> None:
    """What is there goes; what is not there is an error."""
    pipeline = _pipeline(index)
    await pipeline.ingest_upload("a.md", b"One.")
    await pipeline.remove("a.md")

    assert {} == index.documents
    with pytest.raises(DocumentNotFoundError, match=r"a\.md"):
        await pipeline.remove("a.md")


async def test_a_run_is_logged_and_measured(index: FakeIndexWriter, tmp_path: Path) -> None:
    """Stages at INFO with counts, documents at DEBUG, failures at WARNING; all in the metrics."""
    _write(tmp_path, a="One.")
    (tmp_path / "bad.md").write_bytes(b"\xff")
    metrics = Metrics()
    with capture_logs() as logs:
        await _pipeline(index, metrics=metrics).ingest([tmp_path])

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


def test_the_silent_progress_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """It stands in where nobody watches."""
    progress = SilentProgress()
    progress.start(1)
    progress.advance("a.md")
    progress.finish()

    assert ("", "") == capsys.readouterr()
