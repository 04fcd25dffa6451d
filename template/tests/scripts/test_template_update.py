"""`make template-update` fetches a release, or reports in one line why it cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.template_update import ROOT, UpdateError, answer, fetch, main, set_source

ANSWERS = "# by Copier\n_commit: v0.1.0\n_src_path: 'https://example.org/t.git'\nname: A: b\n"


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """A folder with answers."""
    (tmp_path / ".copier-answers.yml").write_text(ANSWERS, encoding="utf-8")
    return tmp_path


def test_the_entries_of_copier_are_read(service: Path) -> None:
    """Quotes are optional."""
    assert "v0.1.0" == answer(service, "_commit")
    assert "https://example.org/t.git" == answer(service, "_src_path")


def test_a_missing_entry_is_named(service: Path) -> None:
    """A service that came from no release cannot be updated to another."""
    with pytest.raises(UpdateError, match=r"\.copier-answers\.yml is missing, or has no _version"):
        answer(service, "_version")


def test_a_template_that_has_moved_is_found_again(service: Path) -> None:
    """Only the address changes; the other answers are unchanged."""
    set_source(service, r"git@example.org:\1/t.git")

    text = (service / ".copier-answers.yml").read_text("utf-8")
    assert ANSWERS.replace("'https://example.org/t.git'", r"git@example.org:\1/t.git") == text


@pytest.mark.parametrize("answers", [None, "_commit: v0.1.0\n", "_src_path: gone\n_commit: v1\n"])
def test_what_cannot_be_fetched_is_said_in_one_line(
    answers: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There are no answers, no address, or no template at the address."""
    if answers:
        (tmp_path / ".copier-answers.yml").write_text(answers, encoding="utf-8")

    assert 1 == main(["--service", str(tmp_path)])
    assert 1 == capsys.readouterr().err.count("\n")


def test_a_release_that_was_fetched_in_part_is_removed(
    service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk may be full in the middle: the updater must not take the part for the release."""

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        Path(command[-1], "part").mkdir(parents=True)
        return subprocess.CompletedProcess(command, 1, "", "OSError: No space left on device")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(UpdateError, match="No space left"):
        fetch(service, service / "release")
    assert not (service / "release").exists()


def test_the_fetched_release_runs_its_own_updater(
    service: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Copier checks choices; the updater's output and exit code are passed on."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        if "copy" in command:
            rendered = Path(command[-1], ".copier-answers.yml")
            rendered.parent.mkdir(parents=True, exist_ok=True)
            rendered.write_text(f"{ANSWERS}docs: false\nproject_name:\n", encoding="utf-8")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    given = ("--to", "v0.2.0", "--answers", "docs=false project_name='Our desk'", "--preview")

    assert 0 == main(["--service", str(service), *given])
    # The release of the service is fetched at the same time.
    (base,) = (command for command in commands[:2] if "v0.1.0" in command)
    assert str(service / ".cache/template-update/base") == base[-1]
    (copy,) = (command for command in commands[:2] if command is not base)
    update = commands[2]
    assert ["copy", "--defaults"] == copy[3:5]
    data = ["--data", "docs=false", "--data", "project_name=Our desk"]
    chosen = ["--exclude=!/scripts/updating", "--vcs-ref", "v0.2.0"]
    assert [*data, *chosen, "https://example.org/t.git"] == copy[-9:-1]
    assert ["-m", "scripts.updating", "--preview", str(service)] == update[1:]

    assert 1 == main(["--service", str(service), "--answers", "doc=false"])
    assert "the release has no question doc, or" in capsys.readouterr().err


def test_a_reason_is_named_by_the_line_that_has_it(
    service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git's advice about access rights comes after its error, and Copier's frames before."""
    said = {
        "fatal: no such repository\nPlease make sure that it exists.": "no such repository",
        "  File 1\nValueError: Unknown revision: 'v7'": "Unknown revision: 'v7'",
        "killed": "killed",
    }
    for output, reason in said.items():
        done = subprocess.CompletedProcess([], 1, "", output)
        monkeypatch.setattr(subprocess, "run", lambda *_, done=done, **__: done)
        with pytest.raises(UpdateError, match=rf"from https://example.org/t.git: {reason} \(if"):
            fetch(service, service / "release")


def test_an_update_is_taken_back_without_another_setup(tmp_path: Path) -> None:
    """The pins that it brought may not install, or be written in part."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    needed = (".venv/ready", ".python-version", "scripts/setup.sh")
    pins = (f"requirements/{layer}.txt" for layer in ("base", "app", "dev"))
    for age, name in enumerate((*needed, *pins)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (age, age))
    env = {name: value for name, value in os.environ.items() if name not in {"PYTHON", "MAKEFLAGS"}}

    def planned(*arguments: str) -> str:
        command = ["make", "--dry-run", "template-update", *arguments]
        done = subprocess.run(  # noqa: S603 - make, with arguments of this test
            command, cwd=tmp_path, env=env, check=True, capture_output=True, text=True
        )
        return done.stdout

    assert "setup.sh" in planned()
    assert "setup.sh" not in planned("ABORT=1")
    assert "scripts.template_update --abort" in planned("ABORT=1")
    (tmp_path / ".venv/ready").unlink()
    assert "setup.sh" in planned("ABORT=1")
