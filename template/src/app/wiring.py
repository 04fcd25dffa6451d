"""The composition root: the one place where settings choose adapters and parts are put together.

Nothing is built when this module is imported, and an adapter is imported only where it is chosen.
"""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import app.ext
from app.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from types import ModuleType

    from fastapi import APIRouter, FastAPI

    from app.api.services import Services
    from app.config.settings import Settings
    from app.ingestion.loaders import Loader
    from app.llm.ports import ChatModel, Embedder
    from app.retrieval.ports import Index

__all__ = ["Extensions", "create_app", "discover_extensions", "open_services"]

_Part = TypeVar("_Part")


def _offline_extractive(_model: str, _settings: Settings) -> ChatModel:
    from app.llm.offline import ExtractiveChatModel

    return ExtractiveChatModel()


def _offline_hashing(_model: str, _settings: Settings) -> Embedder:
    from app.llm.hashing import HashingEmbedder

    return HashingEmbedder()


# `provider:model` → what builds it; `provider:*` takes any model of that provider.
_CHAT_MODELS: Mapping[str, Callable[[str, Settings], ChatModel]] = {
    "offline:extractive": _offline_extractive,
}
_EMBEDDERS: Mapping[str, Callable[[str, Settings], Embedder]] = {
    "offline:hashing": _offline_hashing,
}


@dataclass(frozen=True, slots=True)
class Extensions:
    """What the modules of `app.ext` add to the service."""

    routers: tuple[APIRouter, ...]
    loaders: Mapping[str, Loader]


def discover_extensions(package: ModuleType = app.ext) -> Extensions:
    """Import the modules of a package, sorted by name, and collect what they define.

    Raises:
        ConfigError: a module cannot be imported, or defines something else than it should; the
            text names it.
    """
    routers: list[APIRouter] = []
    loaders: dict[str, Loader] = {}
    for name in sorted(info.name for info in pkgutil.iter_modules(package.__path__)):
        path = f"{package.__name__}.{name}"
        try:
            module = importlib.import_module(path)
        except Exception as exc:  # the team's module may raise anything
            msg = f"the extension {path} cannot be imported: {type(exc).__name__}: {exc}"
            raise ConfigError(msg) from exc
        routers += _routers(module)
        loaders |= _loaders(module)
    return Extensions(routers=tuple(routers), loaders=loaders)


@asynccontextmanager
async def open_services(settings: Settings, *, rebuild: bool = False) -> AsyncIterator[Services]:
    """Open everything that the settings name; close all of it at the end, also after an error.

    Args:
        settings: which adapters to use, and how.
        rebuild: empty an index that was made with other settings, instead of refusing it.

    Raises:
        ConfigError: the settings name what does not exist, or an extension cannot be loaded.
        IndexMismatchError: the index was made with other settings.
        RetrievalError: the index cannot be opened.
    """
    from app.api.services import Services
    from app.graph.answering import Answerer
    from app.ingestion.loaders import LoaderRegistry
    from app.ingestion.pipeline import Pipeline
    from app.llm.observed import ObservedChatModel
    from app.retrieval.retriever import Retriever
    from app.telemetry.metrics import Metrics

    make_model, make_embedder = _chosen(settings)
    extensions = await asyncio.to_thread(discover_extensions)
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        embedder = await _entered(stack, make_embedder(settings.embedding_model, settings))
        chat_model = await _entered(stack, make_model(settings.default_model, settings))
        model = ObservedChatModel(chat_model, metrics=metrics)
        index = await _open_index(stack, settings, embedder, rebuild=rebuild)
        retriever = Retriever(index=index, embedder=embedder, metrics=metrics)
        yield Services(
            settings=settings,
            index=index,
            retriever=retriever,
            answerer=Answerer(
                retriever=retriever, model=model, index=index, metrics=metrics, settings=settings
            ),
            pipeline=Pipeline(
                index=index,
                embedder=embedder,
                metrics=metrics,
                chunk_tokens=settings.chunk_tokens,
                chunk_overlap_tokens=settings.chunk_overlap_tokens,
                max_document_bytes=settings.max_document_bytes,
                loaders=LoaderRegistry(extensions.loaders),
            ),
            metrics=metrics,
            routers=extensions.routers,
        )


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the web application, for `uvicorn --factory app.wiring:create_app`.

    The services are opened when the application starts and closed when it stops.

    Args:
        settings: `None` reads them from the environment, and sets up logging.

    Raises:
        ConfigError: the settings cannot work; it lists every problem.
    """
    from app.api.application import build_app

    if settings is None:
        from app.config.logging import configure_logging
        from app.config.report import load_settings

        settings = load_settings()
        configure_logging(settings)
    in_force = settings
    _chosen(in_force)
    return build_app(in_force, lambda: open_services(in_force))


async def _open_index(
    stack: AsyncExitStack, settings: Settings, embedder: Embedder, *, rebuild: bool
) -> Index:
    from app.ingestion.chunking import CHUNKER_NAME
    from app.retrieval.manifest import Manifest
    from app.retrieval.sqlite import SqliteIndex

    sizes = f"{settings.chunk_tokens}/{settings.chunk_overlap_tokens}"
    manifest = Manifest(embedder.name, embedder.dimension, f"{CHUNKER_NAME}/{sizes}")
    index = await SqliteIndex.open(settings.index_path, manifest, rebuild=rebuild)
    return await stack.enter_async_context(index)


async def _entered(stack: AsyncExitStack, part: _Part) -> _Part:
    """Enter a part that holds connections, so that the stack closes them."""
    if isinstance(part, AbstractAsyncContextManager):
        await stack.enter_async_context(part)
    return part


def _chosen(
    settings: Settings,
) -> tuple[Callable[[str, Settings], ChatModel], Callable[[str, Settings], Embedder]]:
    make_model = _pick(_CHAT_MODELS, settings.default_model)
    make_embedder = _pick(_EMBEDDERS, settings.embedding_model)
    if make_model is None or make_embedder is None:
        chosen = (
            ("APP_DEFAULT_MODEL", settings.default_model, make_model, _CHAT_MODELS),
            ("APP_EMBEDDING_MODEL", settings.embedding_model, make_embedder, _EMBEDDERS),
        )
        raise ConfigError(
            *(
                f"{variable}: there is no {name!r}; known: {', '.join(sorted(known))}"
                for variable, name, found, known in chosen
                if found is None
            )
        )
    return make_model, make_embedder


def _pick(known: Mapping[str, _Part], name: str) -> _Part | None:
    provider, _, _ = name.partition(":")
    return known.get(name) or known.get(f"{provider}:*")


def _routers(module: ModuleType) -> tuple[APIRouter, ...]:
    routers: object = getattr(module, "routers", ())
    if routers == ():
        return ()
    from fastapi import APIRouter

    if not isinstance(routers, tuple) or not all(isinstance(each, APIRouter) for each in routers):
        msg = f"{module.__name__}.routers must be a tuple of APIRouter"
        raise ConfigError(msg)
    return routers


def _loaders(module: ModuleType) -> Mapping[str, Loader]:
    loaders: object = getattr(module, "loaders", {})
    well_formed = isinstance(loaders, Mapping) and all(
        isinstance(suffix, str) and suffix.startswith(".") and callable(loader)
        for suffix, loader in loaders.items()
    )
    if not well_formed or not isinstance(loaders, Mapping):
        msg = f"{module.__name__}.loaders must map suffixes such as '.rst' to loaders"
        raise ConfigError(msg)
    return loaders
