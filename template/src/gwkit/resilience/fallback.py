"""Another model where the first one cannot answer: for this request, and for no other."""

from __future__ import annotations

from contextlib import aclosing
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog

from gwkit.errors import BudgetExceededError, LLMError, ProviderError, TokenLimitError
from gwkit.resilience.current_call import Call

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from gwkit.models.messages import ChatReply, ChatRequest, Delta
    from gwkit.models.protocols import ChatModel
    from gwkit.telemetry.metrics import Metrics

__all__ = ["FallbackChatModel"]

_log = structlog.stdlib.get_logger(__name__)

_REQUEST_AT_FAULT = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)


class FallbackChatModel:
    """Asks one model after the other until one answers, all within one time.

    Every request begins with the first model. The next one is asked where a model failed in a way
    that another need not: not where the request itself is wrong, or too long, or over the budget.
    Of a stream whose first piece has been read nothing is asked again.

    Args:
        models: the models, the preferred one first.
        timeout_seconds: longest time of a request, with every attempt at every model.
        metrics: counts what is passed on.
    """

    def __init__(
        self, models: Sequence[ChatModel], *, timeout_seconds: float, metrics: Metrics
    ) -> None:
        self._models = tuple(models)
        self._timeout_seconds = timeout_seconds
        self._metrics = metrics

    @property
    def name(self) -> str:
        """The preferred model's name; a reply has the name of the model that wrote it."""
        return self._models[0].name

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Return the reply of the first model that answers; the last one's error goes on."""
        call = Call.begin(seconds=self._timeout_seconds)
        *others, last = self._models
        for number, model in enumerate(others, 1):
            try:
                with call.entered():
                    return await model.complete(request)
            except LLMError as exc:
                self._pass_on(exc, model, self._models[number])
        with call.entered():
            return await last.complete(request)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | ChatReply]:
        """Yield the pieces of the first model that answers; the last one's error goes on.

        Raises:
            LLMError: also after the first piece, from the model that sent it.
        """
        call = Call.begin(seconds=self._timeout_seconds)
        for number, model in enumerate(self._models, 1):
            begun = False
            async with aclosing(model.stream(request)) as pieces:
                try:
                    while (piece := await call.next_of(pieces)) is not None:
                        begun = True
                        yield piece
                except LLMError as exc:
                    if begun or number == len(self._models):
                        raise
                    self._pass_on(exc, model, self._models[number])
                else:
                    return

    def _pass_on(self, error: LLMError, model: ChatModel, to: ChatModel) -> None:
        """Tell that another model is asked; raise the error where that would not help.

        Raises:
            LLMError: the error, where another model would fail as well.
        """
        if isinstance(error, TokenLimitError | BudgetExceededError) or (
            isinstance(error, ProviderError) and error.status in _REQUEST_AT_FAULT
        ):
            raise error
        self._metrics.count("llm_fallbacks_total", model=model.name, to=to.name)
        _log.warning("llm_fallback", model=model.name, to=to.name, error=type(error).__name__)
