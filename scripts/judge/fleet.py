"""Many services at once, as a table and as one page that needs nothing else."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from html import escape
from pathlib import Path
from string import Template as Text
from typing import TYPE_CHECKING, Final

from scripts.judge.checkout import ANSWERS
from scripts.judge.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scripts.judge.release import Template
    from scripts.judge.verdict import Verdict

__all__ = ["checkouts", "judge_all", "page", "table"]

COLUMNS: Final = ("service", "release", "behind", "findings", "exceptions", "drift", "updated")
PAGE: Final = Path(__file__).with_name("fleet.html")


def checkouts(paths: Iterable[Path]) -> list[Path]:
    """Return the checkouts: a path that is none stands for the folders in it."""
    found: list[Path] = []
    for path in paths:
        if (path / ".git").exists() or (path / ANSWERS).exists() or not path.is_dir():
            found.append(path)
        else:
            inside = sorted(p for p in path.iterdir() if p.is_dir() and p.name[0] != ".")
            found += inside or [path]
    return found


def judge_all(roots: Sequence[Path], template: Template, *, at: str = "") -> list[Verdict]:
    """Judge every checkout, as many at once as there are processors."""
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        return list(pool.map(partial(judge, template=template, at=at), roots))


def _cells(verdict: Verdict) -> list[tuple[str, str]]:
    """Return the text of each column, and what it is sorted by."""
    if verdict.problem:
        texts = [verdict.service, verdict.problem, *[""] * (len(COLUMNS) - 2)]
        return [(text, text) for text in texts]
    codes = Counter(finding.code for finding in verdict.findings)
    findings = ", ".join(f"{code}: {count}" for code, count in sorted(codes.items()))
    days = [(verdict.day - entry.since).days for entry in verdict.exceptions if entry.since]
    age = f", oldest {max(days)} d" if days else ""
    count = len(verdict.exceptions)
    return [
        (verdict.service, verdict.service),
        (verdict.release, verdict.release),
        (str(verdict.behind), str(verdict.behind)),
        (findings or "none", str(len(verdict.findings))),
        (f"{count}{age}", str(count)),
        (str(len(verdict.drift)), str(len(verdict.drift))),
        (verdict.updated or "unknown", verdict.updated),
    ]


def table(verdicts: Sequence[Verdict]) -> str:
    """Return the services as text in columns; what cannot be judged has its reason."""
    rows = [COLUMNS, *([text for text, _ in _cells(each)] for each in verdicts)]
    judged = [COLUMNS, *(row for row, v in zip(rows[1:], verdicts, strict=True) if not v.problem)]
    widths = [max(len(row[n]) for row in judged) for n in range(len(COLUMNS))]
    widths[0] = max(len(row[0]) for row in rows)
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, "", _summary(verdicts)])


def _summary(verdicts: Sequence[Verdict]) -> str:
    broken = sum(bool(each.problem) for each in verdicts)
    failing = sum(bool(each.findings) for each in verdicts)
    behind = sum(bool(each.behind) for each in verdicts)
    passing = len(verdicts) - failing - broken
    return (
        f"{len(verdicts)} repositories: {passing} pass, {failing} fail, {broken} cannot be judged, "
        f"{behind} behind the newest release"
    )


def page(verdicts: Sequence[Verdict]) -> str:
    """Return one page of HTML with its style and script; texts of services are escaped."""
    heads = "".join(
        f'<th aria-sort="none"><button type="button">{name}</button></th>' for name in COLUMNS
    )
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Text(PAGE.read_text(encoding="utf-8")).substitute(
        summary=escape(_summary(verdicts)), heads=heads, rows="".join(map(_row, verdicts)), now=now
    )


def _row(verdict: Verdict) -> str:
    state = "broken" if verdict.problem else "fail" if verdict.findings else "pass"
    cells = []
    for name, (text, key) in zip(COLUMNS, _cells(verdict), strict=True):
        details: Sequence[object] = {
            "findings": verdict.findings,
            "exceptions": verdict.exceptions,
            "drift": verdict.drift,
        }.get(name, ())
        shown = escape(text)
        if details:
            items = "".join(f"<li>{escape(str(item))}</li>" for item in details)
            shown = f"<details><summary>{shown}</summary><ul>{items}</ul></details>"
        span = f' colspan="{len(COLUMNS) - 1}"' if verdict.problem and name == "release" else ""
        if not verdict.problem or name in {"service", "release"}:
            cells.append(f'<td data-name="{name}" data-key="{escape(key)}"{span}>{shown}</td>')
    return f'<tr class="{state}">{"".join(cells)}</tr>\n'
