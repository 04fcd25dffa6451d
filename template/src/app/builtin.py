"""The parts that every service has, registered like those of options and extensions."""

from __future__ import annotations

from contextlib import asynccontextmanager, nullcontext
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from app.registry import GuardedModels, SharedCounts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from app.config.settings import Settings
    from app.graph.answering import Answerer
    from app.registry import Registry
    from gwkit.http.keys import Authenticate
    from gwkit.index.store import Index, Manifest
    from gwkit.models.protocols import ChatModel, Embedder
    from gwkit.models.spending import Spending
    from gwkit.telemetry.metrics import Metrics

__all__ = ["PlainGuards", "register"]


def register(registry: Registry) -> None:
    """Add the offline models, the embedded index, the native flow, API keys and the prompts."""
    registry.chat_models.add("offline:extractive", _open_extractive)
    registry.embedders.add("offline:none", _open_no_embedder)
    registry.stores.add("sqlite", _open_sqlite)
    registry.orchestrations.add("native", _native)
    registry.authentication.add("keys", _open_keys)
    registry.limits.add("sqlite", _open_counts)
    for file in sorted(Path(str(files("app.graph.prompts"))).glob("*.md")):
        registry.prompts.add(file.stem, file)


class PlainGuards:
    """Logs and counts each call of a chat model, and nothing else: enough for offline models."""

    def fallbacks(self, _settings: Settings) -> Sequence[str]:
        """Return no model: offline models do not fail."""
        return ()

    def open(
        self,
        settings: Settings,
        metrics: Metrics,
        models: Sequence[ChatModel],
        embedder: Embedder,
        *,
        spending: Spending | None,
    ) -> AbstractAsyncContextManager[GuardedModels]:
        """Return the first model, observed, and the embedder unchanged; both are free."""
        _ = spending
        from gwkit.models.calls import ObservedChatModel

        model = ObservedChatModel(models[0], metrics=metrics, log_content=settings.log_content)
        return nullcontext(GuardedModels(model, embedder, window_tokens=None))


def _open_extractive(_name: str, _settings: Settings) -> AbstractAsyncContextManager[ChatModel]:
    from gwkit.offline.extractive import ExtractiveChatModel

    return nullcontext(ExtractiveChatModel())


def _open_no_embedder(_name: str, _settings: Settings) -> AbstractAsyncContextManager[Embedder]:
    from gwkit.offline.no_embedder import NoEmbedder

    return nullcontext(NoEmbedder())


@asynccontextmanager
async def _open_sqlite(
    settings: Settings, manifest: Manifest, *, rebuild: bool
) -> AsyncIterator[Index]:
    from gwkit.index.sqlite import SqliteIndex

    async with await SqliteIndex.open(settings.index_path, manifest, rebuild=rebuild) as index:
        yield index


def _native() -> type[Answerer]:
    from app.graph.answering import Answerer

    return Answerer


def _open_keys(_name: str, settings: Settings) -> AbstractAsyncContextManager[Authenticate]:
    from gwkit.http.keys import ApiKeys

    return nullcontext(ApiKeys(settings.api_keys))


@asynccontextmanager
async def _open_counts(_name: str, settings: Settings) -> AsyncIterator[SharedCounts]:
    from gwkit.http.shared_limits import SqliteCounts

    with SqliteCounts(settings.limits_path) as counts:
        yield SharedCounts(counts)
