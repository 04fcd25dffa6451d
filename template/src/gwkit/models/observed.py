"""A chat model whose every call is told of, whichever provider it is."""

from __future__ import annotations

from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING

import structlog

from gwkit.errors import InvalidResponseError
from gwkit.models.messages import ChatReply
from gwkit.models.observer import Observer
from gwkit.telemetry.traces import Attribute, Operation, current
from gwkit.text.tokens import count_tokens

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from gwkit.models.messages import ChatRequest, Delta, Usage
    from gwkit.models.observer import Seen
    from gwkit.models.ports import ChatModel
    from gwkit.telemetry.metrics import Metrics

__all__ = ["ObservedChatModel", "free"]

_log = structlog.stdlib.get_logger(__name__)


def free(_: Usage) -> float | None:
    """Return what a call of an offline model costs."""
    return 0.0


class ObservedChatModel:
    """Wraps a model so that each call logs `llm_call`, is counted, and has a span.

    A call that succeeds logs at INFO, one that its caller abandoned at WARNING and one that failed
    at ERROR, before the error goes on. Where the provider has not told the usage, as in a stream
    that broke off, the tokens are estimates of what went out and came in; a call that brought
    nothing counts none.

    Args:
        model: what is wrapped.
        metrics: counts the calls.
        charge: takes what a call used, once for each call, and returns what that cost in US
            dollars, `None` where nobody knows.
        log_content: whether event and span have the prompt and the reply as well; that it is so
            is logged at once, as a warning.
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        metrics: Metrics,
        charge: Callable[[Usage], float | None] = free,
        log_content: bool = False,
    ) -> None:
        self._model = model
        self._observer = Observer(model.name, metrics, charge)
        self._log_content = log_content
        if log_content:
            _log.warning("content_is_logged", model=model.name, setting="APP_LOG_CONTENT")

    @property
    def name(self) -> str:
        """The wrapped model's name."""
        return self._model.name

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Return the wrapped model's reply; its errors pass through."""
        with self._observed(request, stream=False) as seen, seen.call.entered(), current(seen.span):
            reply = await self._model.complete(request)
            seen.take(reply)
            return reply

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | ChatReply]:
        """Yield the wrapped model's pieces; its errors pass through.

        Raises:
            InvalidResponseError: the stream ended without the whole reply.
        """
        with self._observed(request, stream=True) as seen:
            async with aclosing(self._model.stream(request)) as pieces:
                while (piece := await seen.next_of(pieces)) is not None:
                    if isinstance(piece, ChatReply):
                        seen.take(piece)
                    else:
                        seen.take_piece(piece)
                    yield piece
            if seen.usage is None:
                raise InvalidResponseError(response="", expected="a stream that ends with a reply")

    @contextmanager
    def _observed(self, request: ChatRequest, *, stream: bool) -> Iterator[Seen]:
        sent = sum(count_tokens(message.content) for message in request.messages)
        with self._observer.observing(Operation.CHAT, sent) as seen:
            seen.fields["prompt_hash"] = request.prompt_hash or None
            seen.attributes |= {
                Attribute.MAX_TOKENS: request.max_tokens,
                Attribute.TEMPERATURE: request.temperature,
                Attribute.STREAM: stream,
                Attribute.PROMPT_HASH: request.prompt_hash or None,
            }
            try:
                yield seen
            finally:
                if self._log_content:
                    seen.tell_content(request.messages)
