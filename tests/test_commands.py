"""The commands of the template repository, run in a fresh clone."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from harness.answers import ROOT, questions
from harness.commands import git, interpreter, run, user_environment
from harness.rendering import commit_all, files

if TYPE_CHECKING:
    import subprocess

NEW = ROOT / "scripts/new.py"
_SECONDS = re.compile(r"^\[ ?\d+ s\]")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment with git, make and the oldest Python, without uv."""
    python = interpreter("3.11") or Path(sys.executable)
    return user_environment(tmp_path / "tools", python=python, uv=False)


def new(
    *arguments: str | Path, expected: int = 0, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run the script of `make new`, without a terminal."""
    return run(sys.executable, NEW, *arguments, cwd=cwd, expected=expected)


def test_help_names_every_target() -> None:
    """`make` without a target lists the targets and their purposes."""
    shown = run("make", cwd=ROOT).stdout
    declared = re.findall(r"^\.PHONY: (\S+)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for target in declared:
        assert re.search(rf"^  make {target} +\S", shown, re.MULTILINE), target


def test_new_takes_answers_from_a_file(tmp_path: Path) -> None:
    """The file's answers are used, defaults for the rest, and the next steps are printed."""
    answers = tmp_path / "answers.yml"
    answers.write_text("project_name: Acme Ärchive\ndocs: false\n", encoding="utf-8")
    done = new(tmp_path / "service", "--answers", answers)
    recorded = yaml.safe_load((tmp_path / "service/.copier-answers.yml").read_text("utf-8"))
    assert ("Acme Ärchive", "acme-archive", False, "github") == tuple(
        recorded[name] for name in ("project_name", "project_slug", "docs", "ci")
    )
    assert "Acme Ärchive is ready" in done.stdout
    assert "make run" in done.stdout
    assert "create" not in done.stdout
    assert re.search(r"^  llm_providers +none$", done.stdout, re.MULTILINE)
    assert all(f"  {name} " in done.stdout for name in questions())
    assert len(done.stdout.splitlines()) < len(questions()) + 16


@pytest.mark.parametrize(
    ("remote", "recorded"),
    [
        ("https://example.org/t.git", "https://example.org/t.git"),
        ("git@example.org:a/t.git", "git@example.org:a/t.git"),
        ("/somewhere/here", None),
        (None, None),
    ],
)
def test_new_records_an_address_that_colleagues_can_use(
    remote: str | None, recorded: str | None, clone: Path, tmp_path: Path
) -> None:
    """The remote of the checkout is recorded; without a remote a note explains what to do."""
    if remote:
        git(clone, "remote", "add", "origin", remote)
    service = tmp_path / "service"
    shown = run(sys.executable, clone / "scripts/new.py", service, "--defaults", cwd=clone).stdout
    answers = yaml.safe_load((service / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert (recorded or str(clone)) == answers["_src_path"]
    assert (recorded is None) == ("make template-source URL=" in shown)


def test_new_takes_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every shell expands `DEST=~/my-service`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    new("~/service", "--quiet")
    assert (tmp_path / "service" / "Makefile").exists()
    assert "home" in new("~no-such-user/service", expected=2).stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("project_nam: x\n", "did you mean project_name?"),
        ("- project_name\n", "must hold `question: answer` lines"),
        ("project_name: [\n", "cannot read the answers"),
        ("project_name: ' '\n", "must not be blank"),
        ("license: GPL\n", "'GPL' is not in"),
        (None, "cannot read the answers"),
    ],
)
def test_new_refuses_answers_that_it_cannot_use(
    text: str | None, message: str, tmp_path: Path
) -> None:
    """A misspelt question is an error, because Copier would silently use the default."""
    answers = tmp_path / "answers.yml"
    if text is not None:
        answers.write_text(text, encoding="utf-8")
    refused = new(tmp_path / "service", "--answers", answers, expected=2).stdout
    assert message in refused
    assert "Traceback" not in refused
    assert not (tmp_path / "service").exists()


def test_new_writes_nothing_over(tmp_path: Path) -> None:
    """A non-empty folder or a file is rejected; an empty folder is accepted."""
    occupied = tmp_path / "occupied"
    occupied.mkdir()
    (occupied / "thesis.tex").touch()
    assert "is not empty" in new(occupied, expected=2).stdout
    assert "is a file" in new(occupied / "thesis.tex", expected=2).stdout
    assert ["thesis.tex"] == files(occupied)
    empty = tmp_path / "empty"
    empty.mkdir()
    new(empty, "--quiet")
    assert "pyproject.toml" in files(empty)


@pytest.mark.slow
def test_a_newcomer_makes_a_service_and_updates_it(
    clone: Path, env: dict[str, str], tmp_path: Path
) -> None:
    """`make new` works in a fresh clone, and the service can be updated from there."""
    assert "DEST is not set" in run("make", "new", cwd=clone, env=env, expected=2).stdout
    run("make", "new", f"DEST={tmp_path / 'my service'}", cwd=clone, env=env)
    service = tmp_path / "my service"
    assert "" == git(clone, "status", "--porcelain")
    commit_all(service, "Start from Groundwork")
    run(clone / ".venv/bin/copier", "update", "--defaults", cwd=service, env=env)
    assert "" == git(service, "status", "--porcelain")


@pytest.mark.slow
def test_the_demo_answers_with_a_citation(clone: Path, env: dict[str, str]) -> None:
    """`make demo` in a fresh clone ends with a correct answer and the folder of the service.

    The README shows lines of it, in their order; only the seconds differ.
    """
    shown = run("make", "demo", cwd=clone, env=env).stdout
    readme = (clone / "README.md").read_text(encoding="utf-8")
    session = readme.split("```console\n$ make demo\n")[1].split("```")[0]
    lines = [_SECONDS.sub("", line) for line in session.splitlines() if line.strip()]
    printed = iter(_SECONDS.sub("", line) for line in shown.splitlines())
    assert [] == [line for line in lines if line not in printed]
    answer = shown.split("app ask")[-1]
    assert "72 hours" in answer
    assert "[1] guides/collecting-a-parcel.md" in answer
    assert "" == git(clone, "status", "--porcelain")
