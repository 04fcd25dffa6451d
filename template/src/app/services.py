"""The services that routes and commands use, made once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from app.config.settings import Settings
    from app.graph.answering import Answerer
    from app.ingestion.pipeline import Pipeline
    from app.retrieval.retriever import Retriever
    from gwkit.http.keys import Authenticate
    from gwkit.http.shared_limits import SharedLimits
    from gwkit.index.store import Index
    from gwkit.models.protocols import ChatModel, Embedder
    from gwkit.telemetry.metrics import Metrics

__all__ = ["Services"]

_WARMING_QUERY: Final = "warm"


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a running service.

    `model` and `embedder` are guarded: their calls are logged, counted, limited and paid for like
    those of the service itself. `limits` are those that several processes keep together.
    """

    settings: Settings
    index: Index
    retriever: Retriever
    answerer: Answerer
    pipeline: Pipeline
    metrics: Metrics
    model: ChatModel
    embedder: Embedder
    authenticate: Authenticate
    limits: SharedLimits | None = None

    async def check(self) -> None:
        """Return if the index can be searched now; every readiness probe asks.

        Raises:
            RetrievalError: it cannot.
        """
        await self.index.check()

    async def warm_up(self) -> None:
        """Search once, so that the first caller does not wait.

        Raises:
            LLMError: the embedder could not answer.
            RetrievalError: the index could not answer.
        """
        await self.retriever.search(_WARMING_QUERY, k=1)
