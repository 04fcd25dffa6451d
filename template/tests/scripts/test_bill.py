"""The bill of materials and the licences, from the pins."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest

from scripts.audit import findings
from scripts.bill import ROOT, bill, main, problems
from scripts.pins import Pin

if TYPE_CHECKING:
    from scripts.bill import Rules

RULES: Rules = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["bill"]
# Packages that are always installed, to read their licences.
PYTEST, NUMPY, CERTIFI = (Pin(name, "1.0") for name in ("pytest", "numpy", "certifi"))


def test_the_bill_has_every_pin_that_is_shipped(capsys: pytest.CaptureFixture[str]) -> None:
    """It has versions, hashes, licences and dependencies; `--all` adds the tools."""
    assert 0 == main([])
    shipped = json.loads(capsys.readouterr().out)
    assert 0 == main(["--all"])
    everything = json.loads(capsys.readouterr().out)

    parts = {part["name"]: part for part in shipped["components"]}
    assert ("CycloneDX", "required") == (shipped["bomFormat"], parts["fastapi"]["scope"])
    assert all(part["hashes"] and part["licenses"] for part in parts.values())
    assert "pytest" not in parts
    scopes = {part["name"]: part["scope"] for part in everything["components"]}
    assert ("required", "excluded") == (scopes["fastapi"], scopes["pytest"])
    needs = {each["ref"]: each["dependsOn"] for each in shipped["dependencies"]}
    assert parts["starlette"]["purl"] in needs[parts["fastapi"]["purl"]]


def test_the_bill_is_the_same_each_time() -> None:
    """It has no time and no random number, so each difference comes from the pins."""
    assert bill("x", {"base": [PYTEST]}) == bill("x", {"base": [PYTEST]})


def test_a_licence_that_is_not_allowed_is_named() -> None:
    """All parts must be allowed, of alternatives one; exceptions are respected."""
    assert [] == list(problems([PYTEST, NUMPY, CERTIFI], RULES))
    assert [] == list(problems([Pin("not-installed-here", "1.0")], RULES))
    few: Rules = {"licences": ["BSD-3-Clause", "MIT"], "exceptions": {"certifi": "reason"}}
    (line,) = problems([PYTEST, NUMPY, CERTIFI], few)
    assert "numpy 1.0 has the licence BSD-3-Clause AND 0BSD" in line


@pytest.mark.parametrize(
    ("found", "sound", "line"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], True, ""),
        (
            [{"name": "hidden", "skip_reason": "no such"}, {"name": "a", "vulns": []}],
            True,
            "hidden: not looked up: no such",
        ),
        (
            [{"name": "hidden", "skip_reason": "no such"}],
            False,
            "none could be looked up, as in: no such",
        ),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}],
            False,
            "a 1: CVE-1, fixed in 2",
        ),
        ([], True, ""),
    ],
)
def test_an_audit_names_what_it_cannot_look_up(
    found: list[dict[str, object]], line: str, *, sound: bool
) -> None:
    """The audit continues, and fails only if it could look up nothing."""
    lines, well = findings(found)
    assert ([line] if line else [], sound) == (lines, well)
