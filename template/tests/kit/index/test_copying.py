"""Copying an index from one store to another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest

from gwkit.documents import Chunk, Document
from gwkit.errors import IngestError, RetrievalError
from gwkit.index.copying import IndexCopy
from gwkit.index.sqlite import SqliteIndex
from gwkit.index.store import Failure, Manifest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from gwkit.models.protocols import Vectors

_Whole: TypeAlias = "tuple[Document, Sequence[Chunk], Vectors]"

_MANIFEST = Manifest("fake:words", 2, "blocks-v1/256/32")


@pytest.fixture
async def source(tmp_path: Path) -> AsyncIterator[SqliteIndex]:
    """Yield an index with 20 documents."""
    async with await SqliteIndex.open(tmp_path / "source", _MANIFEST) as index:
        for number in range(20):
            await _write(index, f"{number:02}.md", f"text {number}")
        yield index


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[SqliteIndex]:
    """Yield an empty index."""
    async with await SqliteIndex.open(tmp_path / "target", _MANIFEST) as index:
        yield index


async def _write(index: SqliteIndex, name: str, text: str, content_hash: str = "") -> None:
    document = Document(name, name, content_hash or text, (), source="/a")
    await index.replace(document, [Chunk(0, text, (), 1)], np.ones((1, 2), dtype=np.float32))


def _copy(
    source: SqliteIndex,
    target: SqliteIndex,
    progress: Callable[[int, int, str], None] = lambda *_: None,
    stop: Callable[[], bool] = lambda: False,
) -> IndexCopy:
    return IndexCopy(source, target, progress, stop)


async def test_an_interrupted_copy_goes_on(source: SqliteIndex, target: SqliteIndex) -> None:
    """What is there is not written again, and all of it is compared."""
    done: list[int] = []
    first = await _copy(source, target, lambda at, *_: done.append(at), lambda: 8 in done).run()
    version = await target.version()
    second = await _copy(source, target).run()

    assert (0 < first.copied < 20, first.complete) == (True, False)
    assert (20 - first.copied, 20, True) == (second.copied, second.documents, second.complete)
    assert version + second.copied == await target.version()
    third = await _copy(source, target).run()
    assert (0, 20, True) == (third.copied, third.documents, third.complete)


async def test_what_changes_meanwhile_is_copied(
    source: SqliteIndex, target: SqliteIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written, removed and failed documents are as in the source, however early they changed."""
    export, read = source.export_document, set[str]()

    async def change(document: str) -> _Whole | None:
        found = await export(document)
        if document == "00.md" and document not in read:
            read.add(document)
            await _write(source, "00.md", "newer")
            await _write(source, "new.md", "new")
            await source.remove("19.md")
            await source.fail(Failure("bad.md", "broken", source="/a"))
        return found

    monkeypatch.setattr(source, "export_document", change)
    summary = await _copy(source, target).run()

    assert (True, 20) == (summary.complete, summary.documents)
    ledger = await target.ledger()
    assert {"00.md", "new.md", "18.md"} < set(ledger)
    assert ("newer", False) == (ledger["00.md"].content_hash, "19.md" in ledger)
    assert await source.failures() == await target.failures()


async def test_equal_entries_do_not_hide_other_contents(
    source: SqliteIndex, target: SqliteIndex
) -> None:
    """Texts and vectors are compared, and what differs is written again."""
    await _write(target, "03.md", "another text", content_hash="text 3")
    summary = await _copy(source, target).run()

    assert (True, 20, []) == (summary.complete, summary.copied, summary.different)
    stored = await target.read_document("03.md", count=1)
    assert stored is not None
    assert "text 3" == stored.chunks[0].text


async def test_what_cannot_be_equal_is_named(
    source: SqliteIndex, target: SqliteIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that does not return what it was given makes the copy incomplete."""
    export = target.export_document

    async def lose_a_title(document: str) -> _Whole | None:
        found = await export(document)
        if found is None or document != "05.md":
            return found
        return replace(found[0], title=""), *found[1:]

    monkeypatch.setattr(target, "export_document", lose_a_title)
    summary = await _copy(source, target).run()

    assert (False, 19, ["05.md"]) == (summary.complete, summary.documents, summary.different)


async def test_nothing_of_others_is_lost(source: SqliteIndex, target: SqliteIndex) -> None:
    """A target with other documents stays as it is, until it is to be overwritten."""
    await _write(target, "theirs.md", "text")
    await target.fail(Failure("failed.md", "broken", source="/a"))
    with pytest.raises(RetrievalError, match=r"2 documents .*failed.md, theirs.md.*--replace"):
        await _copy(source, target).run()
    assert {"theirs.md"} == set(await target.ledger())

    summary = await _copy(source, target).run(overwrite=True)
    assert (True, 1, 20) == (summary.complete, summary.removed, summary.copied)
    assert {} == await target.failures()


async def test_an_empty_index_replaces_nothing(source: SqliteIndex, target: SqliteIndex) -> None:
    """A mistaken path of the source does not empty the target."""
    with pytest.raises(RetrievalError, match="nothing to copy"):
        await _copy(target, source).run(overwrite=True)
    assert 20 == len(await source.ledger())


async def test_a_document_that_is_refused_is_named(
    source: SqliteIndex, target: SqliteIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was copied before stays."""
    write = target.replace

    async def refuse(document: Document, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        if document.id == "12.md":
            raise IngestError(document.id, "is too large")
        await write(document, chunks, vectors)

    monkeypatch.setattr(target, "replace", refuse)
    with pytest.raises(RetrievalError, match=r"12.md could not be copied: .*too large"):
        await _copy(source, target).run()
    assert 15 == len(await target.ledger())
