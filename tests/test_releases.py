"""What releases promise to the services that were made from them."""

from __future__ import annotations

import re
import tomllib
from collections import Counter

from pathspec import GitIgnoreSpec

from harness.answers import ROOT, copier_config
from harness.commands import git
from harness.rendering import TemplateRepository, files

RELEASES = git(ROOT, "tag", "--list", "--sort=version:refname").split()


def _changelog() -> list[str]:
    """Return the versions that the changelog has entries for, the newest first."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return re.findall(r"^## \[(\d[^\]]*)\]", text, re.MULTILINE)


def test_the_version_is_the_newest_entry_of_the_changelog() -> None:
    """A release sets both in one commit."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == _changelog()[0]


def test_every_entry_says_what_an_update_does() -> None:
    """A team reads there what happens to its repository."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for entry in re.split(r"^## \[(?=\d)", text, flags=re.MULTILINE)[1:]:
        assert re.search(r"^### What an update does\n\n\S", entry, re.MULTILINE), entry[:20]


def test_tags_are_releases_and_one_to_a_commit() -> None:
    """Copier would call services of a tag like `latest`, or of two tags, up to date."""
    assert [] == [tag for tag in RELEASES if not re.fullmatch(r"v\d+\.\d+\.\d+", tag)]
    commits = Counter(git(ROOT, "rev-list", "-n1", tag) for tag in RELEASES)
    assert {1} >= set(commits.values())
    assert {tag.removeprefix("v") for tag in RELEASES} <= {*_changelog()}


def test_no_file_of_a_release_vanishes(template: TemplateRepository) -> None:
    """An edited copy of a removed file would go without a conflict: it stays, or is excluded."""
    today = {f"template/{path}" for path in files(template.root / "template")}
    excluded = copier_config()["_exclude"]
    assert isinstance(excluded, list)
    spec = GitIgnoreSpec.from_lines(
        re.sub(r"^@\{ '(\S+)' if .* \}@$", r"\1", str(pattern)) for pattern in excluded
    )
    for tag in RELEASES:
        then = set(git(ROOT, "ls-tree", "-r", "--name-only", tag, "template/").splitlines())
        lost = {path.removeprefix("template/") for path in then - today}
        assert set() == lost - set(spec.match_files(lost)), tag
