"""A document or an index that fails: state, records and retries."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pytest
from structlog.testing import capture_logs

from app.ingestion.loaders import Loaded, LoaderPart, LoaderRegistry
from fixtures.embedder import FakeEmbedder
from fixtures.index import FakeIndexWriter
from fixtures.ingesting import counts, make_pipeline, write_documents
from gwkit.documents import Block, BlockKind
from gwkit.errors import (
    IngestError,
    LLMError,
    ParseLimitError,
    RetrievalError,
    TokenLimitError,
)
from gwkit.index.store import FailureKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gwkit.documents import Chunk, Document
    from gwkit.models.protocols import Vectors


async def test_a_failure_is_kept_and_tried_again(index: FakeIndexWriter, tmp_path: Path) -> None:
    """One bad document does not stop the others; it is retried in each run, until it succeeds."""
    write_documents(tmp_path, a="Good.")
    bad = tmp_path / "bad.md"
    bad.write_bytes(b"\xff")
    pipeline = make_pipeline(index)
    first = await pipeline.ingest([tmp_path])
    second = await pipeline.ingest([tmp_path])

    assert {"added": 1, "failed": 1} == counts(first)
    assert ["bad.md"] == [failure.document for failure in first.failures]
    assert "not valid UTF-8" in first.failures[0].reason
    assert {"unchanged": 1, "failed": 1} == counts(second)
    assert {"bad.md": 2} == {f.document: f.attempts for f in index.failed.values()}

    bad.write_text("Repaired.", encoding="utf-8")
    assert {"added": 1, "unchanged": 1} == counts(await pipeline.ingest([tmp_path]))
    assert {} == index.failed


async def test_a_failing_version_leaves_the_older_one(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """The older version stays searchable; restoring the file clears the failure."""
    write_documents(tmp_path, a="Good.")
    pipeline = make_pipeline(index)
    await pipeline.ingest([tmp_path])
    (tmp_path / "a.md").write_bytes(b"\xff")
    summary = await pipeline.ingest([tmp_path])

    assert {"failed": 1} == counts(summary)
    assert "Good." == index.chunks["a.md"][0].text

    write_documents(tmp_path, a="Good.")
    assert {"unchanged": 1} == counts(await pipeline.ingest([tmp_path]))
    assert {} == index.failed


async def test_an_embedder_that_cannot_answer_fails_the_document(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """Nothing is written, so the next run retries."""
    write_documents(tmp_path, a="One.", b="Two.")
    summary = await make_pipeline(index, FakeEmbedder(error=LLMError("down"))).ingest([tmp_path])

    assert {"failed": 2} == counts(summary)
    assert {"down"} == {failure.reason for failure in index.failed.values()}
    assert {"added": 2} == counts(await make_pipeline(index).ingest([tmp_path]))


async def test_a_document_that_meets_a_defect_does_not_block_the_others(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """An internal error is logged with its traceback, and the document fails."""
    write_documents(tmp_path, a="One.", b="Bad.", c="Three.")

    class Defective(FakeEmbedder):
        async def embed_documents(self, texts: Sequence[str]) -> Vectors:
            if "Bad." in texts:
                raise ZeroDivisionError
            return await super().embed_documents(texts)

    with capture_logs() as logs:
        summary = await make_pipeline(index, Defective()).ingest([tmp_path])

    assert {"added": 2, "failed": 1} == counts(summary)
    assert ["a.md", "c.md"] == list(index.documents)
    assert "internal error" in index.failed["b.md"].reason
    assert [True] == [log["exc_info"] for log in logs if log["event"] == "document_failed"]


async def test_vectors_of_another_shape_are_refused(index: FakeIndexWriter, tmp_path: Path) -> None:
    """A provider's reply is checked before it is written."""
    write_documents(tmp_path, a="One.")

    class Short(FakeEmbedder):
        async def embed_documents(self, texts: Sequence[str]) -> Vectors:
            return np.zeros((len(texts), 3), dtype=np.float32)

    summary = await make_pipeline(index, Short()).ingest([tmp_path])

    assert "the embedder returned the shape (1, 3) instead of (1, 16)" == (
        summary.failures[0].reason
    )


async def test_an_index_that_cannot_be_written_fails_each_document(tmp_path: Path) -> None:
    """The reason is recorded, if that is possible."""
    write_documents(tmp_path, a="One.")
    index = FakeIndexWriter(error=RetrievalError("disk full"))

    assert {"failed": 1} == counts(await make_pipeline(index).ingest([tmp_path]))
    assert "disk full" == index.failed["a.md"].reason


async def test_an_index_that_fails_stops_the_run(tmp_path: Path) -> None:
    """The index is not tried again for each document; results and cause are reported."""
    write_documents(tmp_path, a="One.", b="Two.", c="Three.")

    class Full(FakeIndexWriter):
        async def replace(
            self, document: Document, chunks: Sequence[Chunk], vectors: Vectors
        ) -> None:
            if document.id == "b.md":
                raise RetrievalError("disk full")
            await super().replace(document, chunks, vectors)

    index = Full()
    summary = await make_pipeline(index).ingest([tmp_path])

    assert {"added": 1, "failed": 1} == counts(summary)
    assert ("disk full", False, 0) == (summary.stopped, summary.complete, index.published)
    assert FailureKind.PASSING is index.failed["b.md"].kind


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
    """A run with only permanent failures is complete, and a rebuilt index is then published."""
    write_documents(tmp_path, a="One.")
    summary = await make_pipeline(index, FakeEmbedder(error=error)).ingest([tmp_path])

    assert [kind] == [failure.kind for failure in summary.failures]
    assert kind is index.failed["a.md"].kind
    complete = kind is FailureKind.PERMANENT
    assert (complete, int(complete)) == (summary.complete, index.published)


async def test_what_exceeds_a_limit_is_given_up(index: FakeIndexWriter, tmp_path: Path) -> None:
    """Content that reaches a limit is parsed three times, then not until it changes."""
    write_documents(tmp_path, a="Endless.", b="Good.")
    parsed: list[bytes] = []

    def load(document: str, data: bytes, /) -> Loaded:
        if data == b"Good.":
            return Loaded("", (Block(BlockKind.TEXT, "Good."),))
        parsed.append(data)
        raise ParseLimitError(document, "takes too long")

    pipeline = make_pipeline(index, loaders=LoaderRegistry({".md": LoaderPart(load)}))
    summaries = [await pipeline.ingest([tmp_path]) for _ in range(5)]

    assert [b"Endless."] * 3 == parsed
    assert [1] * 5 == [summary.failed for summary in summaries]
    assert "takes too long; given up after 3 attempts" in summaries[-1].failures[0].reason
    assert ("takes too long", 3) == (index.failed["a.md"].reason, index.failed["a.md"].attempts)

    await pipeline.retry(["a.md"])
    assert 4 == len(parsed)
    write_documents(tmp_path, a="Endless, changed.")
    await pipeline.ingest([tmp_path])
    assert b"Endless, changed." == parsed[-1]


async def test_a_retry_is_of_failures_alone(index: FakeIndexWriter, tmp_path: Path) -> None:
    """No other document is read or removed; an id without a failure is an error."""
    write_documents(tmp_path, a="One.", gone="Gone.")
    (tmp_path / "bad.md").write_bytes(b"\xff")
    pipeline = make_pipeline(index)
    await pipeline.ingest([tmp_path])
    (tmp_path / "gone.md").unlink()
    write_documents(tmp_path, bad="Good.")
    with pytest.raises(IngestError, match=r"a\.md: has not failed"):
        await pipeline.retry(["bad.md", "a.md"])

    assert {"added": 1} == counts(await pipeline.retry(["bad.md", "bad.md"]))
    assert {"a.md", "bad.md", "gone.md"} == set(index.documents)
    assert str(tmp_path) == index.entries["bad.md"].source


async def test_a_write_that_fails_while_it_is_cancelled_is_logged(tmp_path: Path) -> None:
    """The cancellation takes precedence, but the error is logged."""
    write_documents(tmp_path, a="One.")
    writing = asyncio.Event()

    class Failing(FakeIndexWriter):
        async def replace(
            self, document: Document, chunks: Sequence[Chunk], vectors: Vectors
        ) -> None:
            writing.set()
            await asyncio.sleep(0.01)
            raise RetrievalError("disk full")

    run = asyncio.create_task(make_pipeline(Failing()).ingest([tmp_path]))
    await writing.wait()
    with capture_logs() as logs:
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    assert ["disk full"] == [log["error"] for log in logs if log["event"] == "write_failed"]
