"""The composition root: the one place where settings choose adapters and parts are put together.

Nothing is built when this module is imported, and an adapter is imported only where it is chosen.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from app.exceptions import ConfigError
from app.extensions import discover_extensions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from fastapi import FastAPI

    from app.config.settings import Settings
    from app.extensions import Extensions
    from app.ingestion.loaders import DocumentLoader

    # [%- if "openai" in llm_providers or embeddings == "openai" +%]
    from app.options.openai.session import Session
    from app.services import Services
    from gwkit.index.ports import Index

    # [%- endif +%]
    from gwkit.models.ports import ChatModel, Embedder

__all__ = ["create_app", "open_services"]

_Part = TypeVar("_Part")


def _offline_extractive(_model: str, _settings: Settings) -> ChatModel:
    from gwkit.offline.extractive import ExtractiveChatModel

    return ExtractiveChatModel()


# [% if "anthropic" in llm_providers %]
def _anthropic(name: str, settings: Settings) -> ChatModel:
    from app.options.anthropic.chat import AnthropicChatModel

    return AnthropicChatModel(
        _model_of(name),
        key=settings.anthropic_api_key,
        base_url=settings.anthropic_base_url,
        timeout_seconds=settings.llm_timeout_seconds,
    )


# [% endif %]
# [% if "openai" in llm_providers %]
def _openai(name: str, settings: Settings) -> ChatModel:
    from app.options.openai_chat.chat import OpenAIChatModel

    return OpenAIChatModel(_model_of(name), _openai_session(name, settings))


# [% endif %]
def _offline_hashing(_model: str, _settings: Settings) -> Embedder:
    from gwkit.offline.hashing import HashingEmbedder

    return HashingEmbedder()


# [% if embeddings == "openai" %]
def _openai_embedder(name: str, settings: Settings) -> Embedder:
    from app.options.openai_embeddings.embeddings import OpenAIEmbedder
    from app.options.openai_embeddings.settings import KNOWN_DIMENSIONS

    # That one of them is there was checked with the settings.
    dimension = settings.embedding_dimension or KNOWN_DIMENSIONS[name]
    return OpenAIEmbedder(_model_of(name), _openai_session(name, settings), dimension=dimension)


# [% endif %]
# [% if "openai" in llm_providers or embeddings == "openai" %]
def _openai_session(name: str, settings: Settings) -> Session:
    from app.options.openai.session import Session

    return Session(
        name,
        key=settings.openai_api_key,
        base_url=settings.openai_base_url,
        timeout_seconds=settings.llm_timeout_seconds,
    )


# [% endif %]
# [% if llm_providers or embeddings != "offline" %]
def _model_of(name: str) -> str:
    return name.partition(":")[2]


# [% endif %]
# `provider:model` → what builds it; `provider:*` takes any model of that provider.
_CHAT_MODELS: Mapping[str, Callable[[str, Settings], ChatModel]] = {
    # [% if "anthropic" in llm_providers %]
    "anthropic:*": _anthropic,
    # [% endif %]
    "offline:extractive": _offline_extractive,
    # [% if "openai" in llm_providers %]
    "openai:*": _openai,
    # [% endif %]
}
_EMBEDDERS: Mapping[str, Callable[[str, Settings], Embedder]] = {
    "offline:hashing": _offline_hashing,
    # [% if embeddings == "openai" %]
    "openai:*": _openai_embedder,
    # [% endif %]
}


@asynccontextmanager
async def open_services(settings: Settings, *, rebuild: bool = False) -> AsyncIterator[Services]:
    """Open everything that the settings name; close all of it at the end, also after an error.

    Args:
        settings: which adapters to use, and how.
        rebuild: make a new index, which takes the place of the old one when it is published.

    Raises:
        ConfigError: the settings name what does not exist, or an extension cannot be loaded.
        IndexMismatchError: the index was made with other settings.
        RetrievalError: the index cannot be opened.
    """
    from app.graph.answering import Answerer
    from app.ingestion.pipeline import Pipeline
    from app.retrieval.retriever import Retriever
    from app.services import Services
    from gwkit.logging.uncaught import log_uncaught_in_loop
    from gwkit.models.observed import ObservedChatModel
    from gwkit.telemetry.metrics import Metrics

    asyncio.get_running_loop().set_exception_handler(log_uncaught_in_loop)
    make_model, make_embedder = _chosen(settings)
    extensions = await asyncio.to_thread(discover_extensions)
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        embedder = await _entered(stack, make_embedder(settings.embedding_model, settings))
        chat_model = await _entered(stack, make_model(settings.default_model, settings))
        model: ChatModel = ObservedChatModel(
            chat_model, metrics=metrics, log_content=settings.log_content
        )
        # [% if llm_providers or embeddings != "offline" %]
        from app.options.providers.guards import Guards

        guards = await stack.enter_async_context(Guards.open(settings, metrics))
        chat_models = [chat_model]
        chat_models += [
            await _entered(stack, make_fallback(name, settings))
            for name in settings.fallback_models
            if (make_fallback := _pick(_CHAT_MODELS, name))
        ]
        model = guards.chat_model(chat_models)
        # [% endif %]
        # [% if embeddings != "offline" %]
        from app.options.providers.embedding_guards import guarded_embedder

        embedder = guarded_embedder(embedder, guards, settings, metrics)
        # [% endif %]
        index = await _open_index(stack, settings, embedder, rebuild=rebuild)
        retriever = Retriever(index=index, embedder=embedder, metrics=metrics)
        yield Services(
            settings=settings,
            index=index,
            retriever=retriever,
            answerer=Answerer(
                retriever=retriever,
                model=model,
                index=index,
                metrics=metrics,
                settings=settings,
                # [% if llm_providers or embeddings != "offline" %]
                window_tokens=guards.window_tokens(chat_models),
                # [% endif %]
            ),
            pipeline=Pipeline(
                index=index,
                embedder=embedder,
                metrics=metrics,
                chunk_tokens=settings.chunk_tokens,
                chunk_overlap_tokens=settings.chunk_overlap_tokens,
                max_document_bytes=settings.max_document_bytes,
                loaders=_open_parsers(stack, settings, extensions),
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
        from app.config.settings import Settings
        from gwkit.logging.setup import configure_logging
        from gwkit.settings.reader import load_settings

        settings = load_settings(Settings)
        configure_logging(settings)
    in_force = settings
    _chosen(in_force)
    return build_app(in_force, lambda: open_services(in_force))


async def _open_index(
    stack: AsyncExitStack, settings: Settings, embedder: Embedder, *, rebuild: bool
) -> Index:
    from app.ingestion.chunking import CHUNKER_NAME
    from gwkit.index.manifest import Manifest
    from gwkit.index.sqlite import SqliteIndex

    sizes = f"{settings.chunk_tokens}/{settings.chunk_overlap_tokens}"
    manifest = Manifest(embedder.name, embedder.dimension, f"{CHUNKER_NAME}/{sizes}")
    index = await SqliteIndex.open(settings.index_path, manifest, rebuild=rebuild)
    return await stack.enter_async_context(index)


def _open_parsers(
    stack: AsyncExitStack, settings: Settings, extensions: Extensions
) -> DocumentLoader:
    from app.ingestion.loaders import LoaderRegistry
    from gwkit.parsing.pool import ParserPool

    pool = ParserPool(
        LoaderRegistry(extensions.loaders),
        worker_loaders="app.ingestion.loaders:LoaderRegistry",
        timeout_seconds=settings.parse_timeout_seconds,
        memory_bytes=settings.parse_memory_bytes,
        max_text_bytes=settings.max_document_bytes,
    )
    stack.push_async_callback(asyncio.to_thread, pool.close)
    return pool


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
    chosen: list[tuple[str, str, Mapping[str, object]]] = [
        ("APP_DEFAULT_MODEL", settings.default_model, _CHAT_MODELS),
        ("APP_EMBEDDING_MODEL", settings.embedding_model, _EMBEDDERS),
    ]
    # [% if llm_providers or embeddings != "offline" %]
    chosen += [("APP_FALLBACK_MODELS", name, _CHAT_MODELS) for name in settings.fallback_models]
    # [% endif %]
    problems = [
        f"{variable}: there is no {name!r}; known: {', '.join(sorted(known))}"
        for variable, name, known in chosen
        if _pick(known, name) is None
    ]
    if problems or make_model is None or make_embedder is None:
        raise ConfigError(*problems)
    return make_model, make_embedder


def _pick(known: Mapping[str, _Part], name: str) -> _Part | None:
    provider, _, _ = name.partition(":")
    return known.get(name) or known.get(f"{provider}:*")
