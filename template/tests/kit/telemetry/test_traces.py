"""A model call is a span with the conventions' names, if an SDK is set up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.semconv._incubating.attributes import (  # allow DEP5: nothing stable yet
    gen_ai_attributes,
)
from opentelemetry.semconv.attributes import error_attributes
from opentelemetry.trace import SpanKind, StatusCode
from structlog.contextvars import bound_contextvars

from gwkit.telemetry.traces import Attribute, Operation, current, end_span, start_span

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


def test_a_span_tells_of_the_call(spans: InMemorySpanExporter) -> None:
    """A span has the provider, the operation, the request id and the result."""
    with bound_contextvars(request_id="abc"):
        span = start_span(Operation.CHAT, "openai:gpt-4o-mini")
        end_span(span, {Attribute.INPUT_TOKENS: 7, Attribute.COST_USD: None}, None)
    (seen,) = spans.get_finished_spans()
    assert ("chat gpt-4o-mini", SpanKind.CLIENT) == (seen.name, seen.kind)
    assert {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 7,
        "app.request_id": "abc",
    } == dict(seen.attributes or {})
    assert StatusCode.UNSET is seen.status.status_code


def test_an_error_is_told_by_its_class(spans: InMemorySpanExporter) -> None:
    """Its text may hold anything, so neither it nor a stack is recorded."""
    span = start_span(Operation.EMBEDDINGS, "openai:small")
    end_span(span, {}, "RateLimitError")
    (seen,) = spans.get_finished_spans()
    assert "RateLimitError" == (seen.attributes or {})["error.type"]
    assert (StatusCode.ERROR, None) == (seen.status.status_code, seen.status.description)
    assert () == seen.events


def test_what_happens_within_belongs_to_the_span(spans: InMemorySpanExporter) -> None:
    """As the spans of an instrumented HTTP client, once for each attempt."""
    span = start_span(Operation.CHAT, "openai:gpt-4o-mini")
    with current(span):
        trace.get_tracer("test").start_span("POST").end()
    assert not trace.get_current_span().is_recording()
    end_span(span, {}, None)
    inner, outer = spans.get_finished_spans()
    assert inner.parent is not None
    assert outer.context is not None
    assert outer.context.span_id == inner.parent.span_id


def test_without_an_sdk_a_span_is_nothing() -> None:
    """A call sees that it need not be traced."""
    span = start_span(Operation.CHAT, "openai:gpt-4o-mini")
    assert not span.is_recording()


def test_the_other_names_are_those_of_the_conventions() -> None:
    """They equal those of the SDK's package, so a renamed one is detected."""
    known = [*vars(gen_ai_attributes).values(), *vars(error_attributes).values()]
    unknown = [name for name in Attribute if not name.startswith("app.") and name not in known]
    assert [] == unknown


def test_own_names_have_a_prefix_of_their_own() -> None:
    """Own attributes cannot be mistaken for those of the conventions."""
    prefixes = {name.value.partition(".")[0] for name in Attribute}
    assert {"app", "error", "gen_ai"} == prefixes
    assert {"chat", "embeddings"} == {operation.value for operation in Operation}
