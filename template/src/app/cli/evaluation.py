"""`eval`: how well the search ranks a golden set, and whether that is good enough."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.session import AsJson, Verbose, existing_path, load, run
from app.exceptions import EvaluationError
from gwkit.index.store import SearchMode
from gwkit.terminal.output import Output, visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from app.config.settings import Settings
    from app.evaluation.answers import AnswerReport
    from app.evaluation.golden import GoldenCase
    from app.evaluation.runner import EvaluationReport
    from app.services import Services

    _Reports = Mapping[SearchMode, EvaluationReport]

__all__ = ["evaluate", "missed_gates"]

_MEASURES = ("recall", "mrr", "ndcg")
_ANSWER_MEASURES = ("answered", "cited", "refused", "judged")
_OFFLINE = "offline:extractive"

_Golden = Annotated[
    Path, typer.Argument(parser=existing_path, metavar="GOLDEN.jsonl", help="Golden set.")
]
_Documents = Annotated[
    Path | None,
    typer.Option(
        "--documents",
        parser=existing_path,
        metavar="PATH",
        help="Evaluate over these, in an index made for it.",
    ),
]
_K = Annotated[int, typer.Option("-k", "--k", min=1, max=100, help="Documents looked at.")]
_Min = Annotated[
    list[str] | None,
    typer.Option(
        "--min",
        metavar="METRIC=VALUE",
        help="Least value for the default search (recall, mrr, ndcg) or answers (answered, cited, "
        "refused, judged). May be repeated.",
    ),
]
_NoWorse = Annotated[
    bool,
    typer.Option(
        "--hybrid-no-worse", help="Hybrid's nDCG must be at least that of its better leg."
    ),
]
_Judge = Annotated[
    bool,
    typer.Option("--judge", help="Ask the model of the settings, and let it judge; costs tokens."),
]


def evaluate(
    golden: _Golden,
    *,
    documents: _Documents = None,
    k: _K = 10,
    minimum: _Min = None,
    hybrid_no_worse: _NoWorse = False,
    judge: _Judge = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> int:
    """Measure how well the search ranks, for each mode, and the offline answers.

    A golden set has one JSON object to a line, with a grade for each document
    that is relevant (none, if the documents do not answer), and texts that the
    answer must contain:
      {"id": "q1", "question": "How long is ...?", "relevant": {"leave.md": 2},
       "answer": ["14 weeks"]}

    The measures are means over the questions: recall@k, over all relevant
    documents, MRR, and nDCG@k; and the shares of questions whose answer has
    those texts (answered), cites a relevant document (cited), and is refused
    where there is none (refused). --min and --hybrid-no-worse make them gates.

    Examples:
      python -m app eval evals/golden.jsonl
      python -m app eval evals/golden.jsonl --min ndcg=0.8 --min recall=0.9
      python -m app eval evals/golden.jsonl --documents data/samples

    Exit codes: 0 good enough, 1 a gate is missed, 2 settings or arguments.
    """
    from app.evaluation.answers import evaluate_answers
    from app.evaluation.golden import load_golden

    minima = dict(map(_minimum, minimum or []))
    settings = _with_model(load(verbose=verbose), judge=judge)
    cases = load_golden(golden)
    with TemporaryDirectory() as folder:
        if documents is not None:
            settings = settings.model_copy(update={"index_path": Path(folder) / "index.sqlite"})

        async def work(services: Services) -> tuple[_Reports, AnswerReport]:
            reports = await _reports(services, cases, documents, k)
            model = services.model if judge else None
            return reports, await evaluate_answers(cases, services.answerer, judge=model)

        reports, answered = run(settings, work)
    missed = missed_gates(reports, answered, minima, hybrid_no_worse=hybrid_no_worse)
    document = {
        "k": k,
        "cases": len(cases),
        "modes": {mode.value: asdict(report.scores) for mode, report in reports.items()},
        "answers": asdict(answered),
        "worst": [asdict(case) for case in _default(reports).worst()],
        "missed": missed,
        "passed": not missed,
    }
    draw = partial(_print_reports, reports, answered, missed)
    Output(as_json=as_json).result(document, draw)
    return int(bool(missed))


async def _reports(
    services: Services, cases: Sequence[GoldenCase], documents: Path | None, k: int
) -> _Reports:
    from app.evaluation.golden import require_documents
    from app.evaluation.runner import compare_modes

    if documents is not None:
        summary = await services.pipeline.ingest([documents])
        if summary.failures:
            failed = "; ".join(f"{each.document}: {each.reason}" for each in summary.failures)
            raise EvaluationError(f"not every document could be ingested: {failed}")
    require_documents(cases, await services.index.ledger())
    return await compare_modes([case for case in cases if case.relevant], services.retriever, k=k)


def _with_model(settings: Settings, *, judge: bool) -> Settings:
    """Return the settings with the model that answers: offline, if none judges.

    Raises:
        typer.BadParameter: there is no model to judge.
    """
    if not judge:
        return settings.model_copy(update={"default_model": _OFFLINE})
    if settings.default_model == _OFFLINE:
        raise typer.BadParameter("APP_DEFAULT_MODEL names no model", param_hint="--judge")
    return settings


def _minimum(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    measures = _MEASURES + _ANSWER_MEASURES
    with suppress(ValueError):
        if name in measures and 0 <= float(value) <= 1:
            return name, float(value)
    msg = f"{text}: it takes one of {', '.join(measures)}, then = and 0 to 1"
    raise typer.BadParameter(msg, param_hint="--min")


def missed_gates(
    reports: _Reports,
    answered: AnswerReport,
    minima: Mapping[str, float],
    *,
    hybrid_no_worse: bool,
) -> list[str]:
    """Return a line for each gate that is missed, of the measures that any case has."""
    hybrid = _default(reports)
    measured = asdict(hybrid.scores) | answered.scores
    shown = {name: f"{hybrid.mode} {name}" for name in _MEASURES}
    missed = [
        f"{shown.get(name, name)} is {score:.3f}, below {least:g}"
        for name, least in minima.items()
        if (score := measured.get(name, 1)) < least
    ]
    if hybrid_no_worse:
        missed += [
            f"hybrid ndcg is {hybrid.scores.ndcg:.3f}, below the {report.scores.ndcg:.3f} of {mode}"
            for mode, report in reports.items()
            if report.scores.ndcg > hybrid.scores.ndcg
        ]
    return missed


def _default(reports: _Reports) -> EvaluationReport:
    """Return the report of what the service does if nothing is asked for: hybrid, if it can."""
    return reports.get(SearchMode.HYBRID) or reports[SearchMode.LEXICAL]


def _print_reports(
    reports: _Reports, answered: AnswerReport, missed: Sequence[str], console: Console
) -> None:
    from rich.box import SIMPLE
    from rich.table import Table

    hybrid = _default(reports)
    table = Table(box=SIMPLE, title=f"{len(hybrid.cases)} questions", title_justify="left")
    # Copier would take an at sign before a brace for a variable of its own.
    for column in ("mode", "recall@" + str(hybrid.k), "MRR", "nDCG@" + str(hybrid.k)):
        table.add_column(column)
    for mode, report in reports.items():
        table.add_row(mode, *(f"{score:.3f}" for score in asdict(report.scores).values()))
    console.print(table)
    for case in hybrid.worst():
        console.print(f"{case.scores.ndcg:.3f}  {visible(case.id)}: {visible(case.question)}")
    scores = (f"{name} {score:.3f}" for name, score in answered.scores.items())
    console.print(f"\nAnswers: {', '.join(scores)}")
    for line in answered.failed:
        console.print(visible(line))
    for line in missed:
        console.print(f"missed: {line}", style="red")
