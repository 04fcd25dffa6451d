"""The command that measures retrieval: its report, its gates, its exit codes."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from app.cli.evaluation import missed_gates
from app.evaluation.answers import AnswerReport
from app.evaluation.runner import EvaluationReport, Scores
from fixtures.command_line import DOCUMENTS
from gwkit.index.store import SearchMode

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.command_line import CommandLine


_QUESTION = "How many weeks of parental leave do parents take?"


def write_golden(folder: Path, **relevant: str) -> Path:
    """Write a golden set of questions, each with the one document that answers it."""
    lines = [
        json.dumps({"id": str(number), "question": question, "relevant": {document: 1}})
        for number, (document, question) in enumerate(relevant.items())
    ]
    path = folder / "golden.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """Return a golden set over `DOCUMENTS`."""
    return write_golden(
        tmp_path,
        **{
            "policies/leave.md": _QUESTION,
            "policies/expenses.txt": "Is alcohol reimbursed?",
            "guides/laptop.html": "How long are backups kept?",
        },
    )


def test_eval_compares_the_modes(ingested: CommandLine, golden: Path) -> None:
    """Each mode has its recall, MRR and nDCG; without an embedder there is one."""
    shown = ingested("eval", golden)
    measured = ingested("eval", golden, "-k", "3", "--json").document

    assert shown.code == 0
    assert "recall@10" in shown.out
    assert {"lexical": {"recall": 1.0, "mrr": 1.0, "ndcg": 1.0}} == measured["modes"]
    assert (3, 3, True) == (measured["k"], measured["cases"], measured["passed"])


def test_eval_needs_no_index(cli: CommandLine, golden: Path, tmp_path: Path) -> None:
    """With `--documents` it builds a temporary index and removes it."""
    run = cli("eval", golden, "--documents", DOCUMENTS, "--min", "ndcg=0.9", "--hybrid-no-worse")

    assert (0, "") == (run.code, run.err)
    assert not (tmp_path / "var").exists()


def test_eval_measures_answers(cli: CommandLine, tmp_path: Path) -> None:
    """By keys, citations and refusals, without a model; any of them may be a gate."""
    cases = [
        {"id": "a", "question": _QUESTION, "relevant": {"policies/leave.md": 1}, "answer": ["14"]},
        {"id": "b", "question": "Who won the cup?", "relevant": {}},
    ]
    golden = tmp_path / "golden.jsonl"
    golden.write_text("\n".join(map(json.dumps, cases)), encoding="utf-8")
    arguments = ("eval", golden, "--documents", DOCUMENTS)

    report = cli(*arguments, "--json").document
    gate = cli(*arguments, "--min", "refused=1", "--min", "cited=1")

    assert report["answers"]["scores"].keys() == {"answered", "cited", "refused"}
    assert "refused 1.000" in gate.out
    assert 0 == gate.code


def test_an_answer_below_its_floor_misses_the_gate() -> None:
    """A measure that no question of the set has is left out."""
    reports = {mode: EvaluationReport(mode, 10, Scores(1.0, 1.0, 1.0), ()) for mode in SearchMode}
    answered = AnswerReport({"answered": 0.5, "cited": 1.0}, ())
    minima = {"answered": 0.75, "refused": 0.75, "recall": 1.0}
    missed = missed_gates(reports, answered, minima, hybrid_no_worse=True)
    assert ["answered is 0.500, below 0.75"] == missed


def test_a_judge_needs_a_model(cli: CommandLine, golden: Path) -> None:
    """The offline model cannot judge."""
    run = cli("eval", golden, "--judge")
    assert run.code == 2
    assert "APP_DEFAULT_MODEL" in run.err


def test_a_missed_gate_says_by_how_much(ingested: CommandLine, tmp_path: Path) -> None:
    """The exit code is 1, with a line for every measure that is too low."""
    golden = write_golden(tmp_path, **{"guides/laptop.html": _QUESTION})

    run = ingested("eval", golden, "--min", "ndcg=0.95", "--min", "recall=0")

    assert run.code == 1
    assert "missed: lexical ndcg is " in run.out
    assert ", below 0.95" in run.out
    assert "lexical recall" not in run.out
    assert _QUESTION in run.out


@pytest.mark.parametrize("minimum", ["speed=1", "ndcg", "ndcg=much", "ndcg=1.1", "ndcg=nan"])
def test_a_gate_that_cannot_be_is_an_error_of_usage(
    cli: CommandLine, golden: Path, minimum: str
) -> None:
    """A misspelt gate must not pass."""
    run = cli("eval", golden, "--min", minimum)

    assert run.code == 2
    assert f"Invalid value for --min: {minimum}" in run.err


def test_a_golden_set_for_other_documents_fails(cli: CommandLine, golden: Path) -> None:
    """Missing judged documents would look like a bad search."""
    run = cli("eval", golden)

    assert run.code == 1
    assert "policies/leave.md" in run.err


def test_documents_that_cannot_be_ingested_fail_the_evaluation(
    cli: CommandLine, golden: Path, tmp_path: Path
) -> None:
    """Measures over some of the documents would mislead."""
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"this is no PDF")

    run = cli("eval", golden, "--documents", broken)

    assert run.code == 1
    assert "broken.pdf" in run.err


def test_hybrid_must_not_be_worse_than_a_leg() -> None:
    """The gate names the better mode, and the difference."""
    reports = {
        mode: EvaluationReport(mode, 10, Scores(1.0, 1.0, ndcg), ())
        for mode, ndcg in zip(SearchMode, (0.7, 0.8, 0.7), strict=True)
    }
    nothing = AnswerReport({}, ())

    assert ["hybrid ndcg is 0.700, below the 0.800 of lexical"] == missed_gates(
        reports, nothing, {}, hybrid_no_worse=True
    )
    assert [] == missed_gates(reports, nothing, {"ndcg": 0.7, "mrr": 1.0}, hybrid_no_worse=False)
    assert ["hybrid ndcg is 0.700, below 0.71"] == missed_gates(
        reports, nothing, {"ndcg": 0.71, "mrr": 0.9}, hybrid_no_worse=False
    )


def test_a_tilde_is_the_home_folder(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings, arguments and options expand it; no folder of that name is created."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("APP_INDEX_PATH", "~/deep/index.sqlite")
    shutil.copytree(DOCUMENTS, tmp_path / "home" / "documents")
    golden = write_golden(tmp_path / "home", **{"guides/laptop.html": "How long are backups kept?"})

    assert 0 == cli("ingest", "~/documents").code
    assert (tmp_path / "home" / "deep" / "index.sqlite").exists()
    assert 0 == cli("eval", f"~/{golden.name}", "--documents", "~/documents").code
    assert not (tmp_path / "~").exists()

    missing = cli("eval", "~/nowhere.jsonl")
    assert (2, True) == (missing.code, str(tmp_path / "home" / "nowhere.jsonl") in missing.err)
    assert 2 == cli("ingest", "~no-such-user/documents").code
    monkeypatch.setenv("APP_LOG_FILE", "~no-such-user/a.log")
    assert "APP_LOG_FILE: " in cli("config").err
