"""Records each call of a model: one log event, the metrics and a span."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, contextmanager, nullcontext
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

import structlog

from gwkit.errors import InvalidResponseError, RefusalError
from gwkit.models.messages import ChatReply, Message, Usage
from gwkit.telemetry.traces import Attribute, Operation, current, end_span, shaped, start_span
from gwkit.text.characters import count_tokens

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from opentelemetry.trace import Span
    from opentelemetry.util.types import AttributeValue

    from gwkit.models.messages import ChatRequest, Delta
    from gwkit.models.protocols import ChatModel
    from gwkit.telemetry.metrics import Metrics

__all__ = ["CallRecord", "CallRecorder", "Meter", "ObservedChatModel"]

_log = structlog.stdlib.get_logger(__name__)


class Meter(Protocol):
    """Counts what is sent for a call and what its provider tells of it, over all attempts.

    `gwkit.resilience.current_call.Call` is one. The parts around a provider find it by a context
    variable, so that none has to pass it on.
    """

    attempts: int
    prompt_tokens: int
    completion_tokens: int

    def entered(self) -> AbstractContextManager[None]:
        """Return a context manager in which the call is the current one; no `yield` within."""


@dataclass(slots=True)
class CallRecord:
    """A call so far.

    `received` counts the estimated tokens of its pieces; `messages` is the prompt if the event and
    the span are to have prompt and reply.
    """

    span: Span
    sent: int
    meter: Meter | None = None
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
        with self.meter.entered() if self.meter else nullcontext(), current(self.span):
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
        if (meter := self.meter) and (meter.prompt_tokens or meter.completion_tokens):
            return Usage(
                prompt_tokens=meter.prompt_tokens, completion_tokens=meter.completion_tokens
            )
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
    `None` if the price is not known. Without it a call costs nothing. `meter` begins to count a
    call; without it a call is one attempt, whose usage is that of the reply.
    """

    operation: Operation
    model: str
    metrics: Metrics
    charge: Callable[[Usage], float | None] | None = None
    meter: Callable[[], Meter] | None = None

    @contextmanager
    def recording(self, sent: int) -> Iterator[CallRecord]:
        """Return a context manager that records one call at its end."""
        meter = self.meter() if self.meter else None
        record = CallRecord(start_span(self.operation, self.model), sent, meter)
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
        attempts = (record.meter.attempts if record.meter else 0) or 1
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
        meter: as for `CallRecorder`.
        log_content: whether event and span have the prompt and the reply as well; if so, a warning
            is logged at once.
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        metrics: Metrics,
        charge: Callable[[Usage], float | None] | None = None,
        meter: Callable[[], Meter] | None = None,
        log_content: bool = False,
    ) -> None:
        self.name = model.name
        self._model = model
        self._recorder = CallRecorder(Operation.CHAT, model.name, metrics, charge, meter)
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
