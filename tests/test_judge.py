"""The judge finds what weakens the checks of a service, and lets pass what loosens nothing."""

from __future__ import annotations

import json
import shutil
from datetime import date
from typing import TYPE_CHECKING

import pytest

from harness.answers import TEXTS, VARIANTS
from harness.commands import git, run
from harness.rendering import TemplateRepository, commit_all
from harness.weakening import PASSES, WEAKENS, apply, expected
from scripts.judge.__main__ import main
from scripts.judge.finding import CODES
from scripts.judge.release import Template
from scripts.judge.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("defaults")

QUOTED = next(name for name, each in VARIANTS.items() if TEXTS["quotes"] in each.values())
MYPY = 'strict = true\nfiles = ["src", "scripts", "tests"]'
LOOSE = {"path": "pyproject.toml", "old": MYPY, "new": 'strict = true\nfiles = ["src"]'}
ENTRY = """
[[exception]]
code = "ENF1"
path = "pyproject.toml"
key = "tool.mypy.files: {}"
reason = "The scripts of our platform come without types until they move."
"""


@pytest.fixture(scope="session")
def judged_by(template: TemplateRepository, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The template, with a folder for what the judge renders."""
    return Template(template.root, tmp_path_factory.mktemp("judge"))


@pytest.fixture(scope="module")
def committed(rendered: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service in git, as it was rendered."""
    service = tmp_path_factory.mktemp("judged") / "service"
    shutil.copytree(rendered("defaults"), service)
    commit_all(service, "Start from Groundwork")
    return service


@pytest.fixture
def service(committed: Path) -> Iterator[Path]:
    """The service; what a test changes in it is taken back."""
    head = git(committed, "rev-parse", "HEAD").strip()
    yield committed
    git(committed, "reset", "--quiet", "--hard", head)
    git(committed, "clean", "--quiet", "-dffx")


def test_a_fresh_service_passes(service: Path, judged_by: Template) -> None:
    """Nothing is found in what the release renders, and nothing differs from it."""
    verdict = judge(service, judged_by)
    assert ("", (), ()) == (verdict.problem, verdict.findings, verdict.exceptions)
    assert ("v0.1.0", 0, ()) == (verdict.release, verdict.behind, verdict.drift)


@pytest.mark.slow
@pytest.mark.parametrize("name", WEAKENS)
def test_a_weakening_is_found(name: str, service: Path, judged_by: Template) -> None:
    """It is found under its code, in its file."""
    for edit in WEAKENS[name]["edits"]:
        apply(edit, service)
    git(service, "add", "--all", "--force")
    verdict = judge(service, judged_by)
    found = {(finding.code, finding.path) for finding in verdict.findings}
    assert expected(name) in found, verdict


@pytest.mark.slow
@pytest.mark.parametrize("name", PASSES)
def test_what_loosens_nothing_passes(name: str, service: Path, judged_by: Template) -> None:
    """A team may add to the checks, and change what is its own."""
    for edit in PASSES[name]["edits"]:
        apply(edit, service)
    verdict = judge(service, judged_by)
    enforced = [finding for finding in verdict.findings if finding.code.startswith(("ENF", "STR5"))]
    assert ("", []) == (verdict.problem, enforced)


def test_every_code_has_a_weakening() -> None:
    """No comparison is without a test; the entries of exceptions have their own below."""
    assert set(CODES) - {"ENF9"} <= {expected(name)[0] for name in WEAKENS}


def test_the_rules_are_those_of_the_release(service: Path, judged_by: Template) -> None:
    """Whoever empties the rules of a service is found, and so is what they would have found."""
    (service / "scripts/standards/rules.py").write_text("RULES = ()\n", encoding="utf-8")
    (service / "src/app/ext/helpers.py").write_text("X = 1\n", encoding="utf-8")
    codes = {finding.code for finding in judge(service, judged_by).findings}
    assert {"ENF2", "STR3", "STR4", "TYP2"} <= codes


def test_an_exception_covers_one_finding(service: Path, judged_by: Template) -> None:
    """An entry with code, path, key and reason is listed, and the finding beside it stays."""
    apply(LOOSE, service)
    (service / "exceptions.toml").write_text(ENTRY.format("scripts"), encoding="utf-8")
    verdict = judge(service, judged_by)
    assert ["tool.mypy.files: tests"] == [finding.key for finding in verdict.findings]
    assert ["tool.mypy.files: scripts"] == [entry.key for entry in verdict.exceptions]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("files: scripts", "files: nothing", "nothing needs the entry (any more)"),
        ("ENF1", "ENF42", "nothing needs the entry (any more)"),
        ("The scripts of our platform come without types until they move.", "x", "no sentence"),
        ('path = "pyproject.toml"\n', "", "the entry has no path"),
        ('path = "', 'team = "ours"\npath = "', "team, which means nothing"),
        ('code = "', 'expires = 2026-11-30\ncode = "', "the entry expired on 2026-11-30"),
        ('code = "', 'expires = "soon"\ncode = "', "`expires` is no date"),
    ],
)
def test_an_exception_that_is_wrong_is_a_finding(
    old: str, new: str, message: str, service: Path, judged_by: Template
) -> None:
    """Incomplete, unknown, stale and expired entries cover nothing."""
    apply(LOOSE, service)
    text = ENTRY.format("scripts")
    assert text.count(old) == 1
    (service / "exceptions.toml").write_text(text.replace(old, new), encoding="utf-8")
    verdict = judge(service, judged_by, today=date(2026, 12, 1))
    assert any(f.code == "ENF9" and message in f.message for f in verdict.findings), verdict
    assert "tool.mypy.files: scripts" in {finding.key for finding in verdict.findings}


def test_an_exception_from_a_rule_of_the_team_is_theirs(service: Path, judged_by: Template) -> None:
    """The judge does not run that rule, so it cannot say that nothing needs the entry."""
    entry = ENTRY.format("").replace("ENF1", "BIL1")
    (service / "exceptions.toml").write_text(entry, encoding="utf-8")
    assert ["ENF9"] == [finding.code for finding in judge(service, judged_by).findings]
    rules = service / "scripts/standards/own/rules.py"
    rules.write_text('CODE = "BIL1"\n', encoding="utf-8")
    assert "ENF9" not in {finding.code for finding in judge(service, judged_by).findings}


def test_an_exception_holds_until_its_day(service: Path, judged_by: Template) -> None:
    """On the day itself it covers; its age is that of the commit."""
    apply(LOOSE, service)
    entries = ENTRY.format("scripts") + "expires = 2026-12-01\n" + ENTRY.format("tests")
    (service / "exceptions.toml").write_text(entries, encoding="utf-8")
    commit_all(service, "Except scripts and tests")
    verdict = judge(service, judged_by, today=date(2026, 12, 1))
    assert () == verdict.findings
    assert all(entry.since for entry in verdict.exceptions)


def test_nothing_of_a_service_is_run(service: Path, judged_by: Template, tmp_path: Path) -> None:
    """Neither its modules nor what its git configuration names."""
    trap = tmp_path / "sprung"
    text = f"import pathlib; pathlib.Path({str(trap)!r}).touch()\n"
    for path in ("sitecustomize.py", "json.py", "src/app/__init__.py", "scripts/practices.py"):
        (service / path).write_text(text, encoding="utf-8")
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\ntouch {trap}\n", encoding="utf-8")
    hook.chmod(0o755)
    (service / "exceptions.toml").write_text(ENTRY.format("scripts"), encoding="utf-8")
    commit_all(service, "Set traps")
    (service / ".gitattributes").write_text("* filter=trap diff=trap\n", encoding="utf-8")
    config = service / ".git/config"
    before = config.read_text("utf-8")
    traps = (
        f'[core]\nfsmonitor = {hook}\n[filter "trap"]\nclean = {hook}\nsmudge = {hook}\n'
        f'[diff "trap"]\ntextconv = {hook}\n[log]\nshowSignature\n[gpg]\nprogram = {hook}\n'
    )
    config.write_text(before + traps, encoding="utf-8")
    try:
        verdict = judge(service, judged_by)
    finally:
        config.write_text(before, encoding="utf-8")
    assert ("", True) == (verdict.problem, verdict.exceptions[0].since is not None)
    assert not trap.exists()


def test_a_link_out_of_the_checkout_is_not_followed(service: Path, judged_by: Template) -> None:
    """Such a file counts as gone."""
    (service / "scripts/check.py").unlink()
    (service / "scripts/check.py").symlink_to("/etc/passwd")
    found = [finding.message for finding in judge(service, judged_by).findings]
    assert "the file is gone" in found


@pytest.mark.parametrize(
    ("path", "text", "problem"),
    [
        (".copier-answers.yml", None, "not a service of this template"),
        (".copier-answers.yml", "_commit: v9\n", "the template has no release 'v9'"),
        (".copier-answers.yml", "_commit: --help\n", "the template has no release"),
        (".copier-answers.yml", "a: b\n", "the answers name no release"),
        (".copier-answers.yml", "_commit: v0.1.0\nci: jenkins\n", "v0.1.0 refuses the answers"),
        ("pyproject.toml", "[tool", "pyproject.toml is not valid TOML"),
        (".github/workflows/ci.yml", "jobs: [", "ci.yml is not valid YAML"),
        (".github/workflows/ci.yml", "jobs: [a]\n", "AttributeError"),
        ("exceptions.toml", "a = 1\n", "exceptions.toml holds other things"),
    ],
)
def test_what_cannot_be_judged_says_why(
    path: str, text: str | None, problem: str, service: Path, judged_by: Template
) -> None:
    """A foreign or broken repository never passes, and has its reason."""
    if text is None:
        (service / path).unlink()
    else:
        (service / path).write_text(text, encoding="utf-8")
    verdict = judge(service, judged_by)
    assert problem in verdict.problem
    options = ("--template", str(judged_by.root), "--cache", str(judged_by.cache))
    assert 2 == main(["judge", str(service), *options])


def test_a_commit_that_nobody_released_is_refused(
    service: Path, judged_by: Template, template: TemplateRepository
) -> None:
    """A commit of a pull request is in the repository, too, but not in its history."""
    tree = git(template.root, "rev-parse", "HEAD^{tree}").strip()
    commit = git(template.root, "commit-tree", tree, "-m", "Looser").strip()
    answers = service / ".copier-answers.yml"
    answers.write_text(f"_commit: {commit}\n", encoding="utf-8")
    assert "not in the history" in judge(service, judged_by).problem


def test_an_organisation_sets_a_newer_release(
    service: Path, template: TemplateRepository, tmp_path: Path
) -> None:
    """The service is compared with that release, and drift counts how far it is behind."""
    root = tmp_path / "template"
    run("git", "clone", "--quiet", template.root, root, cwd=tmp_path)
    config = root / "template/pyproject.toml"
    config.write_text(config.read_text("utf-8").replace("fail_under = 90", "fail_under = 95"))
    TemplateRepository(root).release("v0.2.0")
    newer = Template(root, tmp_path / "cache")
    assert ((), 1) == ((named := judge(service, newer)).findings, named.behind)
    verdict = judge(service, newer, at="v0.2.0")
    assert ["tool.coverage.report.fail_under: 90"] == [finding.key for finding in verdict.findings]
    assert ("v0.1.0", "v0.2.0", 1) == (verdict.release, verdict.judged_at, verdict.behind)


def test_drift_lists_what_differs(
    service: Path, judged_by: Template, capsys: pytest.CaptureFixture[str]
) -> None:
    """Owned files that were edited or deleted are listed; seeds and new files are the team's."""
    (service / "README.md").write_text("# Ours\n", encoding="utf-8")
    (service / "LICENSE").unlink()
    (service / "requirements/app.in").write_text("# Ours\n", encoding="utf-8")
    (service / "data/samples/own.md").write_text("# Ours\n", encoding="utf-8")
    options = (str(service), "--template", str(judged_by.root), "--cache", str(judged_by.cache))
    assert 0 == main(["drift", *options])
    lines = capsys.readouterr().out.splitlines()
    assert ["differs    LICENSE", "differs    README.md"] == lines[:-1]
    assert "2 owned files changed, 0 exceptions, 0 releases behind" in lines[-1]
    assert 1 == main(["drift", "--strict", *options])


def test_findings_annotate_a_pull_request(
    service: Path,
    judged_by: Template,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In GitHub's CI a finding is a workflow command, and its text cannot become another one."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    (service / "ruff.toml").write_text("", encoding="utf-8")
    (service / "a:b%0A::error::x.rej").write_text("", encoding="utf-8")
    options = ("--template", str(judged_by.root), "--cache", str(judged_by.cache))
    assert 1 == main(["judge", str(service), *options])
    out = capsys.readouterr().out
    assert "\n::error file=ruff.toml,line=1,title=ENF7::the file hides" in out
    assert "::error file=a%3Ab%250A%3A%3Aerror%3A%3Ax.rej,line=1,title=ENF8::" in out


def test_a_fleet_is_a_table_json_and_a_page(
    service: Path, judged_by: Template, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every repository is a row; what cannot be judged has its reason; texts are escaped."""
    apply(LOOSE, service)
    fleet = tmp_path / "fleet"
    shutil.copytree(service, fleet / "<b>desk")
    (fleet / "foreign").mkdir()
    html = tmp_path / "fleet.html"
    options = ("--template", str(judged_by.root), "--cache", str(judged_by.cache))
    assert 1 == main(["fleet", str(fleet), str(service), "--html", str(html), *options])
    out = capsys.readouterr().out
    assert "foreign" in out
    assert "not a service of this template" in out
    assert "ENF1: 2" in out
    assert "3 repositories: 0 pass, 2 fail, 1 cannot be judged" in out
    text = html.read_text("utf-8")
    assert "&lt;b&gt;desk" in text
    assert "<b>desk" not in text
    assert 3 == text.count('data-name="service"')
    assert 1 == main(["fleet", str(fleet), "--json", *options])
    loaded = json.loads(capsys.readouterr().out)
    assert ["<b>desk", "foreign"] == [each["service"] for each in loaded]
    assert "pyproject.toml" == loaded[0]["findings"][0]["path"]


@pytest.mark.parametrize("name", ["bare", "everything", QUOTED])
@pytest.mark.slow
def test_answers_do_not_matter(
    name: str, rendered: Callable[[str], Path], judged_by: Template
) -> None:
    """A fresh service passes, whatever the answers are."""
    verdict = judge(rendered(name), judged_by)
    assert ("", (), ()) == (verdict.problem, verdict.findings, verdict.drift)
