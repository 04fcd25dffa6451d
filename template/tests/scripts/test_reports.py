"""The findings of `make check` reach CI and other tools, with place and code."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from scripts import check
from scripts.check import Outcome, Step
from scripts.explain import explain
from scripts.findings import Finding
from scripts.practices import PRACTICES
from scripts.reports import as_json, as_sarif, findings, tell_github

if TYPE_CHECKING:
    from pathlib import Path


def outcome(output: str, *, name: str = "lint", practices: str = "") -> Outcome:
    """Return a step that has failed with this output."""
    return Outcome(Step(name, ("tool",), practices), passed=False, output=output, seconds=0.5)


@pytest.mark.parametrize(
    ("output", "path", "line", "code"),
    [
        ("src/app/a.py:3:5: E722 Do not use bare `except`", "src/app/a.py", 3, "ERR1"),
        ("src/app/a.py:3:5: E501 Line too long", "src/app/a.py", 3, "lint"),
        (
            "src/app/a.py:3:5: TID251 `sys.stdout` is banned: LOG2: log it",
            "src/app/a.py",
            3,
            "LOG2",
        ),
        ("src/app/a.py:3: STR4 `A` is public. Compare TYP1.", "src/app/a.py", 3, "STR4"),
        ("src/app/a.py:3: error: Untyped  [no-untyped-def]", "src/app/a.py", 3, "TYP1"),
        ("requirements/app.txt:1: DEP1 `a` is not an exact pin", "requirements/app.txt", 1, "DEP1"),
        ("no place at all\nSTR2: no cycle BROKEN", "", 1, "STR2"),
    ],
)
def test_a_finding_has_place_and_code(output: str, path: str, line: int, code: str) -> None:
    """Whatever the tool's form is; without a place, all of the output is one finding."""
    (found,) = findings(outcome(output))
    assert (path, line, code) == (found.path, found.line, found.code)


def test_hooks_name_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook that refuses a file lists its path, and its own name has the code."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").touch()
    output = "CFG6 keys........Passed\nCFG5 no .env.....Failed\n- hook id: env\n\nremove it\n\n.env"
    assert [Finding(".env", 1, "CFG5", "CFG5 no .env")] == findings(outcome(output, name="hooks"))


def test_notes_are_no_findings_and_success_has_none() -> None:
    """A note belongs to the error before it."""
    note = "a.py:3: error: Wrong  [arg-type]\na.py:3: note: See the documentation"
    assert ["TYP1"] == [each.code for each in findings(outcome(note))]
    assert [] == findings(Outcome(Step("lint", ("tool",)), passed=True, output="ok", seconds=0))


def test_json_and_sarif_have_every_finding() -> None:
    """Both name path, line, code and message; a finding without a place has no location."""
    outcomes = [outcome("a.py:3:5: E722 Bare"), outcome("gone", name="layers", practices="STR1")]

    listed = json.loads(as_json(outcomes))
    expected = {"step": "lint", "path": "a.py", "line": 3, "code": "ERR1", "message": "E722 Bare"}
    assert expected == listed["findings"][0]
    assert ["lint", "layers"] == [each["name"] for each in listed["steps"]]

    (run,) = json.loads(as_sarif(outcomes))["runs"]
    assert ["ERR1", "STR1"] == [result["ruleId"] for result in run["results"]]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert ("a.py", 3) == (place["artifactLocation"]["uri"], place["region"]["startLine"])
    assert [] == run["results"][1]["locations"]
    assert len(PRACTICES) == len(run["tool"]["driver"]["rules"])


def test_github_gets_annotations_and_a_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No text becomes a command or a cell of its own; elsewhere nothing is printed."""
    outcomes = [outcome("a.py:3:5: E722 A | `b` 100%0A::error::c")]
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    tell_github(outcomes)
    assert "" == capsys.readouterr().out

    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    tell_github(outcomes)
    out = capsys.readouterr().out
    assert out.startswith("::error file=a.py,line=3,title=ERR1::E722 A | `b` 100%250A::error::c\n")
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "| `lint` | `failed` | `0.5 s` |" in summary
    assert "| `ERR1` | `a.py:3` | `E722 A b 100%0A::error::c` |" in summary


def test_steps_are_chosen_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only they run; an unknown name is refused with those that there are."""
    bad = "print('a.py:1:1: E722 Bare'); raise SystemExit(1)"
    every = [Step(n, (sys.executable, "-c", c)) for n, c in (("one", "pass"), ("two", bad))]
    monkeypatch.setattr(check, "steps", lambda _root: every)

    assert 0 == check.main(["one"])
    assert "two" not in capsys.readouterr().out
    assert 1 == check.main(["two", "--json"])
    assert "ERR1" == json.loads(capsys.readouterr().out)["findings"][0]["code"]
    assert 1 == check.main([])
    assert "a.py:1:1: E722 Bare  (ERR1)" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        check.main(["three"])
    assert "there is no step three; there are one, two" in capsys.readouterr().err


@pytest.mark.parametrize("practice", PRACTICES, ids=lambda practice: practice.code)
def test_every_practice_is_explained(practice: object) -> None:
    """The text has the reason, both examples and the way to an exception."""
    code = str(getattr(practice, "code", ""))
    text = explain(code)
    for part in ("why", "wrong", "right"):
        assert str(getattr(practice, part)).splitlines()[0] in text
    assert f"# allow {code}: reason" in text


def test_an_unknown_code_is_not_explained() -> None:
    """It is a KeyError, for which the command lists the codes."""
    with pytest.raises(KeyError):
        explain("ABC1")
