"""The action, the workflow and the GitLab component run the judge, and their commands work."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from harness.answers import ROOT
from harness.commands import git, run
from harness.rendering import commit_all, tool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

WHERE = ("action", "workflow", "component")


def loaded(path: str) -> list[Any]:
    """Return the documents of a YAML file of this repository."""
    return list(yaml.safe_load_all((ROOT / path).read_text("utf-8")))


def commands(where: str) -> str:
    """Return what a definition runs at last."""
    match where:
        case "action":
            return str(loaded("action.yml")[0]["runs"]["steps"][-1]["run"])
        case "workflow":
            jobs = loaded(".github/workflows/standards.yml")[0]["jobs"]
            return str(jobs["judge"]["steps"][-1]["run"])
        case _:
            return "\n".join(loaded("templates/standards.yml")[1]["standards"]["script"])


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository's working tree as a commit and a release, with the pinned tools."""
    root = tmp_path_factory.mktemp("groundwork") / "groundwork"
    for name in filter(None, git(ROOT, "ls-files", "-z", "-co", "--exclude-standard").split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    commit_all(root, "Release")
    git(root, "tag", "v0.1.0")
    return root


def environment(service: Path, groundwork: Path, tools: Path) -> Mapping[str, str]:
    """Return the variables that the definitions read, and a make that needs no set-up.

    Args:
        service: The service's checkout.
        groundwork: The template's repository.
        tools: A folder for the make that stands first on the PATH.
    """
    tools.mkdir()
    ready = f"--old-file=requirements/dev.txt VENV={ROOT / '.venv'}"
    text = f'#!/bin/sh\nexec {shutil.which("make")} {ready} "$@"\n'
    (tools / "make").write_text(text, encoding="utf-8")
    (tools / "make").chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}",
        "SERVICE": str(service),
        "GITHUB_WORKSPACE": str(service),
        "CI_PROJECT_DIR": str(service),
        "TEMPLATE": str(groundwork),
        "TEMPLATE_REF": git(groundwork, "rev-parse", "HEAD").strip(),
        "AT": "",
    }


@pytest.mark.slow
@pytest.mark.xdist_group("defaults")
@pytest.mark.parametrize("where", WHERE)
def test_its_commands_judge_a_service(
    where: str, repository: Path, rendered: Callable[[str], Path], tmp_path: Path
) -> None:
    """A fresh service passes; a weakened one fails, and the reason is printed."""
    service = tmp_path / "service"
    shutil.copytree(rendered("defaults"), service)
    commit_all(service, "Start from Groundwork")
    shutil.copytree(repository, service / ".groundwork")
    env = environment(service, repository, tmp_path / "tools")
    command = ("bash", "-e", "-c", commands(where))
    assert "0 findings" in run(*command, cwd=service, env=env).stdout
    (service / ".github/workflows/ci.yml").unlink()
    failed = run(*command, cwd=service, env=env, expected=None)
    assert failed.returncode != 0
    assert "ENF4 the workflow is gone" in failed.stdout


def test_the_component_is_a_pipeline(tmp_path: Path) -> None:
    """GitLab's schema accepts it once the inputs stand in it, and each input is declared."""
    header, body = (ROOT / "templates/standards.yml").read_text("utf-8").split("---\n")
    for name in yaml.safe_load(header)["spec"]["inputs"]:
        assert f"$[[ inputs.{name} ]]" in body
        body = body.replace(f"$[[ inputs.{name} ]]", "test")
    assert "$[[" not in body
    (tmp_path / "standards.yml").write_text(body, encoding="utf-8")
    tool("check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", "standards.yml", cwd=tmp_path)


def test_github_gives_no_more_than_reading() -> None:
    """The reusable workflow may read the contents, and keeps no credentials in a checkout."""
    workflow = loaded(".github/workflows/standards.yml")[0]
    assert {} == workflow["permissions"]
    assert {"contents": "read"} == workflow["jobs"]["judge"]["permissions"]
    steps = [*workflow["jobs"]["judge"]["steps"], *loaded("action.yml")[0]["runs"]["steps"]]
    checkouts = [step for step in steps if "checkout" in step.get("uses", "")]
    assert 3 == len(checkouts)
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)
