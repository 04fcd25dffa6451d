"""Counters and timings of the service, for `/metrics` and for summaries in the log.

`METRICS` is the one table of what is measured; a name or label that was not declared is
refused.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from operator import itemgetter
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["MAX_SERIES", "METRICS", "OTHER", "MetricSpec", "Metrics", "TimingSummary"]

MAX_SERIES: Final = 500
"""Most combinations of label values that one metric keeps; further ones are counted as `OTHER`."""

OTHER: Final = "other"
"""Every label value of the series that takes what goes beyond `MAX_SERIES`."""

_MAX_LABEL_LENGTH = 100
_WINDOW = 1_024
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A metric; one whose name ends in `_total` is a counter, any other a timing."""

    name: str
    help: str
    labels: tuple[str, ...] = ()

    @property
    def counter(self) -> bool:
        """Whether it counts; otherwise it times."""
        return self.name.endswith("_total")


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
    MetricSpec("answers_total", "Answers given.", ("outcome",)),
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
        self._specs = {spec.name: spec for spec in specs}
        self._families = {spec.name: self._family(spec) for spec in specs}
        self._series: dict[str, dict[tuple[str, ...], Counter | _Timing]] = {
            spec.name: {} for spec in specs
        }
        # What has been asked for in this very form: one look instead of a check of every label.
        self._known: dict[tuple[Sequence[str], ...], Counter | _Timing] = {}
        self._lock = Lock()

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter.

        Raises:
            ValueError: no such counter is declared, its labels are others, or the
                amount is negative.
        """
        counter = self._find(name, labels)
        if not isinstance(counter, Counter):
            raise ValueError(f"{name} is a timing: observe it")  # noqa: TRY004 - a wrong name
        counter.inc(amount)

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Record how long something took.

        Raises:
            ValueError: no such timing is declared, or its labels are others.
        """
        self._find_timing(name, labels).add(seconds)

    @contextmanager
    def timer(self, name: str, **labels: str) -> Iterator[None]:
        """Record how long the block takes, also when it raises.

        Raises:
            ValueError: as in `observe`, before the block is entered.
        """
        timing = self._find_timing(name, labels)
        start = perf_counter()
        try:
            yield
        finally:
            timing.add(perf_counter() - start)

    def summary(self) -> dict[str, TimingSummary]:
        """Return the summary of each timing by its name, as in `search_seconds{mode="hybrid"}`."""
        with self._lock:
            found = [
                (_title(self._specs[name], values), timing)
                for name, series in self._series.items()
                for values, timing in series.items()
                if isinstance(timing, _Timing)
            ]
        summaries = (
            (title, timing.summary()) for title, timing in sorted(found, key=itemgetter(0))
        )
        return {title: summary for title, summary in summaries if summary is not None}

    def exposition(self) -> bytes:
        """Return every metric in the text format that Prometheus scrapes."""
        return generate_latest(self._registry)

    def _family(self, spec: MetricSpec) -> Counter | Histogram:
        if spec.counter:
            return Counter(spec.name, spec.help, spec.labels, registry=self._registry)
        return Histogram(
            spec.name, spec.help, spec.labels, registry=self._registry, buckets=_BUCKETS
        )

    def _find_timing(self, name: str, labels: dict[str, str]) -> _Timing:
        timing = self._find(name, labels)
        if not isinstance(timing, _Timing):
            raise ValueError(f"{name} is a counter: count it")  # noqa: TRY004 - a wrong name
        return timing

    def _find(self, name: str, labels: dict[str, str]) -> Counter | _Timing:
        asked = (name, *labels.items())
        if (known := self._known.get(asked)) is not None:
            return known
        spec = self._specs.get(name)
        if spec is None or labels.keys() != set(spec.labels):
            declared = "not declared" if spec is None else f"declared with labels {spec.labels}"
            raise ValueError(f"metric {name}{sorted(labels)} is {declared}")
        values = tuple(labels[label][:_MAX_LABEL_LENGTH] for label in spec.labels)
        series = self._series[name]
        with self._lock:
            if values not in series and len(series) >= MAX_SERIES:
                values = (OTHER,) * len(values)
            if values not in series:
                family = self._families[name]
                child = family.labels(*values) if values else family
                series[values] = child if isinstance(child, Counter) else _Timing(child)
            if asked == (name, *zip(spec.labels, values, strict=True)):
                self._known[asked] = series[values]
            return series[values]


class _Timing:
    """One series of a timing: a histogram to scrape, and what the summary is made from."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._lock = Lock()
        self._latest: deque[float] = deque(maxlen=_WINDOW)
        self._count = 0
        self._total = 0.0
        self._min = inf
        self._max = -inf

    def add(self, seconds: float) -> None:
        self._histogram.observe(seconds)
        with self._lock:
            self._latest.append(seconds)
            self._count += 1
            self._total += seconds
            self._min = min(self._min, seconds)
            self._max = max(self._max, seconds)

    def summary(self) -> TimingSummary | None:
        """Return the numbers so far, or `None` where nothing was observed yet."""
        with self._lock:
            if not self._count:
                return None
            latest = sorted(self._latest)
            return TimingSummary(
                count=self._count,
                mean=self._total / self._count,
                median=_quantile(latest, 0.5),
                min=float(self._min),
                max=float(self._max),
                p95=_quantile(latest, 0.95),
                p99=_quantile(latest, 0.99),
            )


def _quantile(ordered: Sequence[float], share: float) -> float:
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def _title(spec: MetricSpec, values: tuple[str, ...]) -> str:
    labels = ",".join(
        f'{label}="{value}"' for label, value in zip(spec.labels, values, strict=True)
    )
    return f"{spec.name}{{{labels}}}" if labels else spec.name
