"""Running a golden set through a search."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from app.evaluation.golden import GoldenCase
from app.evaluation.runner import Scores, compare_modes, evaluate
from fixtures.models import FixedRetriever, make_hit
from gwkit.errors import EvaluationError
from gwkit.index.store import SearchMode

HITS = (
    make_hit("1", document="a.md"),
    make_hit("2", document="a.md", position=1),
    make_hit("3", document="b.md"),
    make_hit("4", document="c.md"),
)
CASES = (
    GoldenCase(id="good", question="Where is a?", relevant={"a.md": 1}),
    GoldenCase(id="poor", question="Where is b?", relevant={"b.md": 1}),
    GoldenCase(id="lost", question="Where is z?", relevant={"z.md": 1}),
)


async def test_a_document_ranks_where_its_best_chunk_does() -> None:
    """Two chunks of one document count as one place in the ranking."""
    report = await evaluate(CASES, FixedRetriever(HITS), k=2)
    assert [case.ranking for case in report.cases] == [("a.md", "b.md")] * 3


async def test_means_and_cases() -> None:
    """The means are those of the cases, and each case keeps its own scores."""
    report = await evaluate(CASES, FixedRetriever(HITS), k=10, mode=SearchMode.LEXICAL)
    second = 0.6309297535714575  # 1 / log2(3)
    assert [case.scores for case in report.cases] == [
        Scores(1.0, 1.0, 1.0),
        Scores(1.0, 0.5, second),
        Scores(0.0, 0.0, 0.0),
    ]
    assert (report.mode, report.k) == (SearchMode.LEXICAL, 10)
    assert report.scores.recall == pytest.approx(2 / 3)
    assert report.scores.mrr == pytest.approx(0.5)
    assert report.scores.ndcg == pytest.approx((1 + second) / 3)


async def test_enough_chunks_are_asked_for() -> None:
    """The best k documents need more than k chunks."""
    retriever = FixedRetriever(HITS)
    await evaluate(CASES[:1], retriever, k=3)
    ((_, k, _),) = retriever.searches
    assert k > 3


async def test_the_worst_cases_come_first() -> None:
    """Perfect cases are not listed."""
    report = await evaluate(CASES, FixedRetriever(HITS))
    assert [case.id for case in report.worst()] == ["lost", "poor"]
    assert [case.id for case in report.worst(1)] == ["lost"]


async def test_a_report_is_json() -> None:
    """Everything in it can be written out and read back."""
    report = await evaluate(CASES, FixedRetriever(HITS))
    again = json.loads(json.dumps(asdict(report)))
    assert again["mode"] == "hybrid"
    assert again["cases"][2]["id"] == "lost"


async def test_every_mode_is_compared() -> None:
    """Hybrid search and both of its modes are compared."""
    reports = await compare_modes(CASES, FixedRetriever(HITS), k=5)
    assert [(mode, report.mode, report.k) for mode, report in reports.items()] == [
        (mode, mode, 5) for mode in SearchMode
    ]


async def test_no_cases_are_an_error() -> None:
    """A mean over nothing is undefined."""
    with pytest.raises(EvaluationError, match="no cases"):
        await evaluate((), FixedRetriever(HITS))
