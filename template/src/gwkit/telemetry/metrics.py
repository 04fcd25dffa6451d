"""Counters and timings of the service, for `/metrics` and for summaries in the log.

`METRICS` is the one table of what is measured; a name or label that was not declared is
refused.
"""

from __future__ import annotations

import os
from collections import defaultdict, deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from statistics import quantiles
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["MAX_SERIES", "METRICS", "OTHER", "MetricSpec", "Metrics", "TimingSummary"]

MAX_SERIES: Final = 500
"""Most combinations of label values that one metric keeps; further ones are counted as `OTHER`."""

OTHER: Final = "other"
"""Every label value of the series that takes what goes beyond `MAX_SERIES`."""

_Kind = TypeVar("_Kind", Counter, Histogram)

_MAX_LABEL_LENGTH = 100
_WINDOW = 1_024
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A metric; one whose name ends in `_total` is a counter, any other a timing."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


METRICS: Final = (
    MetricSpec("http_requests_total", "HTTP requests answered.", ("method", "route", "status")),
    MetricSpec("http_request_seconds", "Time to answer an HTTP request.", ("method", "route")),
    MetricSpec("llm_calls_total", "Calls to a model.", ("model", "outcome")),
    MetricSpec("llm_call_seconds", "Time that a model takes to answer.", ("model",)),
    MetricSpec("llm_first_token_seconds", "Time until a stream's first piece.", ("model",)),
    MetricSpec("llm_tokens_total", "Tokens of prompts and completions.", ("model", "kind")),
    MetricSpec("llm_cost_usd_total", "Cost where the price is known, in US dollars.", ("model",)),
    MetricSpec("llm_attempts_total", "Attempts that calls to a model took.", ("model",)),
    MetricSpec("llm_fallbacks_total", "Calls passed on to another model.", ("model", "to")),
    MetricSpec("llm_circuit_changes_total", "Changes of a circuit breaker.", ("model", "state")),
    MetricSpec("embeddings_total", "Texts embedded, by where from.", ("model", "source")),
    MetricSpec("ingest_documents_total", "Documents submitted to ingestion.", ("outcome",)),
    MetricSpec("ingest_document_seconds", "Time to ingest one document."),
    MetricSpec("ingest_step_seconds", "Time of one step of ingesting a document.", ("step",)),
    MetricSpec("search_seconds", "Time to search the index.", ("mode",)),
    MetricSpec(
        "reranks_total", "Searches whose hits a reranker ordered, or failed to.", ("outcome",)
    ),
    MetricSpec("answers_total", "Answers given.", ("outcome",)),
    MetricSpec("unsupported_statements_total", "What cited passages do not bear out.", ("kind",)),
)


@dataclass(frozen=True, slots=True)
class TimingSummary:
    """A timing in numbers, in seconds.

    `count`, `mean`, `min` and `max` are of all observations; `median`, `p95` and `p99` of the
    latest 1,024, interpolated linearly between the two nearest (Hyndman and Fan 1996, type 7).
    """

    count: int
    mean: float
    median: float
    min: float
    max: float
    p95: float
    p99: float


class Metrics:
    """The metrics of one process, in memory that does not grow with time or with what callers send.

    Safe to use from any thread.

    Args:
        specs: what is measured; a team's own metrics go beside those of the template.
    """

    content_type: Final = CONTENT_TYPE_LATEST
    """The media type of `exposition`."""

    def __init__(self, specs: Sequence[MetricSpec] = METRICS) -> None:
        self._registry = CollectorRegistry()
        self._families = {spec.name: (spec, self._family(spec)) for spec in specs}
        self._series: dict[str, set[tuple[str, ...]]] = {spec.name: set() for spec in specs}
        self._timings: defaultdict[str, _Timing] = defaultdict(_Timing)
        self._lock = Lock()

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter.

        Raises:
            ValueError: no such counter is declared, its labels are others, or the
                amount is negative.
        """
        counter, _ = self._find(Counter, name, labels)
        counter.inc(amount)

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Record how long something took.

        Raises:
            ValueError: no such timing is declared, or its labels are others.
        """
        histogram, title = self._find(Histogram, name, labels)
        histogram.observe(seconds)
        with self._lock:
            self._timings[title].add(seconds)

    @contextmanager
    def timer(self, name: str, **labels: str) -> Iterator[None]:
        """Record how long the block takes, also when it raises.

        Raises:
            ValueError: as in `observe`, before the block is entered.
        """
        self._find(Histogram, name, labels)
        start = perf_counter()
        try:
            yield
        finally:
            self.observe(name, perf_counter() - start, **labels)

    def summary(self) -> dict[str, TimingSummary]:
        """Return the summary of each timing by its name, as in `search_seconds{mode="hybrid"}`."""
        with self._lock:
            return {title: timing.summary() for title, timing in sorted(self._timings.items())}

    def exposition(self) -> bytes:
        """Return every metric in the text format that Prometheus scrapes.

        Where `PROMETHEUS_MULTIPROC_DIR` names a folder, the processes that share it are summed up.
        """
        registry = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # has no types
        return generate_latest(registry)

    def _family(self, spec: MetricSpec) -> Counter | Histogram:
        if spec.name.endswith("_total"):
            return Counter(spec.name, spec.help, spec.labels, registry=self._registry)
        return Histogram(
            spec.name, spec.help, spec.labels, registry=self._registry, buckets=_BUCKETS
        )

    def _find(self, kind: type[_Kind], name: str, labels: dict[str, str]) -> tuple[_Kind, str]:
        """Return the series of these labels, and its title.

        Raises:
            ValueError: there is none.
        """
        spec, family = self._families.get(name, (None, None))
        if spec is None or not isinstance(family, kind) or labels.keys() != set(spec.labels):
            raise ValueError(f"no {kind.__name__} is declared as {name}{sorted(labels)}")
        values = tuple(labels[label][:_MAX_LABEL_LENGTH] for label in spec.labels)
        if not values:
            return family, name
        series = self._series[name]
        with self._lock:
            if values not in series and len(series) >= MAX_SERIES:
                values = (OTHER,) * len(values)
            series.add(values)
        pairs = ",".join(
            f'{label}="{value}"' for label, value in zip(spec.labels, values, strict=True)
        )
        return family.labels(*values), f"{name}{{{pairs}}}"


@dataclass(slots=True)
class _Timing:
    """Collects the observations of one series for its summary."""

    count: int = 0
    total: float = 0.0
    min: float = inf
    max: float = -inf
    latest: deque[float] = field(default_factory=lambda: deque(maxlen=_WINDOW))

    def add(self, seconds: float) -> None:
        self.latest.append(seconds)
        self.count += 1
        self.total += seconds
        self.min = min(self.min, seconds)
        self.max = max(self.max, seconds)

    def summary(self) -> TimingSummary:
        # The standard library wants two observations at least.
        latest = [*self.latest] if self.count > 1 else [*self.latest] * 2
        shares = quantiles(latest, n=100, method="inclusive")
        return TimingSummary(
            count=self.count,
            mean=self.total / self.count,
            median=shares[49],
            min=self.min,
            max=self.max,
            p95=shares[94],
            p99=shares[98],
        )
