"""Every render is clean without formatting or fixing, for any answers."""

from __future__ import annotations

import ast
import json
import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import yaml
from validate_pyproject import api as pyproject_schema

from harness.answers import ANSWER_SETS, FREE_TEXT, ROOT, SPACE
from harness.commands import git, run
from harness.grouping import each
from harness.rendering import BINARY_SUFFIXES, TemplateRepository, files, texts, tool

Renderer = Callable[[str], Path]

RESIDUE: Final = ("# [%", "%]", "@{", "}@", "[#", "#]")
INDEX_HOSTS: Final = re.compile(r"pypi\.org|pythonhosted\.org|^--(extra-)?index", re.MULTILINE)

every_answer_set = pytest.mark.parametrize("name", each(ANSWER_SETS))


def _without_answers(text: str, name: str) -> str:
    """Remove the free-text answers from a file, in each of their written forms."""
    for answer in {str(ANSWER_SETS[name].get(question, "")) for question in FREE_TEXT}:
        if len(answer) > 1:
            quoted = json.dumps(answer, ensure_ascii=False)[1:-1]
            markdown = re.sub(r"([\\`*_{}<>#&|~\[\]])", r"\\\1", answer)
            for form in (quoted, markdown, answer.replace("'", "''"), answer):
                text = text.replace(form, "")
    return text


@every_answer_set
def test_formatter_and_linter_have_nothing_to_change(name: str, rendered: Renderer) -> None:
    """The render passes its own configuration of ruff without a formatting pass."""
    service = rendered(name)
    tool("ruff", "format", "--check", "--no-cache", ".", cwd=service)
    tool("ruff", "check", "--no-cache", ".", cwd=service)


@every_answer_set
def test_no_templating_is_left_over(name: str, rendered: Renderer) -> None:
    """No delimiter survives, except within an answer."""
    for path, text in texts(rendered(name)).items():
        rest = _without_answers(text, name)
        assert [] == [mark for mark in RESIDUE if mark in rest], path


@every_answer_set
def test_whitespace_is_as_an_editor_would_leave_it(name: str, rendered: Renderer) -> None:
    """Removed lines leave no gaps: one final newline, no trailing spaces, no runs of blanks."""
    for path, text in texts(rendered(name)).items():
        if path.startswith("data/samples/") or not text:
            continue
        assert "\r" not in text, path
        assert text.endswith("\n"), path
        assert not text.endswith("\n\n"), path
        assert not text.startswith("\n"), path
        assert [] == re.findall(r"[ \t]+\n", text), path
        assert "\n\n\n\n" not in text, path


@every_answer_set
def test_every_file_parses(name: str, rendered: Renderer) -> None:
    """TOML, YAML, JSON and Python are well-formed with any text in the answers."""
    for path, text in texts(rendered(name)).items():
        match Path(path).suffix:
            case ".toml":
                tomllib.loads(text)
            case ".yml" | ".yaml":
                list(yaml.safe_load_all(text))
            case ".json":
                json.loads(text)
            case ".jsonl":
                for line in text.splitlines():
                    json.loads(line)
            case ".py":
                ast.parse(text)
            case _:
                pass


@every_answer_set
def test_pyproject_and_workflows_validate_against_their_schemas(
    name: str, rendered: Renderer
) -> None:
    """The packaging tools and the CI accept the metadata and the workflows."""
    service = rendered(name)
    loaded = tomllib.loads((service / "pyproject.toml").read_text("utf-8"))
    assert pyproject_schema.Validator()(loaded)
    if workflows := sorted(service.glob(".github/workflows/*.yml")):
        schema = ("--builtin-schema", "vendor.github-workflows")
        tool("check-jsonschema", *schema, *workflows, cwd=service)


@every_answer_set
def test_the_workflow_scanner_finds_nothing(name: str, rendered: Renderer) -> None:
    """No finding of medium severity or above, without the network."""
    service = rendered(name)
    if (service / ".github").exists():
        tool("zizmor", "--offline", "--min-severity", "medium", ".github", cwd=service)


@every_answer_set
def test_python_modules_are_the_templates_own(
    name: str, rendered: Renderer, template: TemplateRepository
) -> None:
    """Modules contain no templating, so tests in place cover the rendered code."""
    service = rendered(name)
    for path in (path for path in files(service) if path.endswith(".py")):
        assert (template.root / "template" / path).read_bytes() == (service / path).read_bytes(), (
            path
        )


@every_answer_set
def test_nothing_rendered_is_ignored_by_git(name: str, rendered: Renderer, tmp_path: Path) -> None:
    """Copier overwrites an ignored file on every update, beyond recovery."""
    service = rendered(name)
    (tmp_path / ".gitignore").write_bytes((service / ".gitignore").read_bytes())
    git(tmp_path, "init", "--quiet")
    found = run("git", "check-ignore", "--no-index", *files(service), cwd=tmp_path, expected=None)
    assert (1, "") == (found.returncode, found.stdout)  # 1: none is ignored


@every_answer_set
def test_nothing_names_this_machine_or_a_package_index(name: str, rendered: Renderer) -> None:
    """Committed files work on any machine: no index host, no absolute path of ours."""
    ours = {str(ROOT), f"{Path.home()}/", "/work/", "/home/", "/root/", "/Users/"} - {"//"}
    for path, text in texts(rendered(name)).items():
        if path.startswith("data/samples/"):
            continue
        rest = _without_answers(text, name)
        if path == ".copier-answers.yml":  # it has to name the source of updates
            rest = re.sub(r"_src_path: .*", "", rest)
        assert [] == [word for word in ours if word in rest], path
        assert None is INDEX_HOSTS.search(rest), path


@every_answer_set
def test_the_answers_stand_where_people_read_them(name: str, rendered: Renderer) -> None:
    """README, licence and metadata contain name and owner exactly."""
    service, answers = rendered(name), SPACE.defaults(ANSWER_SETS[name])
    project = tomllib.loads((service / "pyproject.toml").read_text("utf-8"))["project"]
    assert answers["description"] == project["description"]
    assert [{"name": answers["owner"]}] == project["authors"]
    assert str(answers["owner"]) in (service / "LICENSE").read_text("utf-8")
    heading = (service / "README.md").read_text("utf-8").split("\n")[0]
    assert f"# {answers['project_name']}" == re.sub(r"\\([^A-Za-z0-9\s])", r"\1", heading)


@every_answer_set
def test_links_between_files_lead_somewhere(name: str, rendered: Renderer) -> None:
    """An answer that removes files also removes the links to them."""
    service = rendered(name)
    for path, text in texts(service).items():
        if not path.endswith(".md") or path.startswith("data/samples/"):
            continue
        for target in re.findall(r"(?<!\\)\]\(([^)#\s]+)(?:#[^)\s]*)?\)", text):
            if "://" not in target and not target.startswith("mailto:"):
                where = Path(os.path.normpath(service / Path(path).parent / target))
                assert where.exists(), f"{path} links to {target}"


@pytest.mark.xdist_group("defaults")
def test_scripts_keep_their_mode(rendered: Renderer, template: TemplateRepository) -> None:
    """Files that are executable in the template are executable in a render."""
    service = rendered("defaults")
    for path in files(service):
        if Path(path).suffix not in BINARY_SUFFIXES:
            there = (template.root / "template" / path).stat().st_mode & 0o111
            here = (service / path).stat().st_mode & 0o111
            assert there == here, path


@pytest.mark.xdist_group("defaults")
def test_the_judges_are_the_teams_own(rendered: Renderer) -> None:
    """The tools that judge a render here have the versions that a team's `make check` runs."""
    pinned = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)
    ours = dict(pinned.findall((ROOT / "requirements/dev.txt").read_text("utf-8")))
    theirs = dict(
        pinned.findall((rendered("defaults") / "requirements/dev.txt").read_text("utf-8"))
    )
    shared = {
        "check-jsonschema",
        "copier",
        "mypy",
        "ruff",
        "uv",
        "validate-pyproject",
        "zizmor",
    }
    assert {name: theirs[name] for name in shared} == {name: ours[name] for name in shared}
