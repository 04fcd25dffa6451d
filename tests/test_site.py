"""The template's own documentation: its site builds, its names exist, and its commands work."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import yaml

from harness.answers import ROOT, questions
from harness.commands import git, interpreter, run, user_environment
from harness.snippets import commands_of, snippets_of, write_snippets
from scripts.pages import navigation, pages

if TYPE_CHECKING:
    from collections.abc import Callable

    Renderer = Callable[[str], Path]

PAGES: Final = sorted(
    path
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if "adr" not in path.parts and path.name not in {"CHANGELOG.md", "LICENSE.md"}
)

ELSEWHERE: Final = {
    r"make demo$": "test_commands.py",
    r"python -m app (ingest data/samples|ask How long)": "make demo",
    r"make test( |$)": "runs this test",
    r"make (run|provider)( |$)": "serves until it is stopped; test_serving.py of the service does",
    r"make new DEST=\.\./my-service": "test_commands.py",
    r"cd \.\./my-service": "the folder of another command",
    r"git init ": "the tutorial, with --quiet",
    r"make template-(preview|update)": "test_updates.py",
    r"make (judge|drift|fleet) ": "test_judge.py",
}
"""Console lines that another test runs, or that cannot end."""


def test_the_site_builds_without_a_warning() -> None:
    """Strictly: each link leads to a page, and each page is in the navigation or in a list."""
    run(sys.executable, "-m", "scripts.pages", cwd=ROOT)
    run(sys.executable, "-m", "zensical", "build", "--clean", "--strict", cwd=ROOT / "build/site")

    site = ROOT / "build/site/site"
    assert "Within how many days" in (site / "tutorial/index.html").read_text("utf-8")
    assert (site / "pictures/architecture.svg").exists()
    records = (site / "adr/index.html").read_text("utf-8")
    for record in (ROOT / "docs/adr").glob("*.md"):
        assert f"{record.stem}/" in records


def test_a_new_page_enters_the_navigation(tmp_path: Path) -> None:
    """Pages of tasks are found in `docs/` and `docs/how-to/`."""
    (tmp_path / "how-to").mkdir()
    for name in ("index.md", "adopt.md", "how-to/bots.md"):
        (tmp_path / name).write_text("# Title\n", encoding="utf-8")

    (tasks,) = [entry["How-to"] for entry in navigation(tmp_path) if "How-to" in entry]

    assert isinstance(tasks, list)
    assert {"adopt.md", "how-to/bots.md"} <= set(tasks)
    assert "index.md" not in tasks


def test_the_reference_is_complete() -> None:
    """It has each question with its choices, and each path that depends on an answer."""
    found = pages()
    for name, details in questions().items():
        assert f"\n## {name}\n" in found["reference/questions.md"]
        choices = details.get("choices", {})
        for value in choices.values() if isinstance(choices, dict) else ():
            assert f"`{value}`" in found["reference/questions.md"]
    for path in ("/docs", "/**/options/openai_api", "/src/app/ext/", "/data/samples"):
        assert f"| `{path}` |" in found["reference/files.md"]
    for name in ("questions", "files", "practices", "settings", "contract"):
        assert "# [%" not in found[f"reference/{name}.md"]


def test_commands_and_files_exist(rendered: Renderer) -> None:
    """What the pages name is here, or in a service with every option."""
    service = rendered("everything")
    makefiles = [(root / "Makefile").read_text("utf-8") for root in (ROOT, service)]
    for page in PAGES:
        text = page.read_text("utf-8")
        for target in re.findall(
            r"(?:^|`|\$ )make (?:-C template )?([a-z][a-z-]+)", text, re.MULTILINE
        ):
            known = [file for file in makefiles if re.search(rf"^{target}:", file, re.MULTILINE)]
            assert known, (page.name, target)
        pattern = r"`((?:src|template|tests|scripts|docs|benchmarks|requirements|deploy)/[\w./-]+)`"
        for path in re.findall(pattern, text):
            there = (ROOT / path).exists() or (service / path).exists() or path == "tests/team/"
            assert there, (page.name, path)


def test_each_command_is_run_by_a_test() -> None:
    """A console line is in the tutorial, or a test is named for it above."""
    for page in PAGES:
        if page.name != "tutorial.md":
            for line in commands_of(page):
                known = [pattern for pattern in ELSEWHERE if re.match(pattern, line)]
                assert known, (page.name, line)


@pytest.mark.slow
def test_the_tutorial_works(clone: Path, tmp_path: Path) -> None:
    """Its commands, in order and in one shell, in a clone beside an empty folder."""
    tutorial = ROOT / "docs/tutorial.md"
    env = user_environment(
        tmp_path / "tools", python=interpreter("3.11") or Path(sys.executable), uv=True
    )
    lines = [line for line in commands_of(tutorial) if line != "make run"]
    first = lines.index("make setup")
    run("bash", "-ec", "\n".join(lines[:first]), cwd=clone, env=env)
    service = clone.parent / "parcel-help"
    assert set(write_snippets(snippets_of(tutorial), service)) <= set(
        git(service, "ls-files", "--others").splitlines()
    )

    # Each job has a process group, so that the end of the script ends all of the fake provider.
    script = "set -m\ntrap 'kill -- -$! || true' EXIT\n" + "\n".join(lines[first:])
    shown = run("bash", "-ec", script, cwd=service, env=env).stdout

    assert "1 added" in shown
    assert "within 30 days" in shown
    assert "The answer was not found in the documents." in shown
    assert '"model": "openai:any"' in shown
    assert "app.ext.statistics" in shown
    assert "1 passed" in shown
    shutil.rmtree(service)


def test_the_tutorial_shows_the_answers_that_it_uses() -> None:
    """The file of answers is printed as it is, and its answers exist."""
    text = (ROOT / "docs/tutorial.yml").read_text("utf-8")

    assert f"```yaml\n{text}```" in (ROOT / "docs/tutorial.md").read_text("utf-8")
    assert yaml.safe_load(text).keys() <= questions().keys()
