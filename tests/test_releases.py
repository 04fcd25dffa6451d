"""The promises of releases to existing services."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest
from pathspec import GitIgnoreSpec

from harness.answers import ROOT, copier_config
from harness.commands import git
from harness.releases import NEXT, changelog, released, with_history
from harness.rendering import TemplateRepository, commit_all, contents, files
from harness.team import NEW_FILES
from harness.updating import (
    TEAMS_OWN,
    assert_no_conflict,
    differing,
    update_with_api,
    update_with_command,
)

if TYPE_CHECKING:
    from pathlib import Path


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


RELEASES = released()
# 0.3.0 moved most files, before there were services: moves.toml lists the moves.
FIRST_TO_UPDATE: Final = (0, 3, 0)
UPDATABLE: Final = [version for version in RELEASES if _numbers(version) >= FIRST_TO_UPDATE]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> TemplateRepository:
    """The template with its releases under their tags, and the working tree as the newest."""
    return with_history(tmp_path_factory.mktemp("history") / "template")


def test_the_version_is_the_newest_entry_of_the_changelog() -> None:
    """A release sets both in one commit."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == changelog()[0]


def test_every_release_is_in_the_history() -> None:
    """Every version except the newest, which may be unreleased, has its own commit."""
    assert {*changelog()[1:]} <= {*RELEASES}
    assert len(RELEASES) == len({*RELEASES.values()})


def test_every_entry_says_what_an_update_does() -> None:
    """The changelog describes the effects on a team's repository."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for entry in re.split(r"^## \[(?=\d)", text, flags=re.MULTILINE)[1:]:
        assert re.search(r"^### What an update does\n\n\S", entry, re.MULTILINE), entry[:20]


def test_tags_are_releases_and_one_to_a_commit() -> None:
    """Copier would treat services of a tag like `latest`, or of two tags, as up to date."""
    tags = git(ROOT, "tag", "--list").split()
    assert [] == [tag for tag in tags if not re.fullmatch(r"v\d+\.\d+\.\d+", tag)]
    commits = Counter(git(ROOT, "rev-list", "-n1", tag) for tag in tags)
    assert {1} >= set(commits.values())
    assert {tag.removeprefix("v") for tag in tags} <= {*changelog()}


@pytest.mark.parametrize("version", UPDATABLE)
def test_no_file_of_a_release_vanishes(version: str, template: TemplateRepository) -> None:
    """Removing a file would delete edited copies without a conflict: it stays, or is excluded.

    The kit is not the team's to edit, and a file that it no longer has would fail its manifest:
    there the removal is recorded.
    """
    today = {f"template/{path}" for path in files(template.root / "template")}
    excluded = copier_config()["_exclude"]
    assert isinstance(excluded, list)
    spec = GitIgnoreSpec.from_lines(
        re.sub(r"^@\{ '(\S+)' if .* \}@$", r"\1", str(pattern)) for pattern in excluded
    )
    then = git(ROOT, "ls-tree", "-r", "--name-only", RELEASES[version], "template/").splitlines()
    assert len(then) > 100
    lost = {path.removeprefix("template/") for path in {*then} - today}
    recorded = tomllib.loads((ROOT / "moves.toml").read_text(encoding="utf-8"))
    removed = {path for release in recorded.values() for path in release.get("removed", ())}
    of_the_kit = {path for path in removed if path.startswith("src/gwkit/")}
    assert set() == lost - set(spec.match_files(lost)) - of_the_kit


def test_the_files_of_0_2_0_are_accounted_for() -> None:
    """Each still exists, or is listed in `moves.toml` as moved or removed."""
    recorded = tomllib.loads((ROOT / "moves.toml").read_text(encoding="utf-8"))["0.3.0"]
    moved, removed = recorded["moved"], set(recorded["removed"])
    listed = git(ROOT, "ls-tree", "-r", "--name-only", RELEASES["0.2.0"], "template/")
    then = {path.removeprefix("template/") for path in listed.splitlines()}
    today = files(ROOT / "template")
    assert then - {*today} == {*moved} | removed
    assert [] == [path for path in moved.values() if path not in today]
    assert set() == removed & {*moved}


@pytest.mark.slow
@pytest.mark.parametrize("version", UPDATABLE)
def test_a_service_of_a_release_becomes_a_fresh_render(
    version: str, history: TemplateRepository, tmp_path: Path
) -> None:
    """After the update, a service with added files equals a fresh render plus these files."""
    service = history.render(tmp_path / "service", ref=f"v{version}")
    for name, text in NEW_FILES.items():
        (service / name).parent.mkdir(parents=True, exist_ok=True)
        (service / name).write_text(text, encoding="utf-8")
    commit_all(service, "Our service")
    before = contents(service)
    update_with_api(service)
    assert_no_conflict(service)
    after = contents(service)
    expected = contents(history.render(tmp_path / "expected", ref=NEXT))
    kept = {name for name in before if name in NEW_FILES or TEAMS_OWN.match_file(name)}
    assert [] == [name for name in differing(expected, after) if name not in kept]
    assert {name: before[name] for name in kept} == {name: after[name] for name in kept}


def _with_our_line(text: str) -> str:
    return re.sub(r"^from __future__ .*$", r"\g<0>\n\n# Ours", text, count=1, flags=re.MULTILINE)


@pytest.mark.slow
def test_the_command_carries_edits_into_moved_files(
    history: TemplateRepository, tmp_path: Path
) -> None:
    """From 0.2.0, before the kit: template files are new, and the team's files are kept."""
    edits = {
        "src/app/cli/interruption.py": "src/gwkit/terminal/interruption.py",
        "src/app/config/uncaught.py": "src/gwkit/logging/uncaught.py",
    }
    service = history.render(tmp_path / "service", ref="v0.2.0")
    for old in edits:
        text = (service / old).read_text(encoding="utf-8")
        (service / old).write_text(_with_our_line(text), encoding="utf-8")
    (service / "NOTES.md").write_text("Ours\n", encoding="utf-8")
    commit_all(service, "Our service")
    kept = {name: data for name, data in contents(service).items() if TEAMS_OWN.match_file(name)}

    update_with_command(service)

    assert_no_conflict(service)
    expected = contents(history.render(tmp_path / "expected", ref=NEXT))
    for new in edits.values():
        expected[new] = _with_our_line(expected[new].decode()).encode()
    after = contents(service)
    theirs = [name for name in after if name not in kept and name != "NOTES.md"]
    assert [] == differing(
        {name: data for name, data in expected.items() if name not in kept},
        {name: after[name] for name in theirs},
    )
    assert b"Ours\n" == after["NOTES.md"]
    assert kept.items() <= after.items()
