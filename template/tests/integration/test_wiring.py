"""The composition root: it opens, combines and closes the parts that the settings choose."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Self

import httpx2
import pytest

import app.ext
from app import wiring
from app.config.groups import SERVICE_TITLE
from app.graph.state import Question
from app.wiring import build_registry, create_app, open_services
from fixtures.command_line import DOCUMENTS
from fixtures.configuration import REGISTRY
from gwkit.errors import ConfigError, IndexMismatchError, RetrievalError
from gwkit.offline.extractive import ExtractiveChatModel

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from app.config.settings import Settings
    from app.registry import Registry
    from fixtures.configuration import MakeSettings


class PooledChatModel(ExtractiveChatModel):
    """A chat model that holds a connection, like those of providers."""

    opened = 0
    closed = 0

    async def __aenter__(self) -> Self:
        """Count the opening."""
        type(self).opened += 1
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Count the closing."""
        type(self).closed += 1


@pytest.fixture
def pooled(monkeypatch: pytest.MonkeyPatch) -> type[PooledChatModel]:
    """Make `pool:*` a provider whose models hold a connection; return their class."""
    monkeypatch.setattr(PooledChatModel, "opened", 0)
    monkeypatch.setattr(PooledChatModel, "closed", 0)

    def build() -> Registry:
        registry = build_registry()
        registry.chat_models.add("pool:*", lambda _name, _settings: PooledChatModel())
        return registry

    monkeypatch.setattr(wiring, "build_registry", build)
    return PooledChatModel


@pytest.fixture
def extension_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder whose modules are extensions of the service."""
    folder = tmp_path / "extensions"
    folder.mkdir()
    monkeypatch.setattr(app.ext, "__path__", [str(folder)])
    for name in [name for name in sys.modules if name.startswith("app.ext.")]:
        monkeypatch.delitem(sys.modules, name)
    return folder


async def test_the_parts_work_together(settings: Settings) -> None:
    """Ingested documents are found and answered through the services, and measured."""
    async with open_services(settings) as services:
        await services.pipeline.ingest([DOCUMENTS])
        answer = await services.answerer.answer(Question(question="Is alcohol reimbursed?"))

        assert ["policies/expenses.txt"] == [each.document for each in answer.citations]
        assert "offline:extractive" == answer.model
        assert b"llm_calls_total" in services.metrics.exposition()
        assert settings is services.settings


async def test_nothing_works_after_the_end(settings: Settings) -> None:
    """The index is closed with the services."""
    async with open_services(settings) as services:
        pass

    with pytest.raises(RetrievalError):
        await services.index.version()


async def test_connections_are_made_once_and_closed(
    make_settings: MakeSettings, pooled: type[PooledChatModel]
) -> None:
    """A model that holds connections is entered once, and left when the services end."""
    async with open_services(make_settings(default_model="pool:any")):
        assert (1, 0) == (pooled.opened, pooled.closed)

    assert (1, 1) == (pooled.opened, pooled.closed)


async def test_all_is_closed_after_an_error(
    make_settings: MakeSettings, pooled: type[PooledChatModel]
) -> None:
    """An error within is passed through, and nothing stays open."""
    with pytest.raises(KeyError):
        async with open_services(make_settings(default_model="pool:any")):
            raise KeyError

    assert (1, 1) == (pooled.opened, pooled.closed)


async def test_all_is_closed_when_the_start_fails(
    make_settings: MakeSettings, pooled: type[PooledChatModel]
) -> None:
    """Parts that were open before the index failed are closed."""
    async with open_services(make_settings(chunk_tokens=64)):
        pass

    with pytest.raises(IndexMismatchError):
        async with open_services(make_settings(default_model="pool:any")):
            pytest.fail("the index was made with other settings")

    assert (1, 1) == (pooled.opened, pooled.closed)


async def test_a_rebuild_empties_an_index_made_otherwise(make_settings: MakeSettings) -> None:
    """The index gets the new settings, and is empty."""
    async with open_services(make_settings(chunk_tokens=64)) as services:
        await services.pipeline.ingest([DOCUMENTS])

    async with open_services(make_settings(), rebuild=True) as services:
        assert [] == list(await services.index.documents())


async def test_unknown_models_are_named_together(make_settings: MakeSettings) -> None:
    """Each variable has its line, with the known names; nothing was created."""
    settings = make_settings(default_model="oracle:delphi", embedding_model="offline:magic")

    with pytest.raises(ConfigError) as caught:
        async with open_services(settings):
            pytest.fail("there are no such models")

    chat, embeddings = (
        ", ".join(sorted(seam.parts)) for seam in (REGISTRY.chat_models, REGISTRY.embedders)
    )
    assert "offline:extractive" in chat
    assert caught.value.problems == (
        f"APP_DEFAULT_MODEL: there is no chat model 'oracle:delphi'; known: {chat}",
        f"APP_EMBEDDING_MODEL: there is no embedder 'offline:magic'; known: {embeddings}",
    )
    assert not await asyncio.to_thread(settings.index_path.exists)


async def test_extensions_serve_and_load(extension_folder: Path, settings: Settings) -> None:
    """A team's route and document type work like the service's own."""
    (extension_folder / "team.py").write_text(
        "from fastapi import APIRouter\n"
        "from gwkit.documents import Block, BlockKind\n"
        "from app.ingestion.loaders import Loaded, LoaderPart\n"
        "router = APIRouter()\n"
        "@router.get('/team')\n"
        "def team() -> str:\n"
        "    return 'ours'\n"
        "def load(document, data):\n"
        "    blocks = (Block(BlockKind.TEXT, data.decode()[::-1]),)\n"
        "    return Loaded('', blocks, {'type': 'mirror'})\n"
        "def register(registry):\n"
        "    registry.routes.add('team', router)\n"
        "    registry.loaders.add('.mirror', LoaderPart(load))\n",
        encoding="utf-8",
    )
    (extension_folder.parent / "sign.mirror").write_text("esaeler elttek", encoding="utf-8")
    application = await asyncio.to_thread(create_app, settings)

    async with application.router.lifespan_context(application):
        services = application.state.lifecycle.services
        await services.pipeline.ingest([extension_folder.parent / "sign.mirror"])
        hits = await services.retriever.search("kettle", k=1)
        transport = httpx2.ASGITransport(app=application)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            reply = await client.get("/team")

    assert ["kettle release"] == [hit.text for hit in hits]
    assert (200, "ours") == (reply.status_code, reply.json())


async def test_a_failing_extension_stops_the_start(
    extension_folder: Path, settings: Settings
) -> None:
    """The service does not start without the team's extensions."""
    (extension_folder / "broken.py").write_text("import no_such_thing", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"app\.ext\.broken"):
        async with open_services(settings):
            pytest.fail("the extension cannot be imported")


def test_the_application_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`uvicorn --factory app.wiring:create_app` needs no arguments, and opens nothing yet.

    The name for people is its title, until a setting names it otherwise.
    """
    assert create_app().title == SERVICE_TITLE

    monkeypatch.setenv("APP_SERVICE_NAME", "Archive")

    assert "Archive" == create_app().title


def test_the_application_refuses_wrong_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process stops before it listens."""
    monkeypatch.setenv("APP_DEFAULT_MODEL", "oracle:delphi")

    with pytest.raises(ConfigError, match="APP_DEFAULT_MODEL"):
        create_app()
