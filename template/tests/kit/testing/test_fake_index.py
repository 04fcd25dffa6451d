"""The in-memory index satisfies the contract that the pipeline needs."""

from __future__ import annotations

import numpy as np
import pytest

from fixtures.index import FakeIndexWriter
from gwkit.documents import Chunk, Document
from gwkit.errors import RetrievalError
from gwkit.index.store import Failure, IndexWriter, LedgerEntry

_DOCUMENT = Document("a.md", "A", "hash", (), source="/docs")
_CHUNK = Chunk(0, "text", (), 1)
_VECTORS = np.ones((1, 2), dtype=np.float32)


@pytest.fixture
def index() -> FakeIndexWriter:
    """Return an empty index."""
    return FakeIndexWriter()


async def test_it_is_an_index_writer(index: FakeIndexWriter) -> None:
    """The fake matches the port, which the type checker verifies here."""
    port: IndexWriter = index

    assert {} == await port.ledger()
    assert {} == await port.failures()
    assert await port.entry("a.md") is None


async def test_replace_records_the_hash_and_forgets_the_failure(index: FakeIndexWriter) -> None:
    """A written document is in the ledger, and has no failure."""
    await index.fail(Failure("a.md", "broken", source="/docs"))
    await index.replace(_DOCUMENT, [_CHUNK], _VECTORS)

    assert LedgerEntry("a.md", "hash", 1, "write 1", "/docs") == await index.entry("a.md")
    assert {} == await index.failures()


async def test_a_failing_replace_writes_nothing() -> None:
    """An error leaves the index unchanged."""
    index = FakeIndexWriter(error=RetrievalError("full"))

    with pytest.raises(RetrievalError, match="full"):
        await index.replace(_DOCUMENT, [_CHUNK], _VECTORS)

    assert {} == await index.ledger()


async def test_fail_counts_attempts_and_keeps_the_document(index: FakeIndexWriter) -> None:
    """An older version stays when a newer one fails, any number of times."""
    await index.replace(_DOCUMENT, [_CHUNK], _VECTORS)
    await index.fail(Failure("a.md", "broken", source="/docs"))
    await index.fail(Failure("a.md", "worse", source="/docs"))

    assert {"a.md": Failure("a.md", "worse", 2, source="/docs")} == await index.failures()
    assert ["a.md"] == list(await index.ledger())


async def test_adopt_changes_the_source_of_what_is_indexed(index: FakeIndexWriter) -> None:
    """Adopting changes a document's source, and does nothing for an unknown one."""
    await index.replace(_DOCUMENT, [_CHUNK], _VECTORS)
    await index.fail(Failure("a.md", "broken", source="/docs"))
    await index.adopt("a.md", "/moved")
    await index.adopt("b.md", "/moved")

    assert {"a.md": "/moved"} == {e.document: e.source for e in (await index.ledger()).values()}
    assert {} == await index.failures()


async def test_remove_says_whether_there_was_anything(index: FakeIndexWriter) -> None:
    """Documents and failures can be removed, each once."""
    await index.replace(_DOCUMENT, [_CHUNK], _VECTORS)
    await index.fail(Failure("b.md", "broken", source="/docs"))

    assert [True, True, False] == [await index.remove(name) for name in ("a.md", "b.md", "a.md")]
