"""Citations.

An answer of six sentences, each with a citation of another passage of 256 tokens, is composed from
a model's reply and held against its passages (`APP_CITATIONS=mark`): quotes, numbers, dates, names
and pages. Beside it the same answer is composed alone (`off`). No model is asked on either side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.findings import Aim, Findings, compared
from benchmarks.measure import alternate

if TYPE_CHECKING:
    from benchmarks.workshop import Bench

__all__ = ["measure"]


def measure(bench: Bench) -> Findings:
    """Compare an answer that is checked, and one that is not."""
    python = bench.service() / ".venv/bin/python"
    with bench.worker(python, "citing") as worker:
        worker.ask("set_up", samples=str(bench.service() / "data/samples"))
        pairs = alternate(
            lambda: worker.figure("answer", checked=True, count=50),
            lambda: worker.figure("answer", checked=False, count=50),
            bench.size(40, 1),
            warm=bench.size(2, 0),
            told=lambda told: bench.say(f"answers, {told}"),
        )
    line = compared(
        "an answer with six citations",
        pairs,
        "ms",
        scale=1e3,
        other="composed alone",
        aim=Aim("<", 5, of="ours"),
        remedy="the time grows with the passages that are cited: `APP_CITATIONS=off` saves it.",
    )
    return Findings([line])
