"""One log event and three metrics for every call of a chat model, whichever provider it is."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import structlog

from app.exceptions import InvalidResponseError
from app.llm.messages import ChatReply, Usage
from app.llm.tokens import count_tokens

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from app.llm.messages import ChatRequest, Delta
    from app.llm.ports import ChatModel
    from app.telemetry.metrics import Metrics

__all__ = ["ObservedChatModel"]

_log = structlog.stdlib.get_logger(__name__)


class ObservedChatModel:
    """Wraps a model so that each call logs `llm_call` and is counted; the content is never logged.

    A call that succeeds logs at INFO, one that its caller abandoned at WARNING and one that failed
    at ERROR, before the error goes on. Where the provider has not told the usage, as in a stream
    that broke off, the tokens are estimates of what went out and came in; a call that brought
    nothing counts none.
    """

    def __init__(self, model: ChatModel, *, metrics: Metrics) -> None:
        self._model = model
        self._metrics = metrics

    @property
    def name(self) -> str:
        """The wrapped model's name."""
        return self._model.name

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Return the wrapped model's reply; its errors pass through."""
        with self._observed(request) as call:
            reply = await self._model.complete(request)
            call.usage = reply.usage
            return reply

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | ChatReply]:
        """Yield the wrapped model's pieces; its errors pass through.

        Raises:
            InvalidResponseError: the stream ended without the whole reply.
        """
        with self._observed(request) as call:
            async with aclosing(self._model.stream(request)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, ChatReply):
                        call.usage = piece.usage
                    else:
                        call.received += count_tokens(piece.text)
                    yield piece
            if call.usage is None:
                raise InvalidResponseError(response="", expected="a stream that ends with a reply")

    @contextmanager
    def _observed(self, request: ChatRequest) -> Iterator[_Call]:
        call = _Call()
        started = perf_counter()
        error: BaseException | None = None
        try:
            yield call
        except BaseException as exc:
            error = exc
            raise
        finally:
            self._report(request, call, error, (perf_counter() - started) * 1000)

    def _report(
        self, request: ChatRequest, call: _Call, error: BaseException | None, latency_ms: float
    ) -> None:
        abandoned = isinstance(error, GeneratorExit | asyncio.CancelledError)
        if abandoned and call.usage is not None:
            # The reply was whole; its reader only did not ask for the end of the stream.
            error, abandoned = None, False
        outcome = "abandoned" if abandoned else "failed" if error else "succeeded"
        usage = call.usage or call.estimated_usage(request)
        level = {"abandoned": _log.warning, "failed": _log.error, "succeeded": _log.info}[outcome]
        level(
            "llm_call",
            model=self.name,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            total_tokens=usage.total_tokens,
            latency_ms=round(latency_ms, 1),
            success=error is None,
            error=type(error).__name__ if error else None,
            prompt_hash=request.prompt_hash or None,
        )
        self._metrics.count("llm_calls_total", model=self.name, outcome=outcome)
        self._metrics.observe("llm_call_ms", latency_ms, model=self.name)
        for kind, tokens in usage.model_dump().items():
            self._metrics.count(
                "llm_tokens_total", tokens, model=self.name, kind=kind.removesuffix("_tokens")
            )


@dataclass(slots=True)
class _Call:
    """What is known of a call so far; `received` counts the estimated tokens of its pieces."""

    usage: Usage | None = None
    received: int = 0

    def estimated_usage(self, request: ChatRequest) -> Usage:
        sent = sum(count_tokens(message.content) for message in request.messages)
        return Usage(prompt_tokens=sent if self.received else 0, completion_tokens=self.received)
