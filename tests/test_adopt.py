"""`make adopt` brings an existing service under the template, and updates reach it from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from harness.commands import git
from harness.rendering import TemplateRepository, commit_all, contents
from harness.updating import assert_no_conflict, update_with_command
from scripts.adopt import BRANCH, AdoptionError, adopt, lacking, propose_answers

if TYPE_CHECKING:
    from pathlib import Path

FILES: Final = {
    "pyproject.toml": """\
[project]
name = "parcel-desk"
description = "Answers questions about parcels."
authors = [{ name = "The parcel team" }]
requires-python = ">=3.12"
dependencies = ["fastapi>=0.100", "openai", "boltons>=24 # for caches"]
""",
    "parcels/main.py": "from fastapi import FastAPI\n\napp = FastAPI()\nprint('started')\n",
    "README.md": "# Parcels\n",
    ".gitignore": "*.parcels\n",
    "Dockerfile": "FROM python:3.12\n",
    ".github/workflows/own.yml": "name: own\non: push\njobs: {}\n",
}


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """A small FastAPI service that no template made."""
    root = tmp_path / "parcels"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    commit_all(root, "Our service")
    return root


def test_answers_are_proposed_from_the_files(service: Path) -> None:
    """Questions without a clue keep their defaults."""
    assert {
        "project_name": "Parcel desk",
        "description": "Answers questions about parcels.",
        "owner": "The parcel team",
        "python_version": "3.12",
        "ci": "github",
        "docs": False,
        "container": True,
        "llm_providers": ["openai"],
    } == propose_answers(service)


@pytest.mark.slow
def test_an_adopted_service_keeps_its_files_and_is_updated(service: Path, tmp_path: Path) -> None:
    """Replaced files are listed, practices are named by code, and a release arrives."""
    repository = TemplateRepository.of_working_tree(tmp_path / "template")
    repository.release("v1.0.0")
    before = contents(service)

    adoption = adopt(service, propose_answers(service), template=repository.root, ref="v1.0.0")

    assert before == contents(service)
    assert "" == git(service, "status", "--porcelain")
    assert [".gitignore", "Dockerfile", "README.md", "pyproject.toml"] == adoption.replaced
    assert ["boltons>=24"] == adoption.requirements
    assert "LOG" in " ".join(lacking(service)), "the service prints"
    with pytest.raises(AdoptionError, match="there is a branch"):
        adopt(service, {}, template=repository.root)
    git(service, "switch", "--quiet", BRANCH)
    assert FILES["parcels/main.py"] == (service / "parcels/main.py").read_text("utf-8")
    assert "*.parcels\n" in (service / ".gitignore").read_text("utf-8")
    with pytest.raises(AdoptionError, match="use `make template-update`"):
        adopt(service, {}, template=repository.root)

    # Pinning the requirement needs an index, so the update is that of a team without one.
    seed = service / "requirements/app.in"
    seed.write_text("# Nothing of ours\n", encoding="utf-8")
    commit_all(service, "Adopted")
    page = repository.root / "template/deploy/nginx.conf"
    page.write_text(page.read_text("utf-8") + "# Newer.\n", encoding="utf-8")
    repository.release("v1.1.0")
    update_with_command(service)

    assert_no_conflict(service)
    assert "# Newer.\n" in (service / "deploy/nginx.conf").read_text("utf-8")
    assert FILES["parcels/main.py"] == (service / "parcels/main.py").read_text("utf-8")


def test_a_folder_that_is_no_repository_is_refused(tmp_path: Path) -> None:
    """The message is git's."""
    with pytest.raises(AdoptionError, match="not a git repository"):
        adopt(tmp_path, {})
