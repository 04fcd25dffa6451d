"""Calls of models: how long one may still take, what it has used, and its log event and span.

A `ContextVar` holds the current call, so that the parts around a model need not pass it on. An
async generator runs in its reader's context; so a part that yields sets the variable only while it
waits for a piece itself: `async with aclosing(…) as pieces: piece = await call.next_of(pieces)`.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, TypeVar

import structlog

from gwkit.errors import InvalidResponseError, RefusalError
from gwkit.models.messages import ChatReply, Message, Usage
from gwkit.telemetry.traces import Attribute, Operation, current, end_span, shaped, start_span
from gwkit.text.characters import count_tokens

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Sequence

    from opentelemetry.trace import Span
    from opentelemetry.util.types import AttributeValue

    from gwkit.models.messages import ChatRequest, Delta
    from gwkit.models.protocols import ChatModel
    from gwkit.telemetry.metrics import Metrics

__all__ = ["Call", "CallRecord", "CallRecorder", "ObservedChatModel", "current_call"]

_log = structlog.stdlib.get_logger(__name__)

_T = TypeVar("_T")


@dataclass(slots=True)
class Call:
    """A call of a model, or one within another, as those of a chain of models are.

    `deadline` is when its caller stops waiting, on the clock of `time.monotonic`; `attempts` is how
    often something was sent for it, and the tokens are those that the provider has told of, over
    all attempts.
    """

    deadline: float = math.inf
    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    outer: Call | None = None

    @classmethod
    def begin(cls, *, seconds: float = math.inf) -> Call:
        """Return a call that may take so long, and no longer than the one under way."""
        outer = _current.get()
        deadline = monotonic() + seconds
        return cls(min(deadline, outer.deadline) if outer else deadline, outer=outer)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Return a context manager in which this is the call under way; no `yield` within."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    async def next_of(self, pieces: AsyncGenerator[_T]) -> _T | None:
        """Return the next piece, asked for within this call, or `None` at the end."""
        with self.entered():
            return await anext(pieces, None)


_current: ContextVar[Call | None] = ContextVar("call", default=None)


def current_call() -> Call | None:
    """Return the call under way."""
    return _current.get()


@dataclass(slots=True)
class CallRecord:
    """A call so far.

    `received` counts the estimated tokens of its pieces; `messages` is the prompt if the event and
    the span are to have prompt and reply.
    """

    call: Call
    span: Span
    sent: int
    started: float = field(default_factory=perf_counter)
    fields: dict[str, object] = field(default_factory=dict)
    attributes: dict[Attribute, AttributeValue | None] = field(default_factory=dict)
    usage: Usage | None = None
    received: int = 0
    first_seconds: float | None = None
    text: str = ""
    messages: Sequence[Message] = ()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Return a context manager in which this is the current call; no `yield` within."""
        with self.call.entered(), current(self.span):
            yield

    def add(self, piece: Delta | ChatReply) -> None:
        """Add a piece of a reply, or the whole one."""
        if isinstance(piece, ChatReply):
            self.usage = piece.usage
            self.text = piece.text
            self.fields["finish_reason"] = piece.finish_reason
            self.attributes[Attribute.RESPONSE_MODEL] = piece.model.partition(":")[2]
            return
        if self.first_seconds is None and piece.text:
            self.first_seconds = perf_counter() - self.started
        self.received += count_tokens(piece.text)

    def total_usage(self, error: BaseException | None) -> Usage:
        """Return the usage of all attempts, estimated if the provider has not reported it.

        A model that refused, or whose reply is of no use, has read the prompt all the same.
        """
        prompt, completion = self.call.prompt_tokens, self.call.completion_tokens
        if prompt or completion:
            return Usage(prompt_tokens=prompt, completion_tokens=completion)
        if self.usage is not None:
            return self.usage
        was_read = self.received or isinstance(error, RefusalError | InvalidResponseError)
        sent = self.sent if was_read else 0
        return Usage(prompt_tokens=sent, completion_tokens=self.received)

    def add_content(self) -> None:
        """Add prompt and reply to the event and to the span."""
        self.fields["prompt"] = [message.model_dump() for message in self.messages]
        self.fields["reply"] = self.text
        sent = [(message.role, message.content) for message in self.messages]
        self.attributes[Attribute.INPUT_MESSAGES] = shaped(sent)
        reply = [("assistant", self.text)] if self.text else []
        self.attributes[Attribute.OUTPUT_MESSAGES] = shaped(reply)


@dataclass(frozen=True)
class CallRecorder:
    """Records the calls of one model.

    A call that succeeds logs at INFO, one that its caller abandoned at WARNING and one that failed
    at ERROR, before the error goes on. If the provider has not reported the usage, as in a stream
    that broke off, the tokens are estimates of what went out and came in; a call that brought
    nothing counts none.

    `charge` takes what a call used, once for each call, and returns what that cost in US dollars,
    `None` if the price is not known. Without it a call costs nothing.
    """

    operation: Operation
    model: str
    metrics: Metrics
    charge: Callable[[Usage], float | None] | None = None

    @contextmanager
    def recording(self, sent: int) -> Iterator[CallRecord]:
        """Return a context manager that records one call at its end."""
        record = CallRecord(Call.begin(), start_span(self.operation, self.model), sent)
        error: BaseException | None = None
        try:
            yield record
        except BaseException as exc:
            error = exc
            raise
        finally:
            self._report(record, error, perf_counter() - record.started)

    def _report(self, record: CallRecord, error: BaseException | None, seconds: float) -> None:
        abandoned = isinstance(error, GeneratorExit | asyncio.CancelledError)
        if abandoned and record.usage is not None:
            # The reply was whole; its reader only did not ask for the end of the stream.
            error, abandoned = None, False
        outcome = "abandoned" if abandoned else "failed" if error else "succeeded"
        name = type(error).__name__ if error else None
        usage = record.total_usage(error)
        cost_usd = self.charge(usage) if self.charge else 0.0
        # A model without retries around it counts none: it was asked once.
        attempts = record.call.attempts or 1
        if record.messages:
            record.add_content()
        first_seconds = record.first_seconds
        level = {"abandoned": _log.warning, "failed": _log.error, "succeeded": _log.info}[outcome]
        level(
            "llm_call",
            operation=self.operation.value,
            model=self.model,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            total_tokens=usage.prompt_tokens + usage.completion_tokens,
            latency_ms=round(seconds * 1000, 1),
            first_token_ms=None if first_seconds is None else round(first_seconds * 1000, 1),
            attempts=attempts,
            cost_usd=cost_usd,
            success=error is None,
            error=name,
            status=getattr(error, "status", None),
            **record.fields,
        )
        count, observe, model = self.metrics.count, self.metrics.observe, self.model
        count("llm_calls_total", model=model, outcome=outcome)
        count("llm_attempts_total", attempts, model=model)
        count("llm_tokens_total", usage.prompt_tokens, model=model, kind="prompt")
        count("llm_tokens_total", usage.completion_tokens, model=model, kind="completion")
        if cost_usd is not None:
            count("llm_cost_usd_total", cost_usd, model=model)
        observe("llm_call_seconds", seconds, model=model)
        if first_seconds is not None:
            observe("llm_first_token_seconds", first_seconds, model=model)
        if record.span.is_recording():
            record.attributes |= {
                Attribute.INPUT_TOKENS: usage.prompt_tokens,
                Attribute.OUTPUT_TOKENS: usage.completion_tokens,
                Attribute.ATTEMPTS: attempts,
                Attribute.COST_USD: cost_usd,
                Attribute.FIRST_CHUNK_SECONDS: first_seconds,
            }
            end_span(record.span, record.attributes, name)


class ObservedChatModel:
    """Wraps any chat model so that every call is logged as `llm_call`, counted and traced.

    Args:
        model: what is wrapped.
        metrics: counts the calls.
        charge: as for `CallRecorder`.
        log_content: whether event and span have the prompt and the reply as well; if so, a warning
            is logged at once.
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        metrics: Metrics,
        charge: Callable[[Usage], float | None] | None = None,
        log_content: bool = False,
    ) -> None:
        self.name = model.name
        self._model = model
        self._recorder = CallRecorder(Operation.CHAT, model.name, metrics, charge)
        self._log_content = log_content
        if log_content:
            _log.warning("content_is_logged", model=model.name, setting="APP_LOG_CONTENT")

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Return the wrapped model's reply; its errors pass through."""
        with self._recording(request, stream=False) as record, record.entered():
            reply = await self._model.complete(request)
            record.add(reply)
            return reply

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | ChatReply]:
        """Yield the wrapped model's pieces; its errors pass through.

        Raises:
            InvalidResponseError: the stream ended without the whole reply.
        """
        with self._recording(request, stream=True) as record:
            async with aclosing(self._model.stream(request)) as pieces:
                while True:
                    with record.entered():
                        piece = await anext(pieces, None)
                    if piece is None:
                        break
                    record.add(piece)
                    yield piece
            if record.usage is None:
                raise InvalidResponseError(response="", expected="a stream that ends with a reply")

    @contextmanager
    def _recording(self, request: ChatRequest, *, stream: bool) -> Iterator[CallRecord]:
        sent = sum(count_tokens(message.content) for message in request.messages)
        with self._recorder.recording(sent) as record:
            record.fields["prompt_hash"] = request.prompt_hash or None
            record.attributes |= {
                Attribute.MAX_TOKENS: request.max_tokens,
                Attribute.TEMPERATURE: request.temperature,
                Attribute.STREAM: stream,
                Attribute.PROMPT_HASH: request.prompt_hash or None,
            }
            record.messages = request.messages if self._log_content else ()
            yield record
