"""The fixtures that every test module uses."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import jinja2
import pytest

from harness.answers import ANSWER_SETS, ROOT
from harness.commands import SAVING, git
from harness.rendering import TemplateRepository, commit_all

Renderer = Callable[[str], Path]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest tests first, so that no process runs alone at the end."""
    order = (
        *("test_services", "test_page", "test_commands", "test_bites", "test_updates"),
        *("test_extensions", "test_drill", "test_mutations", "test_benchmarks"),
    )
    items.sort(
        key=lambda item: order.index(item.path.stem) if item.path.stem in order else len(order)
    )


@pytest.fixture(autouse=True, scope="session")
def _nobody_in_particular(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ignore the developer's git and Copier settings: a trusted folder would hide a defect."""
    settings = tmp_path_factory.mktemp("copier") / "settings.yml"
    settings.write_text("{}\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COPIER_SETTINGS_PATH", str(settings))
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        for role in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{role}_NAME", "A team")
            patch.setenv(f"GIT_{role}_EMAIL", "team@example.org")
        yield


@pytest.fixture(autouse=True, scope="session")
def _saving_time(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let the services of a process share mypy's cache and what Python compiled, at their imports.

    Mypy knows changed files by their hashes, Python by their times and sizes, which uv keeps. Each
    is up to a third of the time of a variant. The tests of a service have one process: several of
    these run side by side already.
    """
    mypy, bytecode = (str(tmp_path_factory.mktemp(name)) for name in ("mypy", "bytecode"))
    values = (mypy, "1", bytecode, "0")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in zip(SAVING, values, strict=True):
            patch.setenv(name, value)
        yield


@pytest.fixture(autouse=True, scope="session")
def _compiled_once() -> Iterator[None]:
    """Compile each of the template's files once for all renders: it takes most of their time."""
    original = jinja2.Environment.compile
    known: dict[object, object] = {}

    def compile_once(
        self: jinja2.Environment, source: str, name: str | None = None, filename: str | None = None
    ) -> object:
        syntax = (self.block_start_string, self.variable_start_string, *self.extensions)
        key = (type(self), syntax, source, name)
        if key not in known:
            known[key] = original(self, source, name, filename)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jinja2.Environment, "compile", compile_once)
        yield


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for a service: the same for each test of a process, and not there yet.

    Mypy's cache knows installed packages by their paths: elsewhere they would be read again.
    """
    folder = tmp_path_factory.getbasetemp() / "place"
    shutil.rmtree(folder, ignore_errors=True)
    return folder


@pytest.fixture(scope="session")
def template(
    _nobody_in_particular: None, tmp_path_factory: pytest.TempPathFactory
) -> TemplateRepository:
    """The working tree's template, uncommitted work included, released as v0.1.0."""
    repository = TemplateRepository.of_working_tree(tmp_path_factory.mktemp("template"))
    repository.release("v0.1.0")
    return repository


@pytest.fixture(scope="session")
def rendered(template: TemplateRepository, tmp_path_factory: pytest.TempPathFactory) -> Renderer:
    """Render an answer set by its name, once per session; tests must not change it."""
    cache: dict[str, Path] = {}

    def render(name: str) -> Path:
        if name not in cache:
            destination = tmp_path_factory.mktemp("rendered") / "service"
            cache[name] = template.render(destination, ANSWER_SETS[name])
        return cache[name]

    return render


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of this repository, uncommitted work included, without an environment."""
    root = tmp_path / "clone"
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    commit_all(root, "Everything")
    return root
