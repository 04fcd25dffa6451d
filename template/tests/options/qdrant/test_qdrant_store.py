"""The store in Qdrant, over HTTP and in the local mode."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
import pytest
from pydantic import ValidationError

from app.exceptions import RetrievalError
from app.graph.state import Question
from app.options.qdrant.index import QdrantIndex
from app.options.qdrant.settings import QdrantSettings
from app.wiring import open_services
from fixtures.command_line import DOCUMENTS
from fixtures.stores import StoreConformance
from gwkit.documents import Chunk, Document
from gwkit.index.store import UPLOAD, Manifest

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from pathlib import Path

    from app.config.settings import Settings
    from fixtures.configuration import MakeSettings
    from options.qdrant.conftest import QdrantStandIn

_MANIFEST = Manifest("fake:words", 4, "blocks-v1/256/32")


class TestQdrantOverHttp(StoreConformance):
    """The requirements on every store, at a stand-in for the server."""

    name = "qdrant"

    @pytest.fixture
    def settings(self, make_settings: MakeSettings, qdrant_server: QdrantStandIn) -> Settings:
        """Return settings with a collection of the test's own."""
        self.server = qdrant_server
        return make_settings(
            vector_store="qdrant", qdrant_url=qdrant_server.url, qdrant_collection=uuid4().hex
        )

    def variables(self, settings: Settings) -> Mapping[str, str]:
        """Return the environment in which another process opens the store."""
        group = settings.group(QdrantSettings)
        return {
            "APP_VECTOR_STORE": "qdrant",
            "QDRANT_URL": self.server.url,
            "APP_QDRANT_COLLECTION": group.qdrant_collection,
        }

    async def lose_connection(
        self, _settings: Settings, write: Coroutine[object, object, None]
    ) -> None:
        """Let the server fail in the write."""
        self.server.fail_next = 2
        await write
        assert 0 == self.server.fail_next


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "needs it, and it is not set"),
        ({"qdrant_url": "http://127.0.0.1:1", "qdrant_path": "var/qdrant"}, "only one of it"),
    ],
)
def test_a_chosen_store_needs_one_address(
    make_settings: MakeSettings, fields: dict[str, str], problem: str
) -> None:
    """The start ends with the name of the variable; without the store nothing is asked for."""
    make_settings(**fields)
    with pytest.raises(ValidationError, match=f"QDRANT_URL: .*{problem}"):
        make_settings(vector_store="qdrant", **fields)


async def test_a_service_answers_from_the_local_mode(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    """Documents are ingested, cited and kept."""
    settings = make_settings(vector_store="qdrant", qdrant_path=tmp_path / "qdrant")
    async with open_services(settings) as services:
        summary = await services.pipeline.ingest([DOCUMENTS])
        assert (summary.submitted, 0) == (summary.added, summary.failed)
    async with open_services(settings) as services:
        again = await services.pipeline.ingest([DOCUMENTS])
        assert summary.submitted == again.unchanged
        answer = await services.answerer.answer(Question(question="How long is parental leave?"))
        assert "policies/leave.md" in {citation.document for citation in answer.citations}


# The vendor leaves files open for the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_the_local_mode_is_for_one_process(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    """Who comes second is told so, and to use a server."""
    group = make_settings(qdrant_path=tmp_path / "qdrant").group(QdrantSettings)
    async with await QdrantIndex.open(group, _MANIFEST):
        with pytest.raises(RetrievalError, match="already accessed"):
            await QdrantIndex.open(group, _MANIFEST)
    # The thread that was refused may hold its files longer, and then another test has them.
    await asyncio.get_running_loop().shutdown_default_executor()
    gc.collect()


async def test_a_server_that_is_away_is_named(make_settings: MakeSettings) -> None:
    """It is asked again, and then the error says what failed, without the key."""
    group = make_settings(qdrant_url="http://127.0.0.1:1").group(QdrantSettings)
    with pytest.raises(RetrievalError, match="the index in Qdrant could not do it"):
        await QdrantIndex.open(group, _MANIFEST)


async def test_a_rebuild_takes_over_what_others_wrote(
    make_settings: MakeSettings, qdrant_server: QdrantStandIn
) -> None:
    """Uploads stay, as they are at the end, and an interrupted rebuild goes on."""
    group = make_settings(qdrant_url=qdrant_server.url, qdrant_collection=uuid4().hex).group(
        QdrantSettings
    )
    async with await QdrantIndex.open(group, _MANIFEST) as old:
        await _write(old, "gone.md", "one")
        await _write(old, "upload.md", "one", UPLOAD)
        async with await QdrantIndex.open(group, _MANIFEST, rebuild=True) as new:
            await _write(new, "kept.md", "new")
        async with await QdrantIndex.open(group, _MANIFEST, rebuild=True) as new:
            assert {"kept.md"} == set(await new.ledger())
            await _write(old, "upload.md", "two", UPLOAD)
            await _write(old, "meanwhile.md", "new")
            version = await old.version()
            await new.publish()
            assert version < await new.version()

        ledger = await old.ledger()
        assert {"kept.md", "meanwhile.md", "upload.md"} == set(ledger)
        assert "hash of two" == ledger["upload.md"].content_hash
        stored = await old.read_document("upload.md", count=9)
        assert stored is not None
        assert ["two"] == [chunk.text for chunk in stored.chunks]


async def _write(index: QdrantIndex, name: str, text: str, source: str = "/a") -> None:
    document = Document(name, name, f"hash of {text}", (), source=source)
    await index.replace(document, [Chunk(0, text, (), 1)], np.ones((1, 4), dtype=np.float32))
