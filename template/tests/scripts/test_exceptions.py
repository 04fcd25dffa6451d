"""Exceptions are listed, hold for one finding each, and are findings where they are wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.exceptions import entries, main, uncovered, wrong_entries
from scripts.findings import Finding
from scripts.standards import configuration
from scripts.standards.project import Project
from scripts.standards.rule import ProjectRule

REASON = "The floor rises again when the import of old tickets has tests."
ENTRY = f"""\
[[exception]]
code = "ENF1"
path = "pyproject.toml"
key = "tool.coverage.report.fail_under: 85"
reason = "{REASON}"
expires = 2999-03-31
"""
EDIT = f'[[exception]]\ncode = "STR5"\npath = "src/gwkit/a.py"\nreason = "{REASON}"\n'
LOOSE = "[tool.coverage.run]\nbranch = false\n[tool.coverage.report]\nfail_under = 85\n"


def checkout(root: Path, text: str) -> Project:
    """Return a checkout with these exceptions."""
    (root / "exceptions.toml").write_text(text, encoding="utf-8")
    return Project(root)


def test_an_entry_accepts_one_finding(tmp_path: Path) -> None:
    """The keys in the messages of the checks are those of the entries; the rest is still found."""
    (tmp_path / "pyproject.toml").write_text(LOOSE, encoding="utf-8")
    project = checkout(tmp_path, ENTRY)
    found = list(ProjectRule("TST5", configuration.coverage_floor).violations(project))
    assert 2 == len(found)
    (left,) = uncovered(found, project)
    assert "[tool.coverage.run.branch: False]" in left.message


@pytest.mark.parametrize(
    ("code", "path", "accepted"),
    [("LOG4", "src/a.py", True), ("LOG2", "src/a.py", False), ("LOG4", "src/b.py", False)],
)
def test_an_entry_without_key_is_about_a_file(
    code: str, path: str, accepted: bool, tmp_path: Path
) -> None:
    """It accepts its code in its file."""
    text = f'[[exception]]\ncode = "LOG4"\npath = "src/a.py"\nreason = "{REASON}"\n'
    found = [Finding(path, 3, code, "an event is not constant")]
    assert accepted is ([] == list(uncovered(found, checkout(tmp_path, text))))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("ENF1", "ENF42", "there is no code 'ENF42'"),
        ('code = "ENF1"\n', "", "`code` is missing"),
        (REASON, "x", "the reason has fewer than 5 words"),
        (REASON, "a b c d e", "the reason has fewer than 5 words"),
        ("2999-03-31", "2026-01-31", "it expired on 2026-01-31"),
        ("2999-03-31", '"soon"', "`expires` is no date such as 2027-01-31"),
        ("2999-03-31", "2999-03-31T08:00:00Z", "`expires` is no date such as 2027-01-31"),
        ('path = "', 'team = "ours"\npath = "', "`team` is no field of an entry"),
    ],
)
def test_a_wrong_entry_is_a_finding(old: str, new: str, problem: str, tmp_path: Path) -> None:
    """It accepts nothing any more."""
    project = checkout(tmp_path, "\n# Ours\n" + ENTRY.replace(old, new))
    assert [("exceptions.toml", 3, problem)] == list(wrong_entries(project))
    message = "[tool.coverage.report.fail_under: 85]"
    found = [Finding("pyproject.toml", 1, "TST5", message)]
    assert found == list(uncovered(found, project))


@pytest.mark.parametrize("text", ["[[exception]\n", "a = 1\n", "exception = 1\n"])
def test_a_file_that_is_no_list_of_entries_is_a_finding(text: str, tmp_path: Path) -> None:
    """It accepts nothing, and the reason is told."""
    project = checkout(tmp_path, text)
    ((path, line, problem),) = wrong_entries(project)
    assert ("exceptions.toml", 1) == (path, line)
    assert "cannot be read" in problem
    found = [Finding("a.py", 1, "LOG4", "an event")]
    assert found == list(uncovered(found, project))


def test_an_entry_that_no_rule_needs_is_a_finding(tmp_path: Path) -> None:
    """It is one that only the rules need: the judge may need those of its own codes."""
    (stale,) = uncovered([], checkout(tmp_path, f"{ENTRY}\n{EDIT}"))
    assert ("exceptions.toml", 8, "ENF9") == (stale.path, stale.line, stale.code)
    assert [] == list(uncovered([Finding("src/gwkit/a.py", 1, "STR5", "")], Project(tmp_path)))


def test_entries_have_their_lines_and_dates(tmp_path: Path) -> None:
    """An entry without a date holds until it is deleted."""
    first, edit = entries(checkout(tmp_path, f"{ENTRY}\n{EDIT}"))
    assert ("2999-03-31", 1) == (first.expires, first.line)
    assert ("STR5", "src/gwkit/a.py", 8) == (edit.code, edit.path, edit.line)
    assert "until 2999-03-31" in str(first)
    assert "until it is deleted" in str(edit)


@pytest.mark.parametrize(
    ("text", "code"), [(ENTRY, 0), (ENTRY.replace("ENF1", "X"), 1), ("a = ", 2)]
)
def test_the_command_prints_them(
    text: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list is text or JSON; a wrong entry is 1, a file that cannot be read 2."""
    root = checkout(tmp_path, text).root
    assert code == main([], root) == main(["--json"], root)
    printed = capsys.readouterr()
    assert ("cannot be read" in printed.err) is (code == 2)
    if code != 2:
        shown, _, as_json = printed.out.partition("1 exception\n")
        (entry,) = json.loads(as_json)
        assert REASON in shown
        assert REASON == entry["reason"]
        assert bool(code) is ("WRONG: there is no code 'X'" in shown)


def test_the_template_has_none() -> None:
    """A fresh service begins without exceptions."""
    assert [] == list(entries(Project(Path(__file__).parents[2])))
