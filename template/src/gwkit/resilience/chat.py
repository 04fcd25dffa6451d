"""A chat model that survives what providers do."""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from gwkit.models.messages import Delta
from gwkit.resilience.timeouts import StreamTimeout, in_time

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from gwkit.models.messages import ChatReply, ChatRequest
    from gwkit.models.protocols import ChatModel
    from gwkit.resilience.policy import CallPolicy

__all__ = ["ResilientChatModel"]


class ResilientChatModel:
    """Wraps a chat model: timeouts, retries, a circuit breaker, a limit of calls at a time.

    A stream is tried again until its first piece with text has come, and never after: what was read
    cannot be taken back. A stream that stalls or breaks later ends with the error. A piece without
    text is progress: its model is thinking, and may take as long again for the next one.
    """

    def __init__(self, model: ChatModel, policy: CallPolicy) -> None:
        self._model = model
        self._policy = policy

    @property
    def name(self) -> str:
        """The wrapped model's name."""
        return self._model.name

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Return the wrapped model's reply; the last attempt's error goes on."""

        async def attempt() -> ChatReply:
            async with self._policy.attempt():
                reply = self._model.complete(request)
                return await in_time(reply, self._policy.timeout_seconds, model=self.name)

        return await self._policy.retry.run(attempt)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | ChatReply]:
        """Yield the wrapped model's pieces; before the first, the last attempt's error goes on."""
        stream = await self._policy.retry.run(partial(self._open, request))
        async with stream.attempt:
            piece = stream.first
            while piece is not None:
                yield piece
                piece = await stream.timeout.next_of(stream.pieces)

    async def _open(self, request: ChatRequest) -> _Stream:
        """Begin a stream and wait for its first piece with text, or its reply."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._policy.attempt())
            pieces = await stack.enter_async_context(aclosing(self._model.stream(request)))
            timeout = StreamTimeout(self._policy.timeout_seconds, model=self.name)
            stack.callback(timeout.close)
            first = await timeout.next_of(pieces)
            while isinstance(first, Delta) and not first.text:
                first = await timeout.next_of(pieces)
            return _Stream(first, pieces, timeout, stack.pop_all())


@dataclass(frozen=True, slots=True)
class _Stream:
    """A stream that has begun, and the attempt that it belongs to until it ends."""

    first: Delta | ChatReply | None
    pieces: AsyncGenerator[Delta | ChatReply]
    timeout: StreamTimeout
    attempt: AsyncExitStack
