"""Everything that options and extensions can add to the service, one seam for each kind of part.

A module of `app.options` or `app.ext` defines `register(registry)` and adds its parts there; the
parts that every service has are added by `app.builtin`. `python -m app config` lists them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, TypeVar

from gwkit.seams import Seam

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    import typer
    from fastapi import APIRouter

    from app.config.groups import SettingsGroup
    from app.config.settings import Settings
    from app.graph.answering import Answerer
    from app.ingestion.loaders import LoaderPart
    from app.ingestion.pipeline import Pipeline
    from app.ingestion.run import Engine
    from app.ingestion.sources import Source
    from app.retrieval.retriever import Reranker
    from app.services import Services
    from gwkit.http.keys import Authenticate
    from gwkit.http.problems import ProblemRule
    from gwkit.http.shared_limits import RequestCounts
    from gwkit.index.store import Index, Manifest
    from gwkit.models.protocols import ChatModel, Embedder
    from gwkit.models.spending import Spending
    from gwkit.telemetry.metrics import Metrics, MetricSpec

__all__ = [
    "EngineOpener",
    "GuardedModels",
    "GuardsPart",
    "Opener",
    "OrchestrationPart",
    "PreparerOpener",
    "Registry",
    "RoutesPart",
    "SharedCounts",
    "StoreOpener",
]

_T = TypeVar("_T")

Opener: TypeAlias = "Callable[[str, Settings], AbstractAsyncContextManager[_T]]"
"""Opens a part for as long as the service runs; takes the name that the settings give it."""


PreparerOpener: TypeAlias = (
    "Callable[[Mapping[str, object]], AbstractAsyncContextManager[Pipeline]]"
)
"""Opens a pipeline that prepares documents, of the values of settings; can be pickled."""


EngineOpener: TypeAlias = (
    "Callable[[Settings, PreparerOpener], AbstractAsyncContextManager[Engine]]"
)
"""Opens an engine of ingestion, which makes pipelines in processes of its own."""


RoutesPart: TypeAlias = "APIRouter | Callable[[], APIRouter]"
"""A router, or a function that makes it when the service serves: commands import less then."""


OrchestrationPart: TypeAlias = "Callable[[], type[Answerer]]"
"""Imports and returns the class whose object takes a question through the steps to its answer."""


class StoreOpener(Protocol):
    """Opens a store."""

    def __call__(
        self, settings: Settings, manifest: Manifest, /, *, rebuild: bool
    ) -> AbstractAsyncContextManager[Index]:
        """Open the index that was made with what the manifest names.

        Raises:
            IndexMismatchError: it was made with something else.
            RetrievalError: it cannot be opened.
        """
        ...


class GuardedModels(NamedTuple):
    """The models of a service with logging, metrics and whatever else goes around them.

    `window_tokens` is the smallest window of the chat models, `None` if none is known.
    """

    chat_model: ChatModel
    embedder: Embedder
    window_tokens: int | None


class SharedCounts(NamedTuple):
    """What several processes count together; `None` where that is in `APP_PAID_PATH`."""

    requests: RequestCounts
    spending: Spending | None = None


class GuardsPart(Protocol):
    """Puts guards around models, and knows which models they fall back on."""

    def fallbacks(self, settings: Settings) -> Sequence[str]:
        """Return the chat models to try after the default one, in order."""
        ...

    def open(
        self,
        settings: Settings,
        metrics: Metrics,
        models: Sequence[ChatModel],
        embedder: Embedder,
        *,
        spending: Spending | None,
    ) -> AbstractAsyncContextManager[GuardedModels]:
        """Guard the chat models, preferred one first, as one, and the embedder.

        `spending` adds up for several machines what the models cost, if there is such.

        Raises:
            ConfigError: the settings cannot work.
            LLMError: a file of theirs cannot be opened.
        """
        ...


class Registry:
    """The parts of a service by kind.

    The names of chat models and embedders have the form `provider:model`, or `provider:*` for any
    model of the provider; a setting names the one that is used. So it is for stores, rerankers,
    orchestrations, authentication, shared limits and prompts. Of the other kinds every part is
    used.
    """

    def __init__(self) -> None:
        self.settings: Seam[type[SettingsGroup]] = Seam("settings group")
        self.chat_models: Seam[Opener[ChatModel]] = Seam("chat model")
        self.embedders: Seam[Opener[Embedder]] = Seam("embedder")
        self.guards: Seam[GuardsPart] = Seam("guards of models")
        self.stores: Seam[StoreOpener] = Seam("store")
        self.rerankers: Seam[Opener[Reranker]] = Seam("reranker")
        self.orchestrations: Seam[OrchestrationPart] = Seam("orchestration")
        self.sources: Seam[Opener[Source]] = Seam("source")
        self.engines: Seam[EngineOpener] = Seam("engine")
        self.loaders: Seam[LoaderPart] = Seam("loader")
        self.prompts: Seam[Path] = Seam("prompt")
        self.authentication: Seam[Opener[Authenticate]] = Seam("authentication")
        self.limits: Seam[Opener[SharedCounts]] = Seam("shared limits")
        self.routes: Seam[RoutesPart] = Seam("route")
        self.problems: Seam[ProblemRule] = Seam("problem")
        self.metrics: Seam[MetricSpec] = Seam("metric")
        self.commands: Seam[Callable[..., int | None] | typer.Typer] = Seam("command")
        self.lifespans: Seam[Callable[[Services], AbstractAsyncContextManager[None]]] = Seam(
            "lifespan"
        )

    def seams(self) -> Iterator[tuple[str, Seam[object]]]:
        """Yield every seam with its name here."""
        yield from vars(self).items()
