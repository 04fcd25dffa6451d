"""The findings of `make check`, for CI and for other tools."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.findings import Finding
from scripts.practices import PRACTICES, annotate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scripts.check import Outcome

__all__ = ["as_json", "as_sarif", "findings", "tell_github"]

_PLACE = re.compile(r"(?P<path>[^\s:]+):(?P<line>\d+):(?:\d+:)? *(?!note: )(?P<text>\S.*)")
_CODE = re.compile(r"\b[A-Z]{3}\d\b")
_BREAKS = re.compile(r"[`|\s]+")


def findings(outcome: Outcome) -> list[Finding]:
    """Return what a failed step found; all its output as one finding if no line has a place."""
    found, hook = [], ""
    for line in outcome.output.splitlines():
        hook = line.removesuffix("Failed").rstrip(".") if line.endswith("Failed") else hook
        place = _PLACE.fullmatch(line.strip())
        # A linter's line ends with the code of its practice, a rule's begins with it.
        told = (annotate(line).removeprefix(line), line, hook, outcome.step.practices)
        code = next((match[0] for text in told if (match := _CODE.search(text))), outcome.step.name)
        if place:
            found.append(Finding(place["path"], int(place["line"]), code, place["text"]))
        elif hook and Path(line).is_file():
            found.append(Finding(line, 1, code, hook))
    if found or outcome.passed:
        return found
    match = _CODE.search(hook or outcome.output) or _CODE.search(outcome.step.practices)
    return [Finding("", 1, match[0] if match else outcome.step.name, outcome.output)]


def as_json(outcomes: Sequence[Outcome]) -> str:
    """Return the steps and findings as JSON."""
    steps = [
        {"name": each.step.name, "passed": each.passed, "seconds": round(each.seconds, 2)}
        for each in outcomes
    ]
    found = [{"step": each.step.name, **vars(item)} for each in outcomes for item in findings(each)]
    return json.dumps({"steps": steps, "findings": found}, indent=2)


def as_sarif(outcomes: Sequence[Outcome]) -> str:
    """Return the findings as SARIF 2.1.0, which code scanning reads."""
    results = []
    for item in (item for outcome in outcomes for item in findings(outcome)):
        result = {"ruleId": item.code, "level": "error", "message": {"text": item.message}}
        place = {"artifactLocation": {"uri": item.path}, "region": {"startLine": item.line}}
        locations = [{"physicalLocation": place}] if item.path else []
        results.append({**result, "locations": locations})
    rules = [{"id": each.code, "shortDescription": {"text": each.text}} for each in PRACTICES]
    runs = [{"tool": {"driver": {"name": "make check", "rules": rules}}, "results": results}]
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": runs}, indent=2)


def tell_github(outcomes: Sequence[Outcome]) -> None:
    """In GitHub's CI, annotate the lines of a pull request and write the summary of the job."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    found = [item for outcome in outcomes for item in findings(outcome)]
    for item in found:
        # Nothing of a path or text may become a workflow command of its own.
        place = f"file={_escaped(item.path, ':,')},line={item.line}," if item.path else ""
        print(f"::error {place}title={item.code}::{_escaped(item.message)}")
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        steps = [
            (o.step.name, "ok" if o.passed else "failed", f"{o.seconds:.1f} s") for o in outcomes
        ]
        rows = [(item.code, f"{item.path}:{item.line}", item.message) for item in found]
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(_table(("step", "result", "time"), steps))
            file.write(_table(("code", "place", "finding"), rows) if rows else "")


def _escaped(text: str, more: str = "") -> str:
    for character in f"%\r\n{more}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table; a cell is text, whatever it holds."""
    cells = [[f"`{' '.join(_BREAKS.split(cell))}`" for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *cells]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"
