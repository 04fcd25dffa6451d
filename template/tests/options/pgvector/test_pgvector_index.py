"""What only the store in PostgreSQL promises: settings, replicas, rebuilds, and the whole path."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import psycopg
import pytest
from pydantic import SecretStr, ValidationError

from app.exceptions import IndexMismatchError, RetrievalError
from app.graph.state import Question
from app.options.pgvector.index import PgvectorIndex
from app.options.pgvector.settings import PgvectorSettings
from app.retrieval.ranking import HybridRanking
from app.wiring import open_services
from fixtures.command_line import DOCUMENTS
from gwkit.documents import Chunk, Document
from gwkit.index.store import UPLOAD, Manifest, SearchMode, SearchQuery
from gwkit.text.terms import TermRules

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.configuration import MakeSettings

_MANIFEST = Manifest("fake:words", 4, "blocks-v1/256/32")


@pytest.fixture
def group(make_settings: MakeSettings, database_url: str) -> PgvectorSettings:
    """Return settings with a database of the test's own."""
    return make_settings(database_url=SecretStr(database_url)).group(PgvectorSettings)


async def _write(index: PgvectorIndex, name: str, text: str, source: str = "/a") -> None:
    document = Document(name, name, f"hash of {text}", (), source=source)
    await index.replace(document, [Chunk(0, text, (), 1)], np.ones((1, 4), dtype=np.float32))


@pytest.mark.parametrize(
    ("url", "problem"),
    [(None, "needs it, and it is not set"), (SecretStr("mysql://h/d"), "must begin with")],
)
def test_a_chosen_store_needs_its_address(
    make_settings: MakeSettings, url: SecretStr | None, problem: str
) -> None:
    """The start ends with the name of the variable; without the store nothing is asked for."""
    make_settings(database_url=url)
    with pytest.raises(ValidationError, match=f"DATABASE_URL: .*{problem}"):
        make_settings(vector_store="pgvector", database_url=url)


async def test_replicas_that_start_together_make_the_tables_once(group: PgvectorSettings) -> None:
    """All of them open the same empty index, and one sees what another writes."""
    async with AsyncExitStack() as stack:
        opened = await asyncio.gather(*(PgvectorIndex.open(group, _MANIFEST) for _ in range(6)))
        for index in opened:
            await stack.enter_async_context(index)
        await _write(opened[0], "a.md", "text")
        assert {"a.md"} == set(await opened[-1].ledger())
        assert [1] * 6 == [await index.version() for index in opened]


async def test_a_server_that_is_away_is_named(make_settings: MakeSettings, tmp_path: Path) -> None:
    """The error says what failed, and never the password."""
    url = SecretStr(f"postgresql://user:planted-key@/nowhere?host={tmp_path}")
    group = make_settings(database_url=url).group(PgvectorSettings)
    with pytest.raises(RetrievalError, match="PostgreSQL") as caught:
        await PgvectorIndex.open(group, _MANIFEST)
    assert "planted-key" not in str(caught.value)


async def test_another_language_needs_a_rebuild(group: PgvectorSettings) -> None:
    """Stems of one language are not those of another."""
    async with await PgvectorIndex.open(group, _MANIFEST) as index:
        await _write(index, "a.md", "Die Häuser")
    german = replace(_MANIFEST, terms=TermRules("de").name)
    with pytest.raises(IndexMismatchError, match="terms 'script-v1/auto'"):
        await PgvectorIndex.open(group, german)
    async with await PgvectorIndex.open(group, german, rebuild=True) as index:
        await index.publish()


async def test_a_newer_layout_is_left_alone(group: PgvectorSettings, database_url: str) -> None:
    """An older release neither reads nor changes what a newer one has made."""
    async with await PgvectorIndex.open(group, _MANIFEST):
        pass
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE service_index.state SET layout = 99")
    with pytest.raises(IndexMismatchError, match="layout '99'"):
        await PgvectorIndex.open(group, _MANIFEST)


async def test_a_rebuild_takes_over_what_others_wrote(group: PgvectorSettings) -> None:
    """Uploads stay, as they are at the end; an interrupted rebuild goes on; readers go on."""
    async with await PgvectorIndex.open(group, _MANIFEST) as old:
        await _write(old, "gone.md", "one")
        await _write(old, "upload.md", "one", UPLOAD)
        async with await PgvectorIndex.open(group, _MANIFEST, rebuild=True) as new:
            await _write(new, "kept.md", "new")
            with pytest.raises(RetrievalError, match="another process is rebuilding"):
                await PgvectorIndex.open(group, _MANIFEST, rebuild=True)
        async with await PgvectorIndex.open(group, _MANIFEST, rebuild=True) as new:
            assert {"kept.md"} == set(await new.ledger())
            await _write(old, "upload.md", "two", UPLOAD)
            await _write(old, "meanwhile.md", "new")
            version = await old.version()
            await new.publish()
            assert version < await new.version()

        ledger = await old.ledger()
        assert {"kept.md", "meanwhile.md", "upload.md"} == set(ledger)
        assert "hash of two" == ledger["upload.md"].content_hash


async def test_readers_do_not_notice_a_rebuild(group: PgvectorSettings) -> None:
    """Each transaction sees one index or the other, and none fails."""
    async with await PgvectorIndex.open(group, _MANIFEST) as old:
        await _write(old, "old.md", "text")
        async with await PgvectorIndex.open(group, _MANIFEST, rebuild=True) as new:
            await _write(new, "new.md", "text")
            publishing = asyncio.create_task(new.publish())
            seen = [
                frozenset(ledger)
                for _ in range(5)
                for ledger in await asyncio.gather(*(old.ledger() for _ in range(8)))
            ]
            await publishing
            assert {"new.md"} == set(await old.ledger())
        assert set(seen) <= {frozenset({"old.md"}), frozenset({"new.md"})}


async def test_searches_of_two_versions_count_terms_each_for_itself(
    group: PgvectorSettings,
) -> None:
    """A search that began before a write ends beside one that began after it."""
    async with await PgvectorIndex.open(group, _MANIFEST) as index:
        vector = np.ones(4, dtype=np.float32)
        query = SearchQuery("needle", vector, HybridRanking(), 4, mode=SearchMode.LEXICAL)
        for version in range(20):
            _, *found = await asyncio.gather(
                _write(index, "a.md", f"needle {version}"),
                *(index.search(query) for _ in range(8)),
            )
            assert version == 0 or all(found)


async def test_more_dimensions_than_an_index_takes_are_compared_one_by_one(
    group: PgvectorSettings,
) -> None:
    """Vectors of 4,001 numbers are stored and found."""
    async with await PgvectorIndex.open(group, Manifest("fake:long", 4_001, "c")) as index:
        vector = np.ones((1, 4_001), dtype=np.float32)
        await index.replace(Document("a.md", "A", "h", ()), [Chunk(0, "a", (), 1)], vector)
        assert 1 == (await index.ledger())["a.md"].chunks


async def test_a_service_answers_from_the_store(
    make_settings: MakeSettings, database_url: str
) -> None:
    """Documents are ingested and cited as with the embedded index."""
    settings = make_settings(vector_store="pgvector", database_url=SecretStr(database_url))
    async with open_services(settings) as services:
        summary = await services.pipeline.ingest([DOCUMENTS])
        assert (summary.submitted, 0) == (summary.added, summary.failed)
        answer = await services.answerer.answer(Question(question="How long is parental leave?"))
        assert "policies/leave.md" in {citation.document for citation in answer.citations}
