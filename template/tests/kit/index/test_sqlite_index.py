"""The embedded index on real files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.retrieval import ranking
from app.retrieval.ranking import HybridRanking
from gwkit.documents import Chunk, Document
from gwkit.errors import RetrievalError
from gwkit.index.sqlite import SqliteIndex, connections, searching
from gwkit.index.store import Filters, SearchMode, SearchQuery
from kit.fixtures.sqlite_index import EMBEDDER, found, search, write

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from gwkit.index.store import Index


ALL_MODES = pytest.mark.parametrize("mode", list(SearchMode))


def is_an_index(index: SqliteIndex) -> Index:
    """Let mypy prove that the class implements the port."""
    return index


@ALL_MODES
async def test_the_best_chunk_comes_first_with_all_of_it(
    index: SqliteIndex, mode: SearchMode
) -> None:
    """A hit has the place, the text, and the metadata of its document."""
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
    """A chunk that one leg alone finds is among the hits of both."""
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
    """If the modes contradict each other, the heavier one decides."""
    near, far = await EMBEDDER.embed_documents(["needle", "hay"])
    for document, text, vector in (("words.md", "needle", far), ("vectors.md", "pin", near)):
        chunk = Chunk(0, text, (), 1)
        await index.replace(Document(document, "T", "h", ()), [chunk], vector[np.newaxis])

    hits = await index.search(
        SearchQuery("needle", near, HybridRanking(), k=1, vector_weight=weight)
    )

    assert [expected] == [hit.document for hit in hits]


async def test_words_are_found_by_their_stems_and_without_accents(index: SqliteIndex) -> None:
    """The full-text search ignores inflections and accents."""
    await write(index, "a.md", ["Uploading to the café"])

    for text in ("uploads", "UPLOADED", "cafe", "Cafés"):
        assert {"a.md"} == await found(index, text, SearchMode.LEXICAL)


async def test_title_and_headings_are_searched(index: SqliteIndex) -> None:
    """Words that stand only above a chunk find it as well."""
    await write(index, "returns.md", ["nothing of the kind"])

    assert {"returns.md"} == await found(index, "title", SearchMode.LEXICAL)
    assert {"returns.md"} == await found(index, "part", SearchMode.LEXICAL)


@pytest.mark.parametrize("k", [-1, 0, 1, 3, 1_000])
async def test_no_more_than_k_are_found(index: SqliteIndex, k: int) -> None:
    """The requested number is the maximum."""
    await write(index, "a.md", ["same words"] * 60)

    hits = await search(index, "same words", k=k)

    assert min(60, max(0, k)) == len(hits)
    assert sorted((hit.score for hit in hits), reverse=True) == [hit.score for hit in hits]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the same each time
@given(text=st.text(st.characters() | st.sampled_from("\"'*^:-+()~ANDORNOT "), max_size=60))
async def test_any_text_can_be_searched(index: SqliteIndex, text: str) -> None:
    """No text is an error: the vector finds what the words do not."""
    await write(index, "a.md", ["a needle in the hay"])
    query = SearchQuery(text, await EMBEDDER.embed_query("needle"), HybridRanking())

    assert ["a.md"] == [hit.document for hit in await index.search(query)]


@ALL_MODES
async def test_an_empty_index_finds_nothing(index: SqliteIndex, mode: SearchMode) -> None:
    """No hits are not an error."""
    assert [] == list(await search(index, "anything", mode))


@ALL_MODES
@pytest.mark.parametrize("text", ["", "?!"])
async def test_a_text_without_words_finds_nothing(
    index: SqliteIndex, mode: SearchMode, text: str
) -> None:
    """An empty query finds nothing."""
    await write(index, "a.md", ["words"])
    query = SearchQuery(
        text, np.zeros(EMBEDDER.dimension, dtype=np.float32), HybridRanking(), mode=mode
    )

    assert [] == list(await index.search(query))


async def test_a_vector_of_another_length_is_refused(index: SqliteIndex) -> None:
    """Vectors with another length can be neither compared nor written."""
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
    """Above the budget only the rarest words are searched for, always the rarest."""
    monkeypatch.setattr(ranking, "_FREE_MATCHES", 10)
    monkeypatch.setattr(searching, "_MOST_COUNTS", 2)
    await write(index, "often.md", ["common"] * 40)
    await write(index, "rare.md", ["common rare"] * 3 + ["scarce"] * 3)

    assert {"rare.md"} == await found(index, "common rare scarce", SearchMode.LEXICAL)
    assert {"rare.md"} == await found(index, "common absent rare", SearchMode.LEXICAL)
    assert "often.md" in await found(index, "common", SearchMode.LEXICAL)

    await write(index, "more.md", ["rare"] * 400)
    assert "often.md" in await found(index, "common rare", SearchMode.LEXICAL)


@ALL_MODES
async def test_equal_chunks_are_ranked_by_their_order(index: SqliteIndex, mode: SearchMode) -> None:
    """Many equal documents are ranked in the order of writing, every time."""
    for number in range(200):
        await index.replace(
            Document(f"{number:04}.md", "Same", "h", ()),
            [Chunk(0, "needle", (), 1)],
            await EMBEDDER.embed_documents(["needle"]),
        )

    hits = await search(index, "needle", mode)

    assert [f"{number:04}.md" for number in range(10)] == [hit.document for hit in hits]


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
    """Every condition holds for each hit, and no character is a wildcard."""
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
    """A weak hit is found although hundreds of excluded ones are better."""
    await write(index, "strong.md", ["needle"] * 500)
    await write(index, "weak.md", ["needle in a lot of hay and straw"])

    assert {"weak.md"} == await found(index, "needle", mode, Filters("weak"))


async def test_connections_are_used_again(
    index: SqliteIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CCH1: calls in a row open one connection to read and one to write, at most."""
    opened: list[Path] = []
    connect = connections.connect

    def counted(path: Path, *, frozen: bool = False) -> sqlite3.Connection:
        opened.append(path)
        return connect(path, frozen=frozen)

    monkeypatch.setattr(connections, "connect", counted)
    for number in range(5):
        await write(index, f"{number}.md", ["parcel locker"])
        await index.documents()
    assert len(opened) <= 2
