"""Folders, files and uploads: the owner of each document, and removal."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import pytest

from app.ingestion.preparation import Outcome
from app.ingestion.sources import SourceDocument
from fixtures.index import FakeIndexWriter
from fixtures.ingesting import counts, make_pipeline, write_documents
from gwkit.errors import (
    DocumentNotFoundError,
    IngestError,
)
from gwkit.index.store import UPLOAD
from gwkit.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gwkit.index.store import LedgerEntry


async def test_a_file_that_is_gone_leaves_the_index(index: FakeIndexWriter, tmp_path: Path) -> None:
    """The failure of a removed file is removed, too."""
    write_documents(tmp_path, a="One.", b="Two.", c="Three.")
    (tmp_path / "bad.md").write_bytes(b"\xff")
    pipeline = make_pipeline(index)
    await pipeline.ingest([tmp_path])
    for name in ("a", "bad"):
        (tmp_path / f"{name}.md").unlink()

    assert {"unchanged": 2, "removed": 1} == counts(await pipeline.ingest([tmp_path]))
    assert ["b.md", "c.md"] == list(index.documents)
    assert {} == index.failed


async def test_only_the_folder_that_is_ingested_loses_documents(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """Other folders, single files, missing paths and uploads remove nothing."""
    first = write_documents(tmp_path / "first", a="One.", gone="Gone.")
    second = write_documents(tmp_path / "second", b="Two.")
    pipeline = make_pipeline(index)
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
    """The path is submitted and failed, but it is not recorded as a document."""
    write_documents(tmp_path / "docs", a="One.")
    summary = await make_pipeline(index).ingest([tmp_path / "dosc", tmp_path / "docs"])

    assert {"added": 1, "failed": 1} == counts(summary)
    assert [str(tmp_path / "dosc")] == [failure.document for failure in summary.failures]
    assert {} == index.failed


async def test_equal_ids_in_two_folders_do_not_overwrite_each_other(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """In one run or in two, the indexed document stays, and the other one fails."""
    one = write_documents(tmp_path / "one", README="One.")
    two = write_documents(tmp_path / "two", README="Two.", b="Other.")
    pipeline = make_pipeline(index)
    assert {"added": 1, "failed": 2} == counts(await pipeline.ingest([one, two]))
    assert ["b.md"] == list(index.documents)

    assert {"added": 1} == counts(await pipeline.ingest([one]))
    summary = await pipeline.ingest([two])
    assert {"unchanged": 1, "failed": 1} == counts(summary)
    assert str(one) in summary.failures[0].reason
    assert "One." == index.chunks["README.md"][0].text

    (two / "README.md").unlink()
    assert {"unchanged": 1} == counts(await pipeline.ingest([two]))
    assert {} == index.failed
    assert str(one) == index.entries["README.md"].source


async def test_equal_files_of_two_folders_are_one_document(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """A copy changes nothing, and the document stays with its first folder."""
    one, two = (write_documents(tmp_path / name, a="Same.") for name in ("one", "two"))
    pipeline = make_pipeline(index)
    await pipeline.ingest([one])

    assert {"unchanged": 1} == counts(await pipeline.ingest([two]))
    assert str(one) == index.entries["a.md"].source


async def test_a_folder_that_was_moved_keeps_its_documents(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """The same documents in another folder are not embedded again, and belong to it now."""
    old, new = tmp_path / "old", tmp_path / "new"
    write_documents(old, a="One.", b="Two.")
    pipeline = make_pipeline(index)
    await pipeline.ingest([old])
    shutil.move(old, new)
    write_documents(new, b="Two, changed.")

    assert {"unchanged": 1, "changed": 1} == counts(await pipeline.ingest([new]))
    assert {str(new)} == {entry.source for entry in index.entries.values()}
    assert 3 == index.writes

    (new / "a.md").unlink()
    assert {"unchanged": 1, "removed": 1} == counts(await pipeline.ingest([new]))


async def test_a_document_may_move_between_two_folders_in_one_run(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """A document that moves to another folder is not removed."""
    one, two = (
        write_documents(tmp_path / "one", a="One."),
        write_documents(tmp_path / "two", b="Two."),
    )
    pipeline = make_pipeline(index)
    await pipeline.ingest([one, two])
    shutil.move(one / "a.md", two / "a.md")

    assert {"unchanged": 2} == counts(await pipeline.ingest([one, two]))
    assert str(two) == index.entries["a.md"].source


async def test_what_is_given_by_name_but_unsupported_fails(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """In a folder such a file is skipped."""
    (tmp_path / "a.exe").write_bytes(b"MZ")
    pipeline = make_pipeline(index)
    named = await pipeline.ingest([tmp_path / "a.exe"])
    walked = await pipeline.ingest([tmp_path])

    assert {"failed": 1} == counts(named)
    assert ".docx" in named.failures[0].reason
    assert ({}, 1) == (counts(walked), walked.skipped)
    assert {} == index.failed


async def test_a_document_beyond_the_limit_is_not_read(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """The size is checked first, and the reason names the setting."""
    with (tmp_path / "big.md").open("wb") as big:
        big.truncate(10_000_001)
    summary = await make_pipeline(index).ingest([tmp_path])

    assert "has 10,000,001 bytes and 10,000,000 are allowed (APP_MAX_DOCUMENT_BYTES)" == (
        summary.failures[0].reason
    )


async def test_a_document_that_vanishes_meanwhile_fails(tmp_path: Path) -> None:
    """The reason is the file system's message."""
    write_documents(tmp_path, a="One.")

    class Vanishing(FakeIndexWriter):
        async def ledger(self) -> dict[str, LedgerEntry]:
            await asyncio.to_thread((tmp_path / "a.md").unlink)
            return await super().ledger()

    summary = await make_pipeline(Vanishing()).ingest([tmp_path])

    assert "cannot be read: No such file or directory" == summary.failures[0].reason


async def test_an_upload_is_added_changed_and_unchanged(index: FakeIndexWriter) -> None:
    """The caller gets the outcome; the document belongs to no folder."""
    pipeline = make_pipeline(index)

    assert Outcome.ADDED is await pipeline.ingest_upload("a.md", b"One.")
    assert Outcome.UNCHANGED is await pipeline.ingest_upload("a.md", b"One.")
    assert Outcome.CHANGED is await pipeline.ingest_upload("a.md", b"Two.")
    assert UPLOAD == index.entries["a.md"].source


async def test_an_upload_replaces_the_document_of_a_folder_and_not_the_reverse(
    index: FakeIndexWriter, tmp_path: Path
) -> None:
    """An upload names the document that it replaces; a folder does not."""
    write_documents(tmp_path, a="One.")
    pipeline = make_pipeline(index)
    await pipeline.ingest([tmp_path])
    assert Outcome.UNCHANGED is await pipeline.ingest_upload("a.md", b"One.")
    assert Outcome.CHANGED is await pipeline.ingest_upload("a.md", b"Two.")
    summary = await pipeline.ingest([tmp_path])

    assert {"failed": 1} == counts(summary)
    assert "from an upload" in summary.failures[0].reason
    assert "Two." == index.chunks["a.md"][0].text

    await pipeline.remove("a.md")
    assert {"added": 1} == counts(await pipeline.ingest([tmp_path]))


async def test_an_upload_in_the_middle_of_a_run_is_not_removed_by_it(tmp_path: Path) -> None:
    """A missing file is looked up again before its document is removed."""
    write_documents(tmp_path, a="One.", b="Two.")

    class Racing(FakeIndexWriter):
        async def ledger(self) -> dict[str, LedgerEntry]:
            before = await super().ledger()
            if "a.md" in before:
                await make_pipeline(self).ingest_upload("a.md", b"Uploaded.")
            return before

    index = Racing()
    pipeline = make_pipeline(index)
    await pipeline.ingest([tmp_path])
    (tmp_path / "a.md").unlink()

    assert {"unchanged": 1} == counts(await pipeline.ingest([tmp_path]))
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
        await make_pipeline(index).ingest_upload(document, b"text")

    assert {} == index.documents


async def test_a_failed_upload_changes_nothing(index: FakeIndexWriter) -> None:
    """The caller gets the reason; nothing is recorded, because there is nothing to retry."""
    metrics = Metrics()
    pipeline = make_pipeline(index, metrics=metrics)
    await pipeline.ingest_upload("a.md", b"One.")
    for data in (b"\xff", b"x" * 10_000_001):
        with pytest.raises(IngestError):
            await pipeline.ingest_upload("a.md", data)

    assert "One." == index.chunks["a.md"][0].text
    assert {} == index.failed
    assert b'ingest_documents_total{outcome="failed"} 2.0' in metrics.exposition()


async def test_removing_a_document(index: FakeIndexWriter) -> None:
    """An existing document is removed; an unknown one is an error."""
    pipeline = make_pipeline(index)
    await pipeline.ingest_upload("a.md", b"One.")
    await pipeline.remove("a.md")

    assert {} == index.documents
    with pytest.raises(DocumentNotFoundError, match=r"a\.md"):
        await pipeline.remove("a.md")


class _Wiki:
    """A source with the pages of a test."""

    def __init__(self, **pages: str | None) -> None:
        self.pages = pages

    async def documents(self) -> AsyncIterator[SourceDocument]:
        """Yield each page; one that is `None` cannot be read."""
        for name, text in self.pages.items():
            if text is None:
                raise IngestError(name, "cannot be reached")
            yield SourceDocument(f"{name}.md", text.encode())


async def test_a_source_is_followed_like_a_folder(index: FakeIndexWriter, tmp_path: Path) -> None:
    """Only its own documents are removed, and none if reading it fails."""
    pipeline = make_pipeline(index)
    await pipeline.ingest([write_documents(tmp_path, own="Own.")])

    assert {"added": 2} == counts(await pipeline.ingest_source("wiki", _Wiki(a="A.", b="B.")))
    with pytest.raises(IngestError, match="reached"):
        await pipeline.ingest_source("wiki", _Wiki(a="A.", b=None))
    assert {"a.md", "b.md", "own.md"} == set(index.documents)
    run = await pipeline.ingest_source("wiki", _Wiki(a="A."))
    assert {"unchanged": 1, "removed": 1} == counts(run)
    assert {"a.md", "own.md"} == set(index.documents)
