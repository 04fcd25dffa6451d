"""The embedded index on real files."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, suppress
from contextvars import ContextVar
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.retrieval import ranking
from app.retrieval.ranking import HybridRanking
from fixtures.embedder import FakeEmbedder
from gwkit.documents import Chunk, Document
from gwkit.errors import IndexMismatchError, IngestError, RetrievalError
from gwkit.index.ledger import Failure, FailureKind, LedgerEntry
from gwkit.index.manifest import Manifest
from gwkit.index.ports import Filters, SearchMode, SearchQuery
from gwkit.index.sqlite import SqliteIndex, connections, frequencies, schema
from gwkit.index.sqlite import index as sqlite_index
from gwkit.index.vectors import Matrix

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
    from pathlib import Path

    from gwkit.index.ports import Hit, Index

EMBEDDER = FakeEmbedder()
MANIFEST = Manifest(EMBEDDER.name, EMBEDDER.dimension, "blocks-v1/256/32")
ALL_MODES = pytest.mark.parametrize("mode", list(SearchMode))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where an index may be made, in folders that are not there yet."""
    return tmp_path / "some" / "folder" / "index.sqlite"


@pytest.fixture
async def index(path: Path) -> AsyncIterator[SqliteIndex]:
    """Return an empty index."""
    async with await SqliteIndex.open(path, MANIFEST) as opened:
        yield opened


async def write(
    index: SqliteIndex,
    document: str,
    texts: Sequence[str],
    *,
    metadata: dict[str, str] | None = None,
    content_hash: str = "hash",
) -> None:
    """Write a document whose chunks have the texts."""
    chunks = [Chunk(i, text, (f"About {document}", f"Part {i}"), 1) for i, text in enumerate(texts)]
    await index.replace(
        Document(document, f"Title of {document}", content_hash, (), metadata or {}, "/root"),
        chunks,
        await EMBEDDER.embed_documents(texts),
    )


async def search(
    index: SqliteIndex,
    text: str,
    mode: SearchMode = SearchMode.HYBRID,
    filters: Filters | None = None,
    k: int = 10,
) -> Sequence[Hit]:
    """Return what a text finds."""
    vector = await EMBEDDER.embed_query(text)
    return await index.search(
        SearchQuery(text, vector, HybridRanking(), k, filters or Filters(), mode)
    )


async def found(
    index: SqliteIndex,
    text: str,
    mode: SearchMode = SearchMode.HYBRID,
    filters: Filters | None = None,
) -> set[str]:
    """Return the documents that a text finds."""
    return {hit.document for hit in await search(index, text, mode, filters)}


def is_an_index(index: SqliteIndex) -> Index:
    """Let mypy prove that the class implements the port."""
    return index


# Search


@ALL_MODES
async def test_the_best_chunk_comes_first_with_all_of_it(
    index: SqliteIndex, mode: SearchMode
) -> None:
    """A hit tells where it stands, what it says, and what is known of its document."""
    assert index is is_an_index(index)
    await write(index, "b/é.md", ["parcel locker", 'opening "hours"'], metadata={'k"': "v'%"})
    await write(index, "a.md", ["something else"])

    best, *_ = await search(index, "opening hours", mode)

    assert ("b/é.md", 1, "b/é.md#1") == (best.document, best.position, best.chunk)
    assert ("Title of b/é.md", ("About b/é.md", "Part 1")) == (best.title, best.headings)
    assert 'opening "hours"' == best.text
    assert {'k"': "v'%"} == best.metadata
    assert 1 == pytest.approx(best.score) or mode is SearchMode.HYBRID


async def test_both_legs_add_hits(index: SqliteIndex) -> None:
    """What one leg alone finds is among the hits of both."""
    await write(index, "words.md", ["needle"])
    vectors = await EMBEDDER.embed_documents(["needle"])
    await index.replace(Document("vectors.md", "V", "h", ()), [Chunk(0, "pin", (), 1)], vectors)

    assert {"words.md"} == await found(index, "needle", SearchMode.LEXICAL)
    assert {"words.md", "vectors.md"} == await found(index, "needle", SearchMode.VECTOR)
    hits = await search(index, "needle")
    assert ["words.md", "vectors.md"] == [hit.document for hit in hits]
    assert 1 == pytest.approx(hits[0].score)
    assert 0 < hits[1].score < 1


@pytest.mark.parametrize(("weight", "expected"), [(0.5, "words.md"), (2.0, "vectors.md")])
async def test_the_weight_of_the_vectors_decides(
    index: SqliteIndex, weight: float, expected: str
) -> None:
    """Where the legs contradict each other, the heavier one wins."""
    near, far = await EMBEDDER.embed_documents(["needle", "hay"])
    for document, text, vector in (("words.md", "needle", far), ("vectors.md", "pin", near)):
        chunk = Chunk(0, text, (), 1)
        await index.replace(Document(document, "T", "h", ()), [chunk], vector[np.newaxis])

    hits = await index.search(
        SearchQuery("needle", near, HybridRanking(), k=1, vector_weight=weight)
    )

    assert [expected] == [hit.document for hit in hits]


async def test_words_are_found_by_their_stems_and_without_accents(index: SqliteIndex) -> None:
    """Forms of a word and its accents are one to the full-text search."""
    await write(index, "a.md", ["Uploading to the café"])

    for text in ("uploads", "UPLOADED", "cafe", "Cafés"):
        assert {"a.md"} == await found(index, text, SearchMode.LEXICAL)


async def test_title_and_headings_are_searched(index: SqliteIndex) -> None:
    """What stands only above a chunk finds it as well."""
    await write(index, "returns.md", ["nothing of the kind"])

    assert {"returns.md"} == await found(index, "title", SearchMode.LEXICAL)
    assert {"returns.md"} == await found(index, "part", SearchMode.LEXICAL)


@pytest.mark.parametrize("k", [-1, 0, 1, 3, 1_000])
async def test_no_more_than_k_are_found(index: SqliteIndex, k: int) -> None:
    """The number asked for is the most that come back."""
    await write(index, "a.md", ["same words"] * 60)

    hits = await search(index, "same words", k=k)

    assert min(60, max(0, k)) == len(hits)
    assert sorted((hit.score for hit in hits), reverse=True) == [hit.score for hit in hits]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the same each time
@given(text=st.text(st.characters() | st.sampled_from("\"'*^:-+()~ANDORNOT "), max_size=60))
async def test_any_text_can_be_searched(index: SqliteIndex, text: str) -> None:
    """No text is an error: what its words do not find, its vector does."""
    await write(index, "a.md", ["a needle in the hay"])
    query = SearchQuery(text, await EMBEDDER.embed_query("needle"), HybridRanking())

    assert ["a.md"] == [hit.document for hit in await index.search(query)]


@ALL_MODES
async def test_an_empty_index_finds_nothing(index: SqliteIndex, mode: SearchMode) -> None:
    """Nothing is no error."""
    assert [] == list(await search(index, "anything", mode))


@ALL_MODES
@pytest.mark.parametrize("text", ["", "?!"])
async def test_a_text_without_words_finds_nothing(
    index: SqliteIndex, mode: SearchMode, text: str
) -> None:
    """Where nothing is asked, nothing is found."""
    await write(index, "a.md", ["words"])
    query = SearchQuery(
        text, np.zeros(EMBEDDER.dimension, dtype=np.float32), HybridRanking(), mode=mode
    )

    assert [] == list(await index.search(query))


async def test_a_vector_of_another_length_is_refused(index: SqliteIndex) -> None:
    """Vectors that do not fit the index cannot be compared, nor written."""
    with pytest.raises(RetrievalError, match=r"shape \(3,\).*dimension is 16"):
        await index.search(SearchQuery("a", np.ones(3, dtype=np.float32), HybridRanking()))
    with pytest.raises(RetrievalError, match=r"'a.md' have shape \(2, 3\), not \(1, 16\)"):
        await index.replace(
            Document("a.md", "A", "h", ()),
            [Chunk(0, "a", (), 1)],
            np.ones((2, 3), dtype=np.float32),
        )
    assert {} == await index.ledger()


async def test_what_is_too_frequent_is_left_out_of_a_large_index(
    index: SqliteIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above the budget only the rarest words are searched for; the rarest always is."""
    monkeypatch.setattr(ranking, "_FREE_MATCHES", 10)
    monkeypatch.setattr(frequencies, "_MOST_REMEMBERED", 2)
    await write(index, "often.md", ["common"] * 40)
    await write(index, "rare.md", ["common rare"] * 3 + ["scarce"] * 3)

    assert {"rare.md"} == await found(index, "common rare scarce", SearchMode.LEXICAL)
    assert {"rare.md"} == await found(index, "common absent rare", SearchMode.LEXICAL)
    assert "often.md" in await found(index, "common", SearchMode.LEXICAL)

    await write(index, "more.md", ["rare"] * 400)
    assert "often.md" in await found(index, "common rare", SearchMode.LEXICAL)


@ALL_MODES
async def test_equal_chunks_are_ranked_by_their_order(index: SqliteIndex, mode: SearchMode) -> None:
    """Many documents of one text: what was written first comes first, every time."""
    for number in range(200):
        await index.replace(
            Document(f"{number:04}.md", "Same", "h", ()),
            [Chunk(0, "needle", (), 1)],
            await EMBEDDER.embed_documents(["needle"]),
        )

    hits = await search(index, "needle", mode)

    assert [f"{number:04}.md" for number in range(10)] == [hit.document for hit in hits]


@pytest.mark.parametrize("filters", [Filters(), Filters("a")], ids=str)
async def test_both_legs_at_once_find_what_they_find_in_turn(
    index: SqliteIndex, monkeypatch: pytest.MonkeyPatch, filters: Filters
) -> None:
    """In a large index the vectors are compared in another thread, which changes no hit."""
    for name in ("a.md", "b.md", "ab.md"):
        await write(index, name, [f"needle {name}", "thread", f"{name} pin needle"])
    in_turn = await search(index, "needle pin", filters=filters)
    threads = []
    nearest = Matrix.nearest

    def watched(*arguments: Any) -> list[tuple[int, float]]:  # noqa: ANN401 - as it is called
        threads.append(threading.current_thread().name)
        return nearest(*arguments)

    monkeypatch.setattr(Matrix, "nearest", watched)
    monkeypatch.setattr(sqlite_index, "_ASIDE_FROM", 9)

    assert in_turn == await search(index, "needle pin", filters=filters)
    assert ["index-vectors_0"] == threads


# Filters


@ALL_MODES
@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), ["a/1.md", "a/2.md", "a%/3.md", "a_/4.md", "b/1.md"]),
        (Filters("a/"), ["a/1.md", "a/2.md"]),
        (Filters("a"), ["a/1.md", "a/2.md", "a%/3.md", "a_/4.md"]),
        (Filters("a%"), ["a%/3.md"]),
        (Filters("a_"), ["a_/4.md"]),
        (Filters("A/"), []),
        (Filters("a/1.md"), ["a/1.md"]),
        (Filters("", {"type": "md"}), ["a/1.md", "b/1.md"]),
        (Filters("a", {"type": "md"}), ["a/1.md"]),
        (Filters("", {"type": "md", "lang": "en"}), ["b/1.md"]),
        (Filters("", {"type": "%"}), []),
        (Filters("", {"lang": "md"}), []),
        (Filters("c/"), []),
    ],
    ids=str,
)
async def test_filters_narrow_a_search(
    index: SqliteIndex, mode: SearchMode, filters: Filters, expected: list[str]
) -> None:
    """Every condition holds for what is found, and no character is a wildcard."""
    await write(index, "a/1.md", ["needle"], metadata={"type": "md"})
    await write(index, "a/2.md", ["needle"], metadata={"type": "txt"})
    await write(index, "a%/3.md", ["needle"])
    await write(index, "a_/4.md", ["needle"])
    await write(index, "b/1.md", ["needle"], metadata={"type": "md", "lang": "en"})

    assert set(expected) == await found(index, "needle", mode, filters)


@ALL_MODES
async def test_filters_apply_before_the_best_are_chosen(
    index: SqliteIndex, mode: SearchMode
) -> None:
    """A weak hit is found though hundreds that the filter excludes are better."""
    await write(index, "strong.md", ["needle"] * 500)
    await write(index, "weak.md", ["needle in a lot of hay and straw"])

    assert {"weak.md"} == await found(index, "needle", mode, Filters("weak"))


async def test_documents_are_listed_by_prefix(index: SqliteIndex) -> None:
    """The list is sorted by id, and a prefix has no wildcards."""
    for document in ("b.md", "a_1.md", "ab1.md", "\U0010fffd.md"):
        await write(index, document, ["text"])

    listed = [entry.document for entry in await index.documents()]
    assert ["a_1.md", "ab1.md", "b.md", "\U0010fffd.md"] == listed
    assert ["a_1.md"] == [entry.document for entry in await index.documents("a_")]
    assert ["\U0010fffd.md"] == [entry.document for entry in await index.documents("\U0010fffd")]


# Ledger and failures


async def test_the_ledger_tells_what_is_indexed(index: SqliteIndex) -> None:
    """Hash, source and number of chunks are those of the content written."""
    await write(index, "a.md", ["one", "two"], content_hash="h1")
    await write(index, "b.md", [], content_hash="h2")

    ledger = await index.ledger()

    assert {"a.md", "b.md"} == set(ledger)
    entry = ledger["a.md"]
    assert LedgerEntry("a.md", "h1", 2, entry.indexed_at, "/root") == entry
    assert entry.indexed_at.endswith("+00:00")
    assert entry == await index.entry("a.md")
    assert await index.entry("c.md") is None
    assert 2 == await index.chunk_count()


async def test_failures_are_counted_until_the_document_is_written(index: SqliteIndex) -> None:
    """Each attempt counts, the last reason stands, and success forgets it."""
    await write(index, "a.md", ["old"])
    await index.fail("a.md", "first", source="/x")
    await index.fail("a.md", "second", source="/y", kind=FailureKind.PASSING, content_hash="1f")

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
    """Its source changes, its failure is forgotten; a document that is not there stays away."""
    await write(index, "a.md", ["text"])
    await index.fail("a.md", "reason", source="/x")
    await index.fail("b.md", "reason", source="/x")

    await index.adopt("a.md", "/new")
    await index.adopt("b.md", "/new")

    assert ["/new"] == [entry.source for entry in (await index.ledger()).values()]
    assert {"b.md"} == set(await index.failures())


async def test_forgetting_takes_the_failure_alone(index: SqliteIndex) -> None:
    """The document stays; only what had failed is said to be forgotten."""
    await write(index, "a.md", ["needle"])
    await index.fail("a.md", "reason", source="/x")

    assert [True, False] == [await index.forget("a.md"), await index.forget("a.md")]
    assert ({"a.md"}, {}) == (set(await index.ledger()), await index.failures())


async def test_a_document_beyond_what_a_value_can_hold_is_refused(
    index: SqliteIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the document's fault and not the index's, so the others go on."""
    monkeypatch.setattr("gwkit.index.sqlite.index._MOST_VECTOR_BYTES", 100)
    with pytest.raises(IngestError, match="2 chunks, too many for the index"):
        await write(index, "a.md", ["needle", "hay"])
    await write(index, "b.md", ["needle"])


async def test_removal_takes_document_and_failure(index: SqliteIndex) -> None:
    """Afterwards nothing of it is found or listed; only what was there is said to be removed."""
    await write(index, "a.md", ["needle"], metadata={"type": "md"})
    await write(index, "b.md", ["needle"])
    await index.fail("a.md", "reason", source="/x")
    await index.fail("c.md", "reason", source="/x")

    assert [True, True, False, False] == [
        await index.remove(document) for document in ("a.md", "c.md", "a.md", "c.md")
    ]

    for mode in SearchMode:
        assert {"b.md"} == await found(index, "needle", mode)
    assert {"b.md"} == set(await index.ledger())
    assert {} == await index.failures()
    assert 1 == await index.chunk_count()


@ALL_MODES
async def test_a_replaced_document_has_only_its_new_text(
    index: SqliteIndex, mode: SearchMode
) -> None:
    """Chunks and metadata of the older version are gone, from both legs."""
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

    assert len(texts) == await index.chunk_count()
    assert texts == [hit.text for hit in lexical]
    assert list(range(len(texts))) == [hit.position for hit in lexical]
    assert {hit.text for hit in hits} <= set(texts)
    assert 60 == len(lexical[0].metadata)


async def test_every_write_raises_the_version(index: SqliteIndex) -> None:
    """What was read before a write can be told from what is read after it."""
    writes: list[Callable[[], Coroutine[object, object, object]]] = [
        lambda: write(index, "a.md", ["text"]),
        lambda: index.fail("b.md", "reason", source="/x"),
        lambda: index.adopt("a.md", "/new"),
        lambda: index.remove("a.md"),
    ]
    versions = [await index.version()]
    for change in writes:
        await change()
        versions.append(await index.version())

    assert sorted(set(versions)) == versions


async def test_a_failed_write_changes_nothing(index: SqliteIndex) -> None:
    """A document is written whole or not at all; the next write goes on."""
    await write(index, "a.md", ["old"])
    version = await index.version()

    with pytest.raises(RetrievalError, match="no valid Unicode"):
        await write(index, "a.md", ["new", "broken \ud800"])

    assert version == await index.version()
    assert ["old"] == [hit.text for hit in await search(index, "old new broken")]
    await write(index, "a.md", ["newer"])
    assert ["newer"] == [hit.text for hit in await search(index, "newer")]


# Consistency


@ALL_MODES
async def test_a_reader_sees_one_version_of_a_document(
    index: SqliteIndex, mode: SearchMode
) -> None:
    """While a document is replaced again and again, each search finds one version whole."""
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
    """What another process writes, replaces or removes is seen by the next search."""
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
    """After any writes and removals, kept up to date or loaded anew, the same is found."""

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
            chunks = await index.chunk_count()
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
from gwkit.index.manifest import Manifest
from gwkit.index.sqlite import SqliteIndex

async def main(path, name):
    vectors = np.ones((2, 16), dtype=np.float32)
    chunks = [Chunk(i, f"needle {name}", (), 1) for i in range(2)]
    manifest = Manifest("fake:words", 16, "blocks-v1/256/32")
    for _ in range(2):
        async with await SqliteIndex.open(Path(path), manifest) as index:
            for number in range(10):
                await index.replace(Document(f"{name}/{number}", "T", "h", ()), chunks, vectors)
                await index.fail(f"{name}/{number}", "reason", source="s")

asyncio.run(main(*sys.argv[1:]))
"""


async def test_processes_write_at_the_same_time(path: Path) -> None:
    """Processes that make, open, write and close one index never surface a lock."""
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
        assert 60 == await index.chunk_count()
        assert 30 == len(await search(index, "needle b", SearchMode.VECTOR, k=30))
        assert 2 * 30 * 2 + 1 == await index.version()


async def test_opening_waits_for_another_process_at_a_new_file(tmp_path: Path) -> None:
    """While another process makes the file, opening it is no error."""
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
    """Looking at a file takes two statements; what is made between them is an index."""
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
    """What SQLite refuses at the first statement leaves nothing open behind."""
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
    """Log lines from the threads carry the request id, and none of the work is on the loop."""
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
    """A caller that gives up does not break what is written."""
    for round_ in range(5):
        task = asyncio.create_task(write(index, "a.md", [f"needle {round_}"] * 50))
        await asyncio.sleep(0.0005 * round_)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    await write(index, "b.md", ["needle"])
    chunks = (await index.entry("a.md") or LedgerEntry("a.md", "", 0, "")).chunks
    assert chunks in {0, 50}
    assert chunks + 1 == len(await search(index, "needle", SearchMode.VECTOR, k=100))


# Opening and closing


async def test_an_index_outlives_its_process(path: Path) -> None:
    """What was written is there after closing and opening, for both legs."""
    async with await SqliteIndex.open(path, MANIFEST) as index:
        await write(index, "a.md", ["needle"])
        version = await index.version()

    async with await SqliteIndex.open(path, MANIFEST) as index:
        assert version == await index.version()
        for mode in SearchMode:
            assert {"a.md"} == await found(index, "needle", mode)


OTHER = Manifest("fake:other", 8, MANIFEST.chunker)


async def test_an_index_made_otherwise_is_refused(path: Path) -> None:
    """The error names what differs and how to rebuild; the index stays as it is."""
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
    """Until then the old one stays; then the new one has nothing of it, and a later version."""
    async with await SqliteIndex.open(path, MANIFEST) as index:
        await write(index, "a.md", ["needle"], metadata={"type": "md"})
        await index.fail("b.md", "reason", source="/x")
        version = await index.version()

    async with await SqliteIndex.open(path, manifest, rebuild=True) as index:
        assert ({}, {}, 0) == (
            await index.ledger(),
            await index.failures(),
            await index.chunk_count(),
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
    """Where there is nothing to replace, an index is made; publishing once more changes nothing."""
    async with await SqliteIndex.open(path, MANIFEST, rebuild=True) as index:
        await write(index, "a.md", ["needle"])
        await index.publish()
        await index.publish()
        assert {"a.md"} == await found(index, "needle")
    async with await SqliteIndex.open(path, MANIFEST) as index:
        assert {"a.md"} == await found(index, "needle")


async def test_a_rebuild_beside_a_running_index_is_seen(path: Path, index: SqliteIndex) -> None:
    """The same settings go on with what is new; with others the running one refuses to answer."""
    await write(index, "a.md", ["needle"])
    await search(index, "needle")
    async with await SqliteIndex.open(path, MANIFEST, rebuild=True) as other:
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
    """An older release's file is recognised, refused, and can be rebuilt."""
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
    """The error says what to do; not even a rebuild overwrites what may be somebody's file."""
    path = tmp_path / "index.sqlite"
    await asyncio.to_thread(path.write_bytes, content)

    with pytest.raises(RetrievalError, match=message) as caught:
        await SqliteIndex.open(path, MANIFEST, rebuild=rebuild)

    assert str(path) in str(caught.value)
    assert content == await asyncio.to_thread(path.read_bytes)


@pytest.mark.parametrize("rebuild", [False, True])
async def test_another_programs_database_stays_as_it_is(tmp_path: Path, *, rebuild: bool) -> None:
    """A database of something else is refused and not touched."""
    path = tmp_path / "index.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE precious (things TEXT)")
    before = await asyncio.to_thread(path.read_bytes)

    with pytest.raises(RetrievalError, match="another program's database"):
        await SqliteIndex.open(path, MANIFEST, rebuild=rebuild)

    assert before == await asyncio.to_thread(path.read_bytes)


async def test_damage_within_the_file_is_explained(path: Path) -> None:
    """A page that is broken gives an error to the caller, whichever call meets it."""
    async with await SqliteIndex.open(path, MANIFEST) as index:
        await write(index, "a.md", ["needle in the hay " * 50] * 100)
    content = await asyncio.to_thread(path.read_bytes)
    await asyncio.to_thread(path.write_bytes, content[:4096] + b"\xff" * (len(content) - 4096))

    with pytest.raises(RetrievalError, match="is damaged or no index"):
        await SqliteIndex.open(path, MANIFEST)


async def test_damaged_vectors_are_explained(path: Path, index: SqliteIndex) -> None:
    """Vectors that do not have the index's dimension are not compared."""
    await write(index, "a.md", ["needle"])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE vectors SET vectors = x'00000000'")

    with pytest.raises(RetrievalError, match="vectors are damaged"):
        await search(index, "needle")


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_a_file_that_is_gone_is_not_written_to(
    path: Path, index: SqliteIndex, *, is_replaced: bool
) -> None:
    """What would be written has no name any more, so it would be lost at the next start."""
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
    """Moved away it fails every check; moved back, under its old name, it is the same file."""
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
    """Write nonsense over all that comes after the first page."""

    def write_over() -> None:
        with path.open("r+b") as file:
            file.seek(4_096)
            nonsense = Random(0).randbytes(path.stat().st_size - 4_096)  # noqa: S311 - no secret
            file.write(nonsense)

    await asyncio.to_thread(write_over)


async def in_each_reader(index: SqliteIndex, statement: str) -> None:
    """Run a statement in every thread that reads, so that each has a connection in use."""
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
    """Under a running service, at the latest when a call has met the damage."""
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
    """A reader that wrote would do so beside the writer, and outside of its transactions."""
    await write(index, "a.md", ["needle"])

    with pytest.raises(RetrievalError, match="readonly"):
        await index._connections.read(lambda connection: connection.execute("DELETE FROM fts"))
    assert {"a.md"} == await found(index, "needle")


async def test_a_path_that_cannot_be_used_is_explained(tmp_path: Path) -> None:
    """A folder in place of the file, and a file in place of its folder, are named."""
    (tmp_path / "file").touch()

    with pytest.raises(RetrievalError, match="check the path and its permissions"):
        await SqliteIndex.open(tmp_path, MANIFEST)
    with pytest.raises(RetrievalError, match="cannot be made"):
        await SqliteIndex.open(tmp_path / "file" / "index.sqlite", MANIFEST)


async def test_an_old_sqlite_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python whose SQLite cannot do it is told so."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))

    with pytest.raises(RetrievalError, match=r"too old.*3\.37\.0 or newer"):
        await SqliteIndex.open(path, MANIFEST)


async def test_a_lock_that_never_ends_is_explained(
    path: Path, index: SqliteIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer waits for another process, but not for ever; readers do not wait at all."""
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
    """Closing twice is fine; using it afterwards is an error of the index."""
    index = await SqliteIndex.open(path, MANIFEST)
    await write(index, "a.md", ["needle"])
    await index.close()
    await index.close()

    for call in (index.version(), index.ledger(), search(index, "needle"), index.remove("a.md")):
        with pytest.raises(RetrievalError, match="closed"):
            await call
    assert [path.name] == [file.name for file in path.parent.iterdir()]


async def test_closing_lets_running_calls_end(path: Path) -> None:
    """What had begun before closing is done; nothing is lost half-way."""
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
