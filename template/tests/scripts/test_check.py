"""`make check` runs every step, and its messages name the practices."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from scripts.check import ROOT, Step, run, run_all, steps
from scripts.practices import annotate
from scripts.reports import findings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("src/app/a.py:1:5: ANN401 Dynamically typed expressions", "TYP3"),
        ("src/app/a.py:1:5: UP045 [*] Use `X | None`", "TYP4"),
        ("src/app/a.py:1:5: E722 Do not use bare `except`", "ERR1"),
        ("src/app/a.py:1:5: BLE001 Do not catch blind exception", "ERR1"),
        ("src/app/a.py:1:5: B904 Within an `except` clause", "ERR3"),
        ("src/app/a.py:1:5: T201 `print` found", "LOG2"),
        ("src/app/a.py:1:5: G004 Logging statement uses f-string", "LOG4"),
        ("src/app/a.py:1:5: LOG015 `info()` call on root logger", "LOG4"),
        ("src/app/a.py:1:5: ASYNC210 Async functions should not", "ASY1"),
        ("src/app/a.py:1:5: DEP003 'idna' imported but transitive", "DEP3"),
        ("src/app/a.py:3: error: Function is missing a type  [no-untyped-def]", "TYP1"),
        ('src/app/a.py:3: error: Unused "type: ignore"  [unused-ignore]', "TYP6"),
    ],
)
def test_line_is_annotated_with_its_practice(line: str, code: str) -> None:
    """A linter's or the type checker's line gets the code of its practice."""
    assert f"{line}  ({code})" == annotate(line)


@pytest.mark.parametrize(
    "line",
    [
        "src/app/a.py:1:5: E501 Line too long",
        "src/app/a.py:1: TYP2 the module does not open with the future import",
        "Found 3 errors in 1 file",
        "",
    ],
)
def test_other_lines_stay_as_they_are(line: str) -> None:
    """A line about no practice, or with its own code, is unchanged."""
    assert line == annotate(line)


def test_failed_step_keeps_its_output_and_does_not_stop_the_others(tmp_path: Path) -> None:
    """Outcomes come in the order of the steps, with the output of both streams."""
    failing = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    chosen = [
        Step("fails", (sys.executable, "-c", failing)),
        Step("passes", (sys.executable, "-c", "pass")),
    ]

    first, second = run_all(chosen, tmp_path)

    assert (False, {"out", "err"}) == (first.passed, set(first.output.split()))
    assert (True, "") == (second.passed, second.output)


def test_missing_tool_is_a_failure_that_says_so(tmp_path: Path) -> None:
    """A tool that is not installed fails its step, and the text has the remedy."""
    outcome = run(Step("gone", (str(tmp_path / "no-such-tool"),)), tmp_path)

    assert not outcome.passed
    assert "make clean setup" in outcome.output


def test_workflows_are_checked_where_there_are_any(tmp_path: Path) -> None:
    """A checkout without workflows and hooks has no steps for them."""
    assert not {"workflows", "actions", "hooks"} & {step.name for step in steps(tmp_path)}

    (tmp_path / ".pre-commit-config.yaml").touch()
    (tmp_path / ".github/workflows").mkdir(parents=True)
    (tmp_path / ".github/workflows/ci.yml").touch()

    assert {"workflows", "actions", "hooks"} <= {step.name for step in steps(tmp_path)}


def test_compose_file_is_checked_where_there_is_one(tmp_path: Path) -> None:
    """Without a container there is no compose step."""
    names = {step.name for step in steps(tmp_path)}
    (tmp_path / "compose.yaml").touch()
    assert {"compose"} == {step.name for step in steps(tmp_path)} - names


def test_large_files_are_refused(tmp_path: Path) -> None:
    """The hook fails for files above 1 MB and names them; other files pass."""
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    entry = shlex.split(hooks.partition("id: large-files")[2].split("entry: ")[1].split("\n")[0])
    small, large = tmp_path / "a small one", tmp_path / "a large one"
    small.write_bytes(b"1" * 999_000)
    large.write_bytes(b"1" * 1_001_000)

    assert run(Step("hook", (*entry, str(small))), tmp_path).passed
    refused = run(Step("hook", (*entry, str(small), str(large))), tmp_path)
    assert (False, str(large)) == (refused.passed, refused.output)


def test_hooks_refuse_what_belongs_into_no_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a checkout the step runs the hooks over all that git tracks, wherever it is."""
    marker, key = "<<<<<<< HEAD\n", "-----BEGIN PRIVATE KEY-----\n"
    refused = {
        ".env": "A=1\n",
        "deploy/.env.production": "A=1\n",
        ".envrc": "A=1\n",
        "a.rej": "x\n",
        "id_rsa": "x\n",
        "deploy/tls.key": "x\n",
        "tests/a.py": key,
        **dict.fromkeys(("README.md", "src/app/graph/prompts/answer.md", "Dockerfile"), marker),
        "large.txt": "x" * 1_000_001,
    }
    accepted = {".env.example": "A=\n", "src/env.py": "x = 1\n", "docs/a.md": "Title\n=======\n"}
    for path, text in {**refused, **accepted}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    (tmp_path / ".pre-commit-config.yaml").write_text(hooks, encoding="utf-8")
    for command in (("init", "--quiet"), ("add", "--all", "--force")):
        assert run(Step("git", ("git", *command)), tmp_path).passed
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKIP", "ruff-format,ruff-check")
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / ".git/hooks-cache"))

    (step,) = (step for step in steps(tmp_path) if step.name == "hooks")
    outcome = run(step, tmp_path)

    assert not outcome.passed
    assert set(refused) == {finding.path for finding in findings(outcome)}
