"""`feedback`: what people think of answers, and the golden cases that it suggests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from app.cli.session import AsJson, Verbose, load
from gwkit.terminal.output import Output, visible

if TYPE_CHECKING:
    from rich.console import Console

    from app.evaluation.feedback import FeedbackEntry

__all__ = ["export_feedback", "feedback", "list_feedback"]


feedback = typer.Typer()
"""The group of commands."""


@feedback.callback()
def _root() -> None:
    """Show and export what people think of answers."""


@feedback.command("list")
def list_feedback(*, as_json: AsJson = False, verbose: Verbose = False) -> None:
    """List the feedback, oldest first; the last for each answer counts.

    Examples:
      python -m app feedback list
      python -m app feedback list --json

    Exit codes: 0 done, 2 settings or arguments.
    """
    entries = _entries(verbose=verbose)

    def draw(console: Console) -> None:
        for entry in entries:
            thumb = "helpful" if entry.helpful else "not helpful"
            console.print(f"{entry.at}  {thumb}  {visible(entry.question)}", soft_wrap=True)
            if entry.comment:
                console.print(f"  {visible(entry.comment)}", soft_wrap=True)
        helpful = sum(entry.helpful for entry in entries)
        console.print(f"{helpful} helpful, {len(entries) - helpful} not", style="bold")

    document = [entry.model_dump() for entry in entries]
    Output(as_json=as_json).result({"feedback": document}, draw)


@feedback.command("export")
def export_feedback(*, as_json: AsJson = False, verbose: Verbose = False) -> None:
    """Write a golden case for each question with a helpful answer, one to a line.

    What such an answer cites is taken for relevant. Review each case before you
    add it to a golden set.

    Examples:
      python -m app feedback export > candidates.jsonl

    Exit codes: 0 done, 2 settings or arguments.
    """
    from app.evaluation.feedback import golden_candidates

    entries = _entries(verbose=verbose)
    cases = [case.model_dump() for case in golden_candidates(entries)]
    output = Output(as_json=as_json)
    if as_json:
        output.result({"cases": cases}, lambda _console: None)
        return
    for case in cases:
        output.text(json.dumps(case))
    other = sum(not (entry.helpful and entry.documents) for entry in entries)
    if other:
        output.remark(f"{other} more suggest no case: `python -m app feedback list` shows them.")


def _entries(*, verbose: bool) -> list[FeedbackEntry]:
    from app.evaluation.feedback import FeedbackFile

    return FeedbackFile(load(verbose=verbose).index_path).entries()
