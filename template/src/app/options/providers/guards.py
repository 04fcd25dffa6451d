"""Guards around providers' models, as the settings ask for."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Self

from app.exceptions import ConfigError
from app.options.providers.settings import CallSettings
from gwkit.models.calls import ObservedChatModel
from gwkit.resilience.batching import BatchingEmbedder
from gwkit.resilience.budget import DailyBudget
from gwkit.resilience.chat import ResilientChatModel
from gwkit.resilience.current_call import Call
from gwkit.resilience.embedding_cache import CachedEmbedder
from gwkit.resilience.embeddings import ResilientEmbedder
from gwkit.resilience.fallback import FallbackChatModel
from gwkit.resilience.observed_embedder import ObservedEmbedder
from gwkit.resilience.paid import PaidStore
from gwkit.resilience.policy import CallPolicy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from app.config.settings import Settings
    from gwkit.models.messages import Usage
    from gwkit.models.protocols import ChatModel, Embedder
    from gwkit.models.spending import Spending
    from gwkit.resilience.pricing import PriceList
    from gwkit.telemetry.metrics import Metrics

__all__ = ["ResilientGuards"]


class ResilientGuards:
    """Prices, the budget of the day and paid results, shared by the models of a process.

    Made by `open`, as a context manager. The models `offline:` and `local:` run in this process and
    are only observed: they cost nothing, and there is no connection that fails.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        prices: Mapping[str, PriceList],
        store: PaidStore | None,
        budget: DailyBudget | None,
    ) -> None:
        self._settings = settings
        self._calls = settings.group(CallSettings)
        self._metrics = metrics
        self._prices = prices
        self._store = store
        self._budget = budget

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: Settings, metrics: Metrics, spending: Spending | None = None
    ) -> AsyncIterator[Self]:
        """Open what the settings ask for, and close it at the end.

        Args:
            settings: which models there are, and their limits.
            metrics: where calls are counted.
            spending: adds up the costs of a day; by default the file of what was paid for does.

        Raises:
            ConfigError: there is a ceiling of cost, and a model whose price is unknown.
            LLMError: the file of what was paid for cannot be opened.
        """
        calls = settings.group(CallSettings)
        models = {settings.default_model, *calls.fallback_models, settings.embedding_model}
        priced = sorted(model for model in models if _is_paid(model))
        prices = await asyncio.to_thread(_prices, priced) if priced else {}
        tokens, cost_usd = calls.daily_tokens, calls.daily_cost_usd
        unknown = [model for model, price in prices.items() if not price.is_known]
        if unknown and cost_usd is not None:
            raise ConfigError(
                *(
                    f"APP_DAILY_COST_USD: the price of {model} is not known; "
                    "set APP_DAILY_TOKENS instead"
                    for model in unknown
                )
            )
        async with AsyncExitStack() as stack:
            store = budget = None
            limited = tokens is not None or cost_usd is not None
            if (limited and spending is None) or _is_paid(settings.embedding_model):
                store = await stack.enter_async_context(PaidStore(calls.paid_path))
            ledger = spending or store
            if ledger and limited:
                budget = await DailyBudget(
                    ledger,
                    most_tokens=tokens,
                    most_cost_usd=cost_usd,
                    shared=settings.shared_limits is not None,
                ).load()
            yield cls(settings, metrics, prices, store, budget)

    def chat_model(self, models: Sequence[ChatModel]) -> ChatModel:
        """Return the models, preferred one first, as one that survives what their providers do."""
        observed = [self._observed(model) for model in models]
        if not any(_is_paid(model.name) for model in models):
            return observed[0]
        return FallbackChatModel(
            observed,
            timeout_seconds=self._calls.llm_timeout_seconds,
            metrics=self._metrics,
        )

    def embedder(self, embedder: Embedder) -> Embedder:
        """Return an embedder that survives what its provider does, and pays for no text twice.

        One that runs in this process is returned as it is.
        """
        if self._store is None or not _is_paid(embedder.name):
            return embedder
        resilient = ResilientEmbedder(
            embedder,
            self.policy(embedder.name),
            timeout_seconds=self._calls.llm_timeout_seconds,
        )
        observed = ObservedEmbedder(
            resilient, metrics=self._metrics, charge=self.charge(embedder.name)
        )
        cached = CachedEmbedder(observed, self._store, metrics=self._metrics)
        # Outermost, so that each batch is kept as soon as it is paid for.
        return BatchingEmbedder(
            cached,
            most_texts=self._calls.embedding_batch_texts,
            most_tokens=self._calls.embedding_batch_tokens,
        )

    def window_tokens(self, models: Sequence[ChatModel]) -> int | None:
        """Return the smallest window of the models, `None` where none is known."""
        known = [self._prices[model.name].window_tokens for model in models if _is_paid(model.name)]
        return min((window for window in known if window is not None), default=None)

    def policy(self, model: str) -> CallPolicy:
        """Return the parts around each attempt at a model."""
        return CallPolicy.of(model, self._calls, self._metrics, self._budget)

    def charge(self, model: str) -> Callable[[Usage], float | None]:
        """Return what takes the usage of a model's call, and returns what that cost."""
        price, budget = self._prices[model], self._budget

        def charge(usage: Usage) -> float | None:
            cost_usd = price.cost_usd(usage)
            if budget is not None:
                budget.spend(usage.total_tokens, cost_usd)
            return cost_usd

        return charge

    def _observed(self, model: ChatModel) -> ChatModel:
        paid = _is_paid(model.name)
        return ObservedChatModel(
            ResilientChatModel(model, self.policy(model.name)) if paid else model,
            metrics=self._metrics,
            charge=self.charge(model.name) if paid else None,
            meter=Call.begin if paid else None,
            log_content=self._settings.log_content,
        )


def _is_paid(model: str) -> bool:
    return not model.startswith(("local:", "offline:"))


def _prices(models: Sequence[str]) -> dict[str, PriceList]:
    # The data take time and memory, which only those who pay should spend.
    from gwkit.resilience.pricing import PriceList  # noqa: PLC0415 - as said

    return {model: PriceList(model) for model in models}
