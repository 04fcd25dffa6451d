"""Counters and timings."""

from __future__ import annotations

import statistics
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gwkit.telemetry.metrics import METRICS, OTHER, Metrics, MetricSpec, TimingSummary


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return the scraped values, by name and sorted labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_a_counter_adds_up() -> None:
    """Each combination of labels counts for itself."""
    metrics = Metrics()
    metrics.count("llm_tokens_total", 12, model="m", kind="prompt")
    metrics.count("llm_tokens_total", 3, model="m", kind="prompt")
    metrics.count("llm_tokens_total", model="m", kind="completion")
    seen = samples(metrics)
    assert 15 == seen["llm_tokens_total", (("kind", "prompt"), ("model", "m"))]
    assert 1 == seen["llm_tokens_total", (("kind", "completion"), ("model", "m"))]


def test_a_timing_is_scraped_as_a_histogram() -> None:
    """Buckets are in seconds and cumulate."""
    metrics = Metrics()
    for seconds in (0.0005, 0.007, 0.007, 90):
        metrics.observe("search_seconds", seconds, mode="hybrid")
    seen = samples(metrics)
    mode = ("mode", "hybrid")
    assert 1 == seen["search_seconds_bucket", (("le", "0.001"), mode)]
    assert 3 == seen["search_seconds_bucket", (("le", "0.01"), mode)]
    assert 3 == seen["search_seconds_bucket", (("le", "60.0"), mode)]
    assert 4 == seen["search_seconds_bucket", (("le", "+Inf"), mode)]
    assert 4 == seen["search_seconds_count", (mode,)]
    assert 90.0145 == pytest.approx(seen["search_seconds_sum", (mode,)])


def test_the_summary_agrees_with_the_standard_library() -> None:
    """Mean, median, minimum, maximum and percentiles equal those of `statistics`."""
    random = Random(7)  # noqa: S311 - data for a test
    values = [random.lognormvariate(3, 1) for _ in range(500)]
    metrics = Metrics()
    for value in values:
        metrics.observe("ingest_document_seconds", value)
    summary = metrics.summary()["ingest_document_seconds"]
    percentiles = statistics.quantiles(values, n=100, method="inclusive")
    assert 500 == summary.count
    assert statistics.fmean(values) == pytest.approx(summary.mean)
    assert statistics.median(values) == pytest.approx(summary.median)
    assert (min(values), max(values)) == (summary.min, summary.max)
    assert percentiles[94] == pytest.approx(summary.p95)
    assert percentiles[98] == pytest.approx(summary.p99)


def test_the_summary_forgets_what_is_long_ago() -> None:
    """The memory is bounded: count and extremes are of all, the median of the latest 1,024."""
    metrics = Metrics()
    for seconds in (*[5.0] * 2_000, *[1.0] * 1_024):
        metrics.observe("ingest_document_seconds", seconds)
    summary = metrics.summary()["ingest_document_seconds"]
    assert (3_024, 5.0, 1.0, 1.0) == (summary.count, summary.max, summary.median, summary.p99)


def test_one_observation_is_its_own_summary() -> None:
    """Every number of a single observation equals it."""
    metrics = Metrics()
    metrics.observe("search_seconds", 5, mode="vector")
    expected = TimingSummary(count=1, mean=5, median=5, min=5, max=5, p95=5, p99=5)
    assert {'search_seconds{mode="vector"}': expected} == metrics.summary()


def test_percentiles_forget_and_totals_do_not() -> None:
    """Memory is bounded: percentiles use the latest 1,024, counts and extremes all."""
    metrics = Metrics()
    metrics.observe("ingest_document_seconds", 1_000_000)
    for _ in range(2_000):
        metrics.observe("ingest_document_seconds", 1)
    summary = metrics.summary()["ingest_document_seconds"]
    assert 2_001 == summary.count
    assert 1_000_000 == summary.max
    assert 1 == summary.p99


def test_a_timer_measures_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """In seconds, also when the block raises."""
    metrics = Metrics()
    now = [7.0]
    monkeypatch.setattr("gwkit.telemetry.metrics.perf_counter", lambda: now[0])
    with metrics.timer("llm_call_seconds", model="m"):
        now[0] += 0.02
    with pytest.raises(KeyError), metrics.timer("llm_call_seconds", model="m"):
        raise KeyError
    summary = metrics.summary()['llm_call_seconds{model="m"}']
    assert 2 == summary.count
    assert pytest.approx(0.02) == summary.max


def test_nothing_observed_is_nothing_summed_up() -> None:
    """A fresh process has no summaries, but lists its metrics."""
    metrics = Metrics()
    assert {} == metrics.summary()
    text = metrics.exposition().decode()
    assert all(f"# HELP {spec.name} {spec.help}" in text for spec in METRICS)
    assert metrics.content_type.startswith("text/plain; version=")


def test_a_timer_in_progress_is_not_summed_up_yet() -> None:
    """A series exists from the block's start, and has numbers from its end."""
    metrics = Metrics()
    with metrics.timer("ingest_document_seconds"):
        assert {} == metrics.summary()
    assert 1 == metrics.summary()["ingest_document_seconds"].count


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("searches_total", {}),
        ("answers_total", {}),
        ("answers_total", {"outcome": "failed", "user": "u"}),
        ("answers_total", {"reason": "failed"}),
        ("search_seconds", {"mode": "hybrid"}),
    ],
)
def test_only_declared_counters_count(name: str, labels: dict[str, str]) -> None:
    """An unknown name, other labels, and a timing are errors, not new series."""
    with pytest.raises(ValueError, match=name):
        Metrics().count(name, 1, **labels)


@pytest.mark.parametrize(
    ("name", "labels"),
    [("search_s", {}), ("search_seconds", {"way": "x"}), ("answers_total", {"outcome": "failed"})],
)
def test_only_declared_timings_are_observed(name: str, labels: dict[str, str]) -> None:
    """Timings are checked, too, and a timer before its block runs."""
    metrics = Metrics()
    with pytest.raises(ValueError, match=name):
        metrics.observe(name, 1, **labels)
    entered = False
    with pytest.raises(ValueError, match=name), metrics.timer(name, **labels):
        entered = True
    assert not entered


def test_a_negative_count_is_refused() -> None:
    """Counters never decrease."""
    with pytest.raises(ValueError, match="non-negative"):
        Metrics().count("answers_total", -1, outcome="failed")


def test_label_values_cannot_grow_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Series beyond the bound are counted together, and nothing is lost."""
    most = 50
    monkeypatch.setattr("gwkit.telemetry.metrics.MAX_SERIES", most)
    metrics = Metrics()
    for number in range(3 * most):
        metrics.count("http_requests_total", method="GET", route=f"/r/{number}", status="200")
        metrics.observe("http_request_seconds", 1, method="GET", route=f"/r/{number}")
    seen = samples(metrics)
    counts = {labels: value for (name, labels), value in seen.items() if name.endswith("ts_total")}
    assert most + 1 == len(counts) == len(metrics.summary())
    assert 3 * most == sum(counts.values())
    rest = tuple((label, OTHER) for label in ("method", "route", "status"))
    assert 2 * most == counts[rest]
    metrics.count("http_requests_total", method="GET", route="/r/0", status="200")
    first = (("method", "GET"), ("route", "/r/0"), ("status", "200"))
    assert 2 == samples(metrics)["http_requests_total", first]


def test_a_long_label_value_is_cut() -> None:
    """A caller's text cannot fill the memory by a label."""
    metrics = Metrics()
    metrics.count("answers_total", outcome="x" * 10_000)
    assert len(metrics.exposition()) < 5_000


def test_a_hostile_label_value_cannot_forge_a_sample() -> None:
    """Quotes and line ends in a value are escaped."""
    metrics = Metrics()
    metrics.count("answers_total", outcome='a"} 7\nanswers_total{outcome="forged')
    assert ("answers_total", (("outcome", "forged"),)) not in samples(metrics)


def test_threads_lose_nothing() -> None:
    """Counts and timings from many threads add up exactly."""
    metrics = Metrics()

    def work(number: int) -> None:
        for _ in range(500):
            metrics.count("answers_total", outcome=f"o{number % 2}")
            metrics.observe("ingest_document_seconds", 2)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    seen = samples(metrics)
    assert 2_000 == seen["answers_total", (("outcome", "o0"),)]
    summary = metrics.summary()["ingest_document_seconds"]
    assert (4_000, 2.0) == (summary.count, summary.mean)


def test_two_processes_parts_do_not_share() -> None:
    """Each `Metrics` has its own registry: nothing is global."""
    one, two = Metrics(), Metrics()
    one.count("answers_total", outcome="answered")
    assert ("answers_total", (("outcome", "answered"),)) not in samples(two)


def test_a_team_may_measure_more() -> None:
    """A team's metrics are added to the template's."""
    metrics = Metrics((*METRICS, MetricSpec("invoices_total", "Invoices read.", ("kind",))))
    metrics.count("invoices_total", kind="scan")
    assert 1 == samples(metrics)["invoices_total", (("kind", "scan"),)]


def test_every_declared_metric_says_what_it_is() -> None:
    """Names are unique and have a unit, and each has a help text that is a sentence."""
    names = [spec.name for spec in METRICS]
    assert len(set(names)) == len(names)
    assert all(name.endswith(("_total", "_seconds")) for name in names)
    assert all(spec.help.endswith(".") for spec in METRICS)
