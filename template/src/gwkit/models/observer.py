"""What is told of a call of a model: one log event, the metrics and a span.

`gwkit.models.observed` and `gwkit.resilience.observed_embedder` wrap the ports with it.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import structlog

from gwkit.errors import InvalidResponseError, RefusalError
from gwkit.models.calls import Call
from gwkit.models.messages import Message, Usage
from gwkit.telemetry.traces import Attribute, Operation, current, end_span, start_span
from gwkit.text.tokens import count_tokens

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence

    from opentelemetry.trace import Span
    from opentelemetry.util.types import AttributeValue

    from gwkit.models.messages import ChatReply, Delta
    from gwkit.telemetry.metrics import Metrics

__all__ = ["Observer", "Seen"]

_log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class Seen:
    """What is known of a call so far; `received` counts the estimated tokens of its pieces."""

    call: Call
    span: Span
    sent: int
    started: float
    fields: dict[str, object]
    attributes: dict[Attribute, AttributeValue | None]
    usage: Usage | None = None
    received: int = 0
    first_ms: float | None = None
    text: str = ""

    async def next_of(self, pieces: AsyncGenerator[Delta | ChatReply]) -> Delta | ChatReply | None:
        """Return the next piece, asked for within this call and its span."""
        if not self.span.is_recording():
            return await self.call.next_of(pieces)
        with current(self.span):
            return await self.call.next_of(pieces)

    def take(self, reply: ChatReply) -> None:
        """Note the whole reply."""
        self.usage = reply.usage
        self.text = reply.text
        self.fields["finish_reason"] = reply.finish_reason
        self.attributes[Attribute.RESPONSE_MODEL] = reply.model.partition(":")[2]

    def take_piece(self, piece: Delta) -> None:
        """Note a piece of a reply."""
        if self.first_ms is None and piece.text:
            self.first_ms = (perf_counter() - self.started) * 1000
        self.received += count_tokens(piece.text)

    def used(self, error: BaseException | None) -> Usage:
        """Return the usage of all attempts, estimated where the provider has not told it.

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

    def tell_content(self, messages: Sequence[Message]) -> None:
        """Add what was said to the event and to the span."""
        reply = Message(role="assistant", content=self.text) if self.text else None
        self.fields["prompt"] = [message.model_dump() for message in messages]
        self.fields["reply"] = self.text
        self.attributes |= {
            Attribute.INPUT_MESSAGES: _as_json(messages),
            Attribute.OUTPUT_MESSAGES: _as_json([reply] if reply else []),
        }


class Observer:
    """Tells of the calls of one model."""

    def __init__(
        self, model: str, metrics: Metrics, charge: Callable[[Usage], float | None]
    ) -> None:
        self._model = model
        self._metrics = metrics
        self._charge = charge

    @contextmanager
    def observing(self, operation: Operation, sent: int) -> Iterator[Seen]:
        """Return a context manager for one call, of which it tells at its end."""
        span = start_span(operation, self._model)
        fields: dict[str, object] = {"operation": operation.value}
        seen = Seen(Call.begin(), span, sent, perf_counter(), fields, {})
        error: BaseException | None = None
        try:
            yield seen
        except BaseException as exc:
            error = exc
            raise
        finally:
            self._report(seen, error, (perf_counter() - seen.started) * 1000)

    def _report(self, seen: Seen, error: BaseException | None, latency_ms: float) -> None:
        abandoned = isinstance(error, GeneratorExit | asyncio.CancelledError)
        if abandoned and seen.usage is not None:
            # The reply was whole; its reader only did not ask for the end of the stream.
            error, abandoned = None, False
        outcome = "abandoned" if abandoned else "failed" if error else "succeeded"
        name = type(error).__name__ if error else None
        usage = seen.used(error)
        cost_usd = self._charge(usage)
        # A model without retries around it counts none: it was asked once.
        attempts = seen.call.attempts or 1
        level = {"abandoned": _log.warning, "failed": _log.error, "succeeded": _log.info}[outcome]
        level(
            "llm_call",
            model=self._model,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            total_tokens=usage.total_tokens,
            latency_ms=round(latency_ms, 1),
            first_token_ms=None if seen.first_ms is None else round(seen.first_ms, 1),
            attempts=attempts,
            cost_usd=cost_usd,
            success=error is None,
            error=name,
            status=getattr(error, "status", None),
            **seen.fields,
        )
        self._count(outcome, usage, cost_usd, attempts)
        self._metrics.observe("llm_call_ms", latency_ms, model=self._model)
        if seen.first_ms is not None:
            self._metrics.observe("llm_first_token_ms", seen.first_ms, model=self._model)
        end_span(
            seen.span,
            {
                Attribute.INPUT_TOKENS: usage.prompt_tokens,
                Attribute.OUTPUT_TOKENS: usage.completion_tokens,
                Attribute.ATTEMPTS: attempts,
                Attribute.COST_USD: cost_usd,
                Attribute.FIRST_CHUNK_SECONDS: None
                if seen.first_ms is None
                else seen.first_ms / 1000,
                **seen.attributes,
            },
            name,
        )

    def _count(self, outcome: str, usage: Usage, cost_usd: float | None, attempts: int) -> None:
        count, model = self._metrics.count, self._model
        count("llm_calls_total", model=model, outcome=outcome)
        count("llm_attempts_total", attempts, model=model)
        for kind, tokens in usage.model_dump().items():
            count("llm_tokens_total", tokens, model=model, kind=kind.removesuffix("_tokens"))
        if cost_usd is not None:
            count("llm_cost_usd_total", cost_usd, model=model)


def _as_json(messages: Sequence[Message]) -> str:
    """Return messages in the form that the conventions give them."""
    shaped: list[Mapping[str, object]] = [
        {"role": each.role, "parts": [{"type": "text", "content": each.content}]}
        for each in messages
    ]
    return json.dumps(shaped, ensure_ascii=False)
