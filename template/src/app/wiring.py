"""The composition root: settings choose parts from the registry, and they are put together here.

Nothing is built when this module is imported, and a part is imported only where it is chosen.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar  # noqa: TID251 - seams of parts of any type

from app.exceptions import ConfigError
from app.registry import Registry
from gwkit.seams import discover

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import ModuleType

    from fastapi import FastAPI

    from app.config.settings import Settings
    from app.ingestion.loaders import DocumentLoader
    from app.registry import GuardsPart, Opener
    from app.services import Services
    from gwkit.http.shared_limits import SharedLimits
    from gwkit.index.store import Manifest
    from gwkit.models.protocols import Embedder
    from gwkit.models.spending import Spending
    from gwkit.seams import Seam

__all__ = [
    "build_registry",
    "check_parts",
    "create_app",
    "load_settings",
    "manifest_of",
    "open_services",
    "settings_type",
]

_T = TypeVar("_T")

_NEXT_PROMPTS = ("answer.", "rewrite.")
"""Prefixes of the names of the template's own prompts, those of later releases as well."""


def build_registry(*packages: ModuleType) -> Registry:
    """Return the parts of the service, of its options and of its extensions.

    Args:
        packages: where to look for further parts; by default in `app.options` and `app.ext`.

    Raises:
        ConfigError: a module cannot be loaded, or two parts have one name.
    """
    import app.ext
    import app.options
    from app import builtin

    registry = Registry()
    builtin.register(registry)
    discover(registry, *(packages or (app.options, app.ext)))
    for folder in app.ext.__path__:
        registry.prompts.origin = "app.ext.prompts"
        for file in sorted(Path(folder, "prompts").glob("*.md")):
            registry.prompts.add(file.stem, file)
    for name, origin in registry.prompts.origins.items():
        if name.startswith(_NEXT_PROMPTS) and origin.startswith("app.ext"):
            raise ConfigError(
                f"{origin}: the template keeps the names of prompts {name.partition('.')[0]}.*"
            )
    return registry


def settings_type(registry: Registry) -> type[Settings]:
    """Return the settings of the service, its options and its extensions.

    Raises:
        ConfigError: two groups have a setting of one name.
    """
    from app.config.settings import compose_settings

    return compose_settings(tuple(registry.settings.parts.values()))


def load_settings(registry: Registry, *, env_file: Path | None = Path(".env")) -> Settings:
    """Read the settings of the service, its options and its extensions; see that parts exist.

    Raises:
        ConfigError: the settings cannot work; it lists every problem.
    """
    from gwkit.settings import reader

    settings = reader.load_settings(settings_type(registry), env_file=env_file)
    check_parts(registry, settings)
    return settings


def check_parts(registry: Registry, settings: Settings) -> None:
    """See that there is a part for every name in the settings.

    Raises:
        ConfigError: there is none; it lists every problem.
    """
    chosen: list[tuple[Seam[Any], str, str | None]] = [
        (registry.chat_models, "DEFAULT_MODEL", settings.default_model),
        (registry.embedders, "EMBEDDING_MODEL", settings.embedding_model),
        (registry.stores, "VECTOR_STORE", settings.vector_store),
        (registry.orchestrations, "ORCHESTRATION", settings.orchestration),
        (registry.authentication, "AUTHENTICATION", settings.authentication),
        (registry.prompts, "ANSWER_PROMPT", settings.answer_prompt),
        (registry.limits, "SHARED_LIMITS", settings.shared_limits),
        (registry.rerankers, "RERANKER", settings.reranker),
        (registry.prompts, "REWRITE_PROMPT", settings.rewrite_prompt),
    ]
    fallbacks = _guards(registry).fallbacks(settings)
    chosen += [(registry.chat_models, "FALLBACK_MODELS", name) for name in fallbacks]
    problems = [
        seam.problem(name, f"APP_{variable}")
        for seam, variable, name in chosen
        if name is not None and seam.get(name) is None
    ]
    if problems:
        raise ConfigError(*problems)


def manifest_of(settings: Settings, embedder: Embedder) -> Manifest:
    """Return what an index has to be made with for these settings."""
    from app.ingestion.chunking import CHUNKER_NAME
    from gwkit.index.store import Manifest
    from gwkit.text.terms import TermRules

    chunker = f"{CHUNKER_NAME}/{settings.chunk_tokens}/{settings.chunk_overlap_tokens}"
    rules = TermRules(settings.language)
    return Manifest(embedder.name, embedder.dimension, chunker, rules.name)


@asynccontextmanager
async def open_services(
    settings: Settings, registry: Registry | None = None, *, rebuild: bool = False
) -> AsyncIterator[Services]:
    """Open everything that the settings name; close all of it at the end, also after an error.

    Args:
        settings: which parts to use, and how.
        registry: the parts that there are; by default those of `build_registry`.
        rebuild: make a new index, which takes the place of the old one when it is published.

    Raises:
        ConfigError: the settings name what does not exist, or an extension cannot be loaded.
        IndexMismatchError: the index was made with other settings.
        RetrievalError: the index cannot be opened.
    """
    from app.graph.prompting import load_prompt
    from app.graph.rewriting import ModelRewriter
    from app.ingestion.pipeline import Pipeline
    from app.retrieval.ranking import HybridRanking
    from app.retrieval.retriever import Retriever
    from app.services import Services
    from app.utils.once import AsyncOnce
    from gwkit.logging.uncaught import log_uncaught_in_loop
    from gwkit.telemetry.metrics import METRICS, Metrics
    from gwkit.text.terms import TermRules

    asyncio.get_running_loop().set_exception_handler(log_uncaught_in_loop)
    if registry is None:
        registry = await asyncio.to_thread(build_registry)
    check_parts(registry, settings)
    metrics = Metrics((*METRICS, *registry.metrics.parts.values()))
    async with AsyncExitStack() as stack:

        async def opened(seam: Seam[Opener[_T]], name: str) -> _T:
            return await stack.enter_async_context(seam.find(name, "")(name, settings))

        limits, spending = await _open_limits(stack, registry, settings)
        guard = _guards(registry)
        names = [settings.default_model, *guard.fallbacks(settings)]
        models = [await opened(registry.chat_models, name) for name in names]
        unguarded = await opened(registry.embedders, settings.embedding_model)
        model, embedder, window_tokens = await stack.enter_async_context(
            guard.open(settings, metrics, models, unguarded, spending=spending)
        )
        manifest = manifest_of(settings, embedder)
        open_store = registry.stores.find(settings.vector_store, "")
        index = await stack.enter_async_context(open_store(settings, manifest, rebuild=rebuild))
        reranker = None
        if settings.reranker:
            reranker = await opened(registry.rerankers, settings.reranker)
        rewriter = None
        if settings.rewrite_prompt:
            path = registry.prompts.find(settings.rewrite_prompt, "")
            needed = frozenset({"conversation", "question"})
            rewriter = ModelRewriter(model, await asyncio.to_thread(load_prompt, path, needed))
        answerer_type = registry.orchestrations.find(settings.orchestration, "")()
        authenticate = await opened(registry.authentication, settings.authentication)
        prompt_path = registry.prompts.find(settings.answer_prompt, "")
        retriever = Retriever(
            index=index,
            embedder=embedder,
            metrics=metrics,
            ranking=HybridRanking(TermRules(settings.language)),
            reranker=reranker,
        )
        services = Services(
            settings=settings,
            index=index,
            retriever=retriever,
            answerer=answerer_type(
                retriever=retriever,
                model=model,
                index=index,
                metrics=metrics,
                settings=settings,
                prompt=AsyncOnce(partial(asyncio.to_thread, load_prompt, prompt_path)),
                window_tokens=window_tokens,
                rewriter=rewriter,
            ),
            pipeline=Pipeline(
                index=index,
                embedder=embedder,
                metrics=metrics,
                settings=settings,
                loaders=_open_parsers(stack, settings, registry),
            ),
            metrics=metrics,
            model=model,
            embedder=embedder,
            authenticate=authenticate,
            limits=limits,
        )
        await services.answerer.prompt.get()  # one that cannot be used ends the start
        for lifespan in registry.lifespans.parts.values():
            await stack.enter_async_context(lifespan(services))
        yield services


def create_app(settings: Settings | None = None, registry: Registry | None = None) -> FastAPI:
    """Return the web application, for `uvicorn --factory app.wiring:create_app`.

    The services are opened when the application starts and closed when it stops.

    Args:
        settings: `None` reads them from the environment, and sets up logging.
        registry: the parts that there are; by default those of `build_registry`.

    Raises:
        ConfigError: the settings cannot work; it lists every problem.
    """
    from app.api.application import build_app
    from gwkit.logging.setup import configure_logging

    parts = registry or build_registry()
    if settings is None:
        settings = load_settings(parts)
        configure_logging(settings)
    return build_app(settings, parts, partial(open_services, settings, parts))


def _guards(registry: Registry) -> GuardsPart:
    """Return the guards that an option or extension registered, or those of every service."""
    from app.builtin import PlainGuards

    return next(iter(registry.guards.parts.values()), PlainGuards())


async def _open_limits(
    stack: AsyncExitStack, registry: Registry, settings: Settings
) -> tuple[SharedLimits | None, Spending | None]:
    """Open what several processes count together, if the settings want that."""
    from gwkit.http.shared_limits import SharedLimits

    if (name := settings.shared_limits) is None:
        return None, None
    counts = await stack.enter_async_context(registry.limits.find(name, "")(name, settings))
    return SharedLimits(counts.requests, settings.requests_per_minute), counts.spending


def _open_parsers(stack: AsyncExitStack, settings: Settings, registry: Registry) -> DocumentLoader:
    from app.ingestion.loaders import LoaderRegistry
    from gwkit.parsing.pool import ParserPool

    pool = ParserPool(
        LoaderRegistry(registry.loaders.parts),
        timeout_seconds=settings.parse_timeout_seconds,
        memory_bytes=settings.parse_memory_bytes,
        max_text_bytes=settings.max_document_bytes,
    )
    stack.push_async_callback(asyncio.to_thread, pool.close)
    return pool
