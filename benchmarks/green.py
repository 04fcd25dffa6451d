"""From nothing to green, and the inner loop.

The defaults are rendered to a new folder, set up, checked and tested with the commands that a
team types, `make check test`, and a warm package cache. Then `make test` runs again.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks.findings import Aim, Findings, Line
from benchmarks.measure import percentile, seconds
from benchmarks.workshop import run

if TYPE_CHECKING:
    from benchmarks.workshop import Bench

__all__ = ["measure"]


def measure(bench: Bench) -> Findings:
    """Time each step once, and the tests a few times."""
    steps: list[tuple[str, float]] = []
    with bench.scratch() as folder:
        service = folder / "service"

        def step(what: str, *command: str) -> None:
            bench.say(what)
            steps.append((what, seconds(lambda: run(*command, cwd=service))))

        bench.say("rendering")
        render = (sys.executable, "scripts/new.py", str(service), "--defaults", "--quiet")
        steps.append(("rendering", seconds(lambda: run(*render))))
        step("`make setup`", "make", "setup")
        step("`make check`", "make", "check")
        if not bench.quick:
            for _ in range(3):
                step("`make test`", "make", "test")
    lines = [Line(what, taken, "s") for what, taken in steps[:3]]
    if bench.quick:
        return Findings(lines, remarks=["A quick look omits the tests."])
    tests = [taken for what, taken in steps if what == "`make test`"]
    return Findings(
        [
            Line(
                "rendered, set up, checked and tested",
                sum(taken for _, taken in steps[:4]),
                "s",
                aim=Aim("<", 60, of="ours"),
                remedy="install uv: pip takes twice as long to set up.",
            ),
            *lines,
            Line(
                "`make test`",
                percentile(tests, 50),
                "s",
                aim=Aim("<", 20, of="ours"),
                remedy="`make test ARGS=tests/unit` while you work; more cores run more at once.",
            ),
        ]
    )
