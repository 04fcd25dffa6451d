"""Every rendered path has one class, and every pattern of `copier.yml` still matches."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import copier
import pytest
from pathspec import GitIgnoreSpec

from harness.answers import ANSWER_SETS, ROOT, copier_config
from harness.commands import git
from harness.grouping import each
from harness.rendering import TemplateRepository, commit_all, files

Renderer = Callable[[str], Path]

# Owned by the team from the start. Changes of these lists are decisions: a path that leaves them,
# or an owned path that enters them, changes the updates of existing services.
SEEDS: Final = (
    "/src/app/ext/",
    "/requirements/app.in",
    "/requirements/app.txt",
    "/exceptions.toml",
    "/scripts/standards/own/",
)
# A seed of an earlier release, which its services keep.
FORMER: Final = ("/gwkit-edits.toml",)
COPY_ONLY: Final = ("/data/samples/", "/evals/golden.jsonl")


def _patterns(setting: str) -> list[str]:
    listed = copier_config()[setting]
    assert isinstance(listed, list)
    return [str(pattern) for pattern in listed]


def _answer_patterns() -> list[tuple[str, str]]:
    """Return the path and the condition of each `_exclude` line that is an expression."""
    form = re.compile(r"@\{ '(?P<path>/\S+)' if (?P<condition>.+) else '' \}@")
    found = [form.fullmatch(pattern) for pattern in _patterns("_exclude") if "@{" in pattern]
    assert all(found), "write such a line as @{ '/path' if condition else '' }@"
    return [(match["path"], match["condition"]) for match in found if match]


def test_the_classes_are_declared() -> None:
    """`copier.yml` declares exactly the intended seeds and copy-only paths."""
    copy_only = {p.rstrip("/") for p in COPY_ONLY}
    assert {*SEEDS, *FORMER, *COPY_ONLY} == set(_patterns("_skip_if_exists"))
    assert {*FORMER} <= {*_patterns("_exclude")}
    assert copy_only == {p for p, condition in _answer_patterns() if "_operation" in condition}


@pytest.mark.parametrize("name", each(ANSWER_SETS))
def test_every_rendered_path_has_one_class(name: str, rendered: Renderer) -> None:
    """No path is both a seed and copy-only, and the answers file is owned."""
    paths = files(rendered(name))
    seeds = set(GitIgnoreSpec.from_lines(SEEDS).match_files(paths))
    copy_only = set(GitIgnoreSpec.from_lines(COPY_ONLY).match_files(paths))
    assert set() == seeds & copy_only
    assert seeds
    assert copy_only
    assert ".copier-answers.yml" in set(paths) - seeds - copy_only


@pytest.mark.slow
def test_a_copy_writes_what_an_update_leaves_alone(
    template: TemplateRepository, tmp_path: Path
) -> None:
    """The first copy writes copy-only paths, and no update restores them."""
    service = template.render(tmp_path / "service")
    listed = set(files(service))
    copy_only = set(GitIgnoreSpec.from_lines(COPY_ONLY).match_files(listed))
    for path in copy_only:
        (service / path).unlink()
    commit_all(service, "Our own documents")
    copier.run_update(service, defaults=True, overwrite=True, quiet=True)
    assert listed - copy_only == set(files(service))


@pytest.mark.slow
def test_a_recopy_keeps_what_is_the_teams(template: TemplateRepository, tmp_path: Path) -> None:
    """Seeds, documents and the golden set stay; git has the rest."""
    service = template.render(tmp_path / "service")
    golden, seed = service / "evals/golden.jsonl", service / "requirements/app.in"
    for path in (golden, seed, service / "README.md"):
        path.write_text("# Ours\n", encoding="utf-8")
    commit_all(service, "Our service")
    copier.run_recopy(service, defaults=True, overwrite=True, quiet=True)
    assert "README.md" == git(service, "diff", "--name-only").strip()
    assert "# Ours\n" == golden.read_text("utf-8") == seed.read_text("utf-8")


@pytest.mark.parametrize("path", [path for path, _ in _answer_patterns()])
def test_every_answer_to_files_line_names_files(path: str, template: TemplateRepository) -> None:
    """A line of the table for renamed files would no longer exclude them."""
    assert list(GitIgnoreSpec.from_lines([path]).match_files(files(template.root / "template")))


def test_absent_answers_have_a_meaning() -> None:
    """An update renders the new table with old answers, so each answer there has a default."""
    for path, condition in _answer_patterns():
        if "_copier_operation" not in condition:
            assert "| default(" in condition, path


@pytest.mark.slow
@pytest.mark.xdist_group("seeds")
@pytest.mark.parametrize("pattern", SEEDS)
def test_seeds_depend_on_no_answer(pattern: str, rendered: Renderer) -> None:
    """A seed is written once, so a later change of an answer could not remove it."""
    spec = GitIgnoreSpec.from_lines([pattern])
    written = {
        name: {path: (rendered(name) / path).read_bytes() for path in paths}
        for name in ANSWER_SETS
        for paths in [list(spec.match_files(files(rendered(name))))]
    }
    assert all(paths == written["defaults"] for paths in written.values())
    assert written["defaults"]


@pytest.mark.xdist_group("defaults")
def test_working_in_place_leaves_nothing_in_a_render(rendered: Renderer) -> None:
    """Every rendered file is in the repository: no cache, environment or index."""
    for path in files(rendered("defaults")):
        assert (ROOT / "template" / path).is_file(), path
        assert not {"__pycache__", ".cache", ".venv", "var"} & set(Path(path).parts), path
