"""Benchmarks of a rendered service and of rendering one: `make bench`.

Each subject is a module here with this small interface; `SUBJECTS` lists them in the page's order.

- Its docstring says what is measured and how. The page prints it, so it is written for the page:
  the first line is the section's title.
- `measure(bench: Bench) -> Findings` takes the measurements and returns lines and plots
  (`benchmarks.findings`). Both sides of a line are measured in one run, by turns
  (`benchmarks.measure.alternate`); a figure is a median.

Code for another environment is a module in `benchmarks/workers/`: the rendered service's own
(`bench.service()`), or that of the competitors (`bench.competitors()`, pinned in
`requirements/bench.txt`). `bench.worker(python, name)` starts one, and `worker.ask(command)` has it
do something and returns its reply; the worker takes the time, so that the pipe costs nothing.

Everything stands in `build/bench/`, and environments are kept there from one run to the next.
"""

from __future__ import annotations

from typing import Final

__all__ = ["SUBJECTS"]

SUBJECTS: Final = (
    "rendering",
    "updating",
    "green",
    "startup",
    "ingestion",
    "wide",
    "chunking",
    "search",
    "stores",
    "ranking",
    "citations",
    "orchestration",
    "api",
    "events",
    "port",
)
"""The modules of the subjects, in the order of the page."""
