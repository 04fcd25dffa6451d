"""Spans of model calls by OpenTelemetry's conventions for generative AI.

Without an SDK a span records nothing and costs next to nothing; with one, it goes where the SDK
sends it. The conventions are at the stage of development, so their names stand
here, once: https://github.com/open-telemetry/semantic-conventions-genai.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING

from gwkit.logging.formatting import request_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractContextManager
    from types import ModuleType

    from opentelemetry.trace import Span
    from opentelemetry.util.types import AttributeValue

__all__ = ["Attribute", "Operation", "annotate", "current", "end_span", "shaped", "start_span"]

_SCOPE = "app.llm"


class Operation(StrEnum):
    """Kinds of calls: values of `gen_ai.operation.name`."""

    CHAT = "chat"
    EMBEDDINGS = "embeddings"


class Attribute(StrEnum):
    """Names of a span's attributes; those that begin with `app.` are the service's own."""

    OPERATION = "gen_ai.operation.name"
    PROVIDER = "gen_ai.provider.name"
    REQUEST_MODEL = "gen_ai.request.model"
    MAX_TOKENS = "gen_ai.request.max_tokens"
    TEMPERATURE = "gen_ai.request.temperature"
    STREAM = "gen_ai.request.stream"
    RESPONSE_MODEL = "gen_ai.response.model"
    FIRST_CHUNK_SECONDS = "gen_ai.response.time_to_first_chunk"
    INPUT_TOKENS = "gen_ai.usage.input_tokens"
    OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
    INPUT_MESSAGES = "gen_ai.input.messages"
    OUTPUT_MESSAGES = "gen_ai.output.messages"
    DIMENSION = "gen_ai.embeddings.dimension.count"
    ERROR = "error.type"
    ATTEMPTS = "app.llm.attempts"
    COST_USD = "app.llm.cost_usd"
    PROMPT_HASH = "app.llm.prompt_hash"
    REQUEST_ID = "app.request_id"
    QUESTION = "app.question"


def start_span(operation: Operation, model: str) -> Span:
    """Return a new span of a call to a model, given as `provider:model`."""
    provider, _, name = model.partition(":")
    trace = _api()
    attributes = {
        Attribute.OPERATION: operation.value,
        Attribute.PROVIDER: provider,
        Attribute.REQUEST_MODEL: name,
    }
    span: Span = trace.get_tracer(_SCOPE).start_span(
        f"{operation} {name}", kind=trace.SpanKind.CLIENT, attributes=attributes
    )
    return span


def end_span(
    span: Span, attributes: Mapping[Attribute, AttributeValue | None], error: str | None
) -> None:
    """End a recording span with what is known of the call by now; `None` is left out.

    An error is given by its class, because its text may hold secrets or content.
    """
    known = {**attributes, Attribute.REQUEST_ID: request_id() or None, Attribute.ERROR: error}
    span.set_attributes({str(name): value for name, value in known.items() if value is not None})
    if error is not None:
        span.set_status(_api().StatusCode.ERROR)
    span.end()


def shaped(messages: Iterable[tuple[str, str]]) -> str:
    """Return messages, each a role and a text, in the form that the conventions give them."""
    parts = [
        {"role": role, "parts": [{"type": "text", "content": text}]} for role, text in messages
    ]
    return json.dumps(parts, ensure_ascii=False)


def annotate(attribute: Attribute, value: AttributeValue | None) -> None:
    """Set an attribute of the current span, such as the request's; `None` sets nothing."""
    if value is not None:
        _api().get_current_span().set_attribute(str(attribute), value)


def current(span: Span) -> AbstractContextManager[Span]:
    """Return a context manager in which other spans become children of this one."""
    manager: AbstractContextManager[Span] = _api().use_span(
        span, record_exception=False, set_status_on_exception=False
    )
    return manager


def _api() -> ModuleType:
    # A command that asks no model need not wait for it.
    from opentelemetry import trace  # noqa: PLC0415 - as said

    return trace
