"""Run all checks of the checkout in parallel, and name the violated practices.

    python -m scripts.check            all steps
    python -m scripts.check NAME…      some of them
    python -m scripts.check --json     print steps and findings as JSON, --sarif as SARIF

A step that fails does not stop the others. Their output follows the list, each line with the code
of its practice in scripts/practices.toml. In GitHub's CI the findings are annotations, too.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.practices import annotate
from scripts.reports import as_json, as_sarif, tell_github

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Outcome", "Step", "main", "run", "run_all", "steps"]

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Step:
    """The command of one tool, and the practices it checks if its output does not name them."""

    name: str
    command: tuple[str, ...]
    practices: str = ""


@dataclass(frozen=True)
class Outcome:
    """The result of a step."""

    step: Step
    passed: bool
    output: str
    seconds: float


def steps(root: Path) -> list[Step]:
    """Return the steps for a checkout, the slowest first."""
    python, tools = (sys.executable,), Path(sys.executable).parent
    found = [
        Step("types", (*python, "-m", "mypy"), "TYP1, TYP6"),
        Step("layers", (*python, str(tools / "lint-imports"), *IMPORTS), "STR1, STR2"),
        Step("standards", (*python, "-m", "scripts.standards")),
        Step("reference", (*python, "-m", "scripts.reference", "--check")),
        Step("pins", (*python, "-m", "scripts.lock", "--check"), "DEP1, DEP2, DEP3"),
        Step("imports", (*python, "-m", "deptry", "--no-ansi", "src"), "DEP3"),
        Step("tools", (*python, "-m", "deptry", "--no-ansi", *DEV_IMPORTS), "DEP3"),
        Step("format", (*python, "-m", "ruff", "format", "--check", *CONCISE, ".")),
        Step("lint", (*python, "-m", "ruff", "check", *CONCISE, ".")),
        Step("docstrings", (*python, "-m", "ruff", "check", *CONCISE, *DOC501, "src"), "ERR4"),
        Step("licences", (*python, "-m", "scripts.bill", "--check")),
        Step("pyproject", (*python, "-m", "validate_pyproject", "pyproject.toml")),
    ]
    if (root / (config := ".pre-commit-config.yaml")).exists():
        # The hooks look at what git tracks, from the root of the repository.
        whole = ("run", "--all-files") if (root / ".git").exists() else ("validate-config", config)
        found.append(Step("hooks", (*python, "-m", "pre_commit", *whole)))
    schema = (*python, "-m", "check_jsonschema", "--builtin-schema")
    if workflows := sorted(str(path) for path in (root / ".github/workflows").glob("*.y*ml")):
        found += [
            Step("workflows", (*schema, "vendor.github-workflows", *workflows)),
            Step("actions", (str(tools / "zizmor"), "--offline", "--quiet", *workflows)),
        ]
    if (root / "compose.yaml").exists():
        found.append(Step("compose", (*schema, "vendor.compose-spec", "compose.yaml")))
    return found


CONCISE = ("--quiet", "--output-format", "concise")
DOC501 = ("--preview", "--select", "DOC501")
# If tools may be imported, they count as declared like other requirements.
DEV_IMPORTS = (
    *("--optional-dependencies-dev-groups", "docs", "--exclude", r"\.venv", "--ignore", "DEP002"),
    *("scripts", "tests"),
)
IMPORTS = ("--no-logo", "--cache-dir", ".cache/import-linter")


def run(step: Step, root: Path) -> Outcome:
    """Run one step at the root of a checkout."""
    start = time.perf_counter()
    try:
        done = subprocess.run(
            step.command,
            cwd=root,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as exc:
        return Outcome(step, passed=False, output=f"{exc}; run `make clean setup`", seconds=0.0)
    seconds = time.perf_counter() - start
    return Outcome(step, done.returncode == 0, done.stdout.strip(), seconds)


def run_all(chosen: Sequence[Step], root: Path) -> Iterable[Outcome]:
    """Run the steps, one per processor at a time, and yield their outcomes in order."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        yield from pool.map(lambda step: run(step, root), chosen)


def main(arguments: Sequence[str]) -> int:
    """Run the steps with these names, or all; return the exit code."""
    known = {step.name: step for step in steps(ROOT)}
    parser = argparse.ArgumentParser(prog="make check", description="Run the checks.")
    parser.add_argument("names", nargs="*", metavar="STEP", help=", ".join(known))
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="print steps and findings as JSON")
    formats.add_argument("--sarif", action="store_true", help="print the findings as SARIF")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - known.keys():
        parser.error(f"there is no step {', '.join(unknown)}; there are {', '.join(known)}")
    shown = sys.stderr if options.json or options.sarif else sys.stdout
    outcomes = []
    for outcome in run_all([known[name] for name in options.names] or list(known.values()), ROOT):
        word = "ok    " if outcome.passed else "FAILED"
        print(f"{word}  {outcome.step.name:<12} {outcome.seconds:5.1f} s", file=shown, flush=True)
        outcomes.append(outcome)
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if options.json or options.sarif:
        print(as_json(outcomes) if options.json else as_sarif(outcomes))
        return int(bool(failed))
    for outcome in failed:
        of = f" ({outcome.step.practices})" if outcome.step.practices else ""
        print(f"\n{outcome.step.name}{of}: {shlex.join(outcome.step.command)}")
        for line in outcome.output.splitlines():
            print(f"  {annotate(line)}")
    tell_github(outcomes)
    if failed:
        print(f"\n{len(failed)} of {len(outcomes)} steps failed")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
