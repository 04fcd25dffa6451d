"""Every practice bites: planted violations are named by their step, and near misses pass.

All violations stand in one service, each in a file of its own where possible, and `make check` runs
once; so do the near misses. The judge looks at both. `test_mutations.py` has the practices that
tests hold.
"""

from __future__ import annotations

import json
import shutil
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.answers import ROOT
from harness.bites import BITES, NEAR_MISSES, Plant, plant
from harness.commands import git, interpreter, run, user_environment
from harness.mutations import MUTATIONS
from harness.rendering import TemplateRepository, commit_all
from harness.weakening import WEAKENS, expected
from scripts.judge.finding import CODES
from scripts.judge.release import Template
from scripts.judge.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scripts.judge.verdict import Verdict

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("practices")]

FEWEST = 3


class Planted:
    """A service in which everything of one kind is planted, with the verdicts on it."""

    def __init__(self, place: Path, template: TemplateRepository, root: Path) -> None:
        """Render the service to a place, with the environment of its first `make check`."""
        self.path = template.render(place)
        commit_all(self.path, "Start from Groundwork")
        python = interpreter("3.11") or Path(sys.executable)
        self.env = user_environment(root / "tools", python=python, uv=True)
        run("make", "setup", cwd=self.path, env=self.env)
        self._judged_by = Template(template.root, root / "cache")

    def put(self, plants: list[Plant]) -> None:
        """Plant, and let git track it, as a team that is not careful would."""
        git(self.path, "reset", "--quiet", "--hard")
        git(self.path, "clean", "--quiet", "-dff")
        plant(plants, self.path)
        git(self.path, "add", "--all")
        planted = [e.edit["path"] for e in plants if "delete" not in e.edit]
        git(self.path, "add", "--force", *planted)

    def check(self) -> dict[str, Any]:
        """Return what `make check` found, by its own report, with the pins that it began with."""
        (self.path / ".venv/ready").touch()
        quiet = "make check ARGS=--json 2>/dev/null"
        done = run("sh", "-c", quiet, cwd=self.path, env=self.env, expected=None)
        report = json.loads(done.stdout)
        assert isinstance(report, dict)
        return report

    def judge(self) -> Verdict:
        """Return the verdict of the template's judge."""
        return judge(self.path, self._judged_by)


@pytest.fixture(scope="module")
def service(template: TemplateRepository, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """A service of the defaults."""
    # Where other tests have their services, as mypy and compiled packages are known by their paths.
    place = tmp_path_factory.getbasetemp() / "place"
    shutil.rmtree(place, ignore_errors=True)
    return Planted(place, template, tmp_path_factory.mktemp("bites"))


@pytest.fixture(scope="module")
def reported(service: Planted) -> tuple[Mapping[str, Any], Verdict]:
    """What the checks and the judge say of the service with every violation."""
    service.put(BITES)
    return service.check(), service.judge()


@pytest.mark.parametrize("planted", BITES, ids=str)
def test_a_planted_violation_is_named(
    planted: Plant, reported: tuple[Mapping[str, Any], Verdict]
) -> None:
    """The step that owns it names its code and its place, or for an import its module."""
    report, verdict = reported
    if planted.step == "judge":
        assert verdict.problem == ""
        found = [(f.code, f.path) for f in verdict.findings]
        assert (planted.expected, planted.path) in found
        return
    module = planted.path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__")
    places = (planted.path, module.replace("/", "."))
    of_step = [f for f in report["findings"] if f["step"] == planted.step]
    assert [
        finding
        for finding in of_step
        if planted.expected in (finding["code"], *finding["message"].split())
        or f"{planted.expected}:" in finding["message"]
        if any(place in f"{finding['path']} {finding['message']}" for place in places)
    ], f"{planted} is not in {json.dumps(of_step, indent=1)[:20_000]}"


def test_near_misses_pass(service: Planted) -> None:
    """Nothing is found in code that almost does what a practice forbids."""
    service.put(NEAR_MISSES)
    report, verdict = service.check(), service.judge()
    assert [] == report["findings"], json.dumps(report["findings"], indent=1)
    assert {True} == {step["passed"] for step in report["steps"]}
    assert ("", ()) == (verdict.problem, verdict.findings)


def test_every_practice_bites() -> None:
    """Each code has at least three violations, and one near miss if a static check decides it."""
    catalogue = tomllib.loads((ROOT / "template/scripts/practices.toml").read_text("utf-8"))
    codes = {code for family in catalogue.values() for code in family if code != "title"}
    bites = Counter(each.expected for each in BITES if each.code == each.expected)
    bites += Counter(each.code for each in BITES if each.code != each.expected)
    bites += Counter(expected(name)[0] for name in WEAKENS)
    bites += Counter(each.code for each in MUTATIONS)
    assert {} == {code: bites[code] for code in codes if bites[code] < FEWEST}
    assert set() == {each.code for each in BITES} - {each.code for each in NEAR_MISSES}
    assert set() == {each.code for each in (*BITES, *NEAR_MISSES)} - codes - set(CODES)


def test_the_page_tells_what_no_tool_decides() -> None:
    """It has every practice, and one that no static check bites has forms that people review."""
    catalogue = tomllib.loads((ROOT / "template/scripts/practices.toml").read_text("utf-8"))
    page = (ROOT / "template/docs/standards.md").read_text("utf-8")
    practices = {c: each for f in catalogue.values() for c, each in f.items() if c != "title"}
    reviewed = {code: each["reviewed"] for code, each in practices.items() if "reviewed" in each}
    bitten = {each.code for each in BITES} | {expected(name)[0] for name in WEAKENS}
    assert practices.keys() <= bitten | reviewed.keys()
    assert [] == [code for code in practices if f"| {code} |" not in page]
    assert [] == [c for c, form in reviewed.items() if f"**{c}** *Reviewed:* {form}" not in page]
