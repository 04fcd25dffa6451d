"""The page of results: Markdown and plots, written from a JSON file beside it."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict

from benchmarks import SUBJECTS
from benchmarks.findings import findings_from, number
from benchmarks.workshop import ROOT, BenchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from benchmarks.findings import Findings, Line

__all__ = ["HAND_WRITTEN", "Taken", "methods", "read_results", "table", "taken", "write_page"]

HAND_WRITTEN: Final = "## Tried, and did not help"
"""From this heading on, the page is written by hand and kept."""

_INTRODUCTION: Final = """# Benchmarks

How fast a rendered service is, and how long rendering takes. `make bench` measures everything and
writes this page. `make bench ARGS="api events"` measures only those subjects again, and `make
bench CORPUS=folder` uses your documents.

Each line compares two sides in one run, in alternating rounds, so that a disturbance affects
both. A figure is the median over the rounds. A ratio is *ours divided by the other's*, the median
over the pairs, with the quartiles in brackets: a smaller ratio of times is better, and a larger
ratio of throughputs. The figures are those of one machine. For another one, rely on the ratios,
or measure there.
"""


class Taken(TypedDict):
    """What a subject has found, and on what."""

    date: str
    python: str
    cores: int
    quick: bool
    corpus: bool
    findings: dict[str, object]


def taken(findings: Findings, *, quick: bool, corpus: bool) -> Taken:
    """Return the findings with where and when they were taken; nothing names the machine.

    Args:
        findings: of a subject.
        quick: whether they are a look only.
        corpus: whether they are of a folder of documents that was named.
    """
    return Taken(
        date=datetime.now(UTC).date().isoformat(),
        python=platform.python_version(),
        cores=os.cpu_count() or 1,
        quick=quick,
        corpus=corpus,
        findings=findings.as_json(),
    )


def read_results(folder: Path) -> dict[str, Taken]:
    """Return the results that are kept beside a page.

    Raises:
        BenchError: they cannot be read.
    """
    path = folder / "benchmarks/results.json"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise BenchError(f"{path} cannot be read: {exc}") from exc
    return {str(name): subject for name, subject in said.items()}


def write_page(folder: Path, results: Mapping[str, Taken], *, plotter: Path) -> Path:
    """Write `benchmarks.md`, its plots and its results into a folder; return the page.

    Args:
        folder: of the documentation.
        results: of every subject that has been measured, by name.
        plotter: the interpreter that can draw.

    Raises:
        BenchError: the plots cannot be drawn.
    """
    results = {name: results[name] for name in SUBJECTS if name in results}
    images = folder / "benchmarks"
    images.mkdir(parents=True, exist_ok=True)
    (images / "results.json").write_text(_json(results), encoding="utf-8")
    results = read_results(folder)  # as rounded there, so that the page says the same again
    drawn = subprocess.run(
        [str(plotter), "-m", "benchmarks.plots", str(images / "results.json"), str(images)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if drawn.returncode:
        raise BenchError(f"the plots cannot be drawn:\n{drawn.stderr}")
    page = folder / "benchmarks.md"
    kept = page.read_text(encoding="utf-8") if page.is_file() else ""
    by_hand = kept[kept.index(HAND_WRITTEN) :] if HAND_WRITTEN in kept else f"{HAND_WRITTEN}\n"
    sections = [_section(name, subject) for name, subject in results.items()]
    page.write_text("\n".join([_INTRODUCTION, *sections, by_hand]), encoding="utf-8")
    return page


def methods(name: str) -> tuple[str, str]:
    """Return a subject's title, and what it measures and how: its docstring, without running it."""
    spec = importlib.util.find_spec(f"benchmarks.{name}")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_text(encoding="utf-8")
    title, _, text = (ast.get_docstring(ast.parse(source)) or name).partition("\n")
    return title.rstrip("."), text.strip()


def table(lines: Iterable[Line]) -> str:
    """Return the lines as a table of Markdown."""
    rows = [
        ("what", "ours", "the other", "ratio", "aim", "met"),
        *(_row(line) for line in lines),
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    head, *body = (
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        for row in rows
    )
    rule = f"|{'|'.join('-' * (width + 2) for width in widths)}|"
    return "\n".join([head, rule, *body])


def _section(name: str, subject: Taken) -> str:
    findings = findings_from(subject["findings"])
    title, method = methods(name)
    where = (
        f"Measured {subject['date']} with Python {subject['python']} on {subject['cores']} cores"
    )
    corpus = "CORPUS=folder " if subject["corpus"] else ""
    quick = " A quick look, not a measurement." if subject["quick"] else ""
    parts = [
        f"## {title}",
        method,
        table(findings.lines),
        *findings.remarks,
        *_verdicts(findings.lines),
        *(f"![{plot.title}](benchmarks/{plot.name}.svg)" for plot in findings.plots),
        f"{where}, by `make bench {corpus}ARGS={name}`.{quick}",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _verdicts(lines: Iterable[Line]) -> Iterator[str]:
    """Yield what to do, first about the aims that are missed."""
    told: dict[tuple[bool, str], dict[str, None]] = {}
    for line in sorted(lines, key=lambda line: line.met is not False):
        if line.remedy:
            told.setdefault((line.met is False, line.remedy), {})[f"*{line.what}*"] = None
    items = [
        f"- {'**Missed**: ' if missed else ''}{', '.join(names)}: {remedy}"
        for (missed, remedy), names in told.items()
    ]
    if items:
        yield "To improve it:\n\n" + "\n".join(items)


def _row(line: Line) -> tuple[str, ...]:
    theirs = "" if line.theirs is None else f"{number(line.theirs)} {line.unit}"
    if line.other:
        theirs = f"{theirs} ({line.other})".strip()
    ratio = "" if line.ratio is None else number(line.ratio)
    if line.spread is not None:
        ratio += f" ({number(line.spread[0])} to {number(line.spread[1])})"
    ours = f"{number(line.ours)} {line.unit}"
    if line.added is not None and line.aim is not None and line.aim.of == "added":
        ours += f" (added {number(line.added)})"
    aim = "" if line.aim is None else line.aim.told(line.unit)
    met = {None: "", True: "yes", False: "**no**"}[line.met]
    return line.what, ours, theirs, ratio, aim, met


def _json(results: Mapping[str, Taken]) -> str:
    def rounded(value: object) -> object:
        if isinstance(value, float):
            return float(f"{value:.5g}")
        if isinstance(value, dict):
            return {name: rounded(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [rounded(each) for each in value]
        return value

    return json.dumps(rounded(dict(results)), indent=1, ensure_ascii=False) + "\n"
