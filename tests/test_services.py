"""Rendered services pass their own commands, verbatim, in a fresh environment of their pins."""

from __future__ import annotations

import itertools
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from harness.answers import CHOICES, TEXTS, choices, default
from harness.commands import interpreter, run, user_environment
from harness.rendering import TemplateRepository, commit_all

if TYPE_CHECKING:
    from harness.answers import Answer, Answers


class Variant(NamedTuple):
    """A service, the environment of its set-up, and whether it measures the coverage.

    That doubles the time of the tests, so only those do that have everything between them.
    """

    python: str
    answers: Answers
    uv: bool = True
    coverage: bool = False


VARIANTS = {
    "defaults": Variant("3.11", {}, coverage=True),
    "own provider, set up with pip": Variant("3.11", CHOICES["own provider"], uv=False),
    "3.12 and MIT": Variant(
        "3.12",
        {
            "python_version": "3.12",
            "license": "MIT",
            "project_name": TEXTS["long"],
            "description": TEXTS["yaml"],
            "owner": TEXTS["quotes"],
            **CHOICES["both providers"],
        },
        coverage=True,
    ),
    "3.13 and Apache": Variant(
        "3.13",
        {
            "python_version": "3.13",
            "license": "Apache-2.0",
            "project_name": TEXTS["jinja"],
            "project_slug": "s" * 60,
            "description": TEXTS["shell"],
            "owner": TEXTS["backslash"],
            **CHOICES["openai"],
            "interfaces": ["openai", "mcp"],
        },
    ),
    "3.14": Variant("3.14", {"python_version": "3.14"}),
    "anthropic and mcp": Variant("3.11", {**CHOICES["anthropic"], "interfaces": ["mcp"]}),
    "openai with embeddings": Variant("3.11", CHOICES["openai with embeddings"]),
    "openai's embeddings and interface": Variant(
        "3.11", {**CHOICES["openai's embeddings"], "interfaces": ["openai"]}
    ),
    "everything": Variant("3.11", CHOICES["everything"], coverage=True),
    "bare, and a newer Python": Variant(
        "3.13",
        {
            "ci": "none",
            "docs": False,
            "container": False,
            **CHOICES["anthropic, openai's embeddings"],
        },
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_a_service_passes_its_own_checks_tests_and_evaluation(
    name: str, template: TemplateRepository, tmp_path: Path
) -> None:
    """From a bare checkout each documented command succeeds, and none changes tracked files."""
    variant = VARIANTS[name]
    python = interpreter(variant.python)
    if python is None:
        pytest.skip(f"no Python {variant.python} here; the static tests cover its renders")
    service = template.render(tmp_path / "service", variant.answers)
    commit_all(service, "Start from Groundwork")
    env = user_environment(tmp_path / "tools", python=python, uv=variant.uv)
    site = ("docs",) if variant.answers.get("docs", True) else ()
    run("make", "check", cwd=service, env=env)
    run("make", "test", *(() if variant.coverage else ("ARGS=tests",)), cwd=service, env=env)
    for command in ("eval", *site):
        run("make", command, cwd=service, env=env)
    report = "import json, sys; print(json.dumps([sys.version_info[:2], sys.prefix]))"
    version, prefix = json.loads(run(".venv/bin/python", "-c", report, cwd=service, env=env).stdout)
    assert variant.python == ".".join(map(str, version))
    assert str(service / ".venv") == prefix
    assert "" == run("git", "status", "--porcelain", cwd=service, env=env).stdout


@pytest.mark.slow
@pytest.mark.parametrize("version", choices("python_version"))
def test_the_kit_and_the_scripts_pass_their_tests_in_place(
    version: str, template: TemplateRepository, tmp_path: Path
) -> None:
    """No render has these tests; the lowest Python checks them and runs all, for the coverage."""
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    place = tmp_path / "template"
    shutil.copytree(template.root / "template", place)
    env = user_environment(tmp_path / "tools", python=python, uv=True)
    whole = version == default("python_version")
    # The others run a part of the examples: all of them on one Python take minutes.
    part = () if whole else ("CI=", "ARGS=tests/kit tests/scripts")
    if whole:
        run("make", "check", cwd=place, env=env)
    run("make", "test", *part, cwd=place, env=env)


def test_every_combination_of_providers_is_tested() -> None:
    """Each variant runs its own suite, on a Python that all machines with these tests have.

    The team's own provider is an extension: with another one nothing is rendered for it.
    """

    def combination(answers: Answers) -> tuple[frozenset[str], Answer]:
        providers = answers.get("llm_providers", default("llm_providers"))
        embeddings = answers.get("embeddings", default("embeddings"))
        assert isinstance(providers, list)
        alone = (providers, embeddings) == (["own"], default("embeddings"))
        return frozenset(providers) - (set() if alone else {"own"}), embeddings

    every = itertools.product(choices("llm_providers"), choices("embeddings"))
    assert {
        combination({"llm_providers": providers, "embeddings": embeddings})
        for providers, embeddings in every
    } == {combination(v.answers) for v in VARIANTS.values() if v.python != "3.14"}


def test_the_barest_service_passes_its_own_checks(
    template: TemplateRepository, tmp_path: Path
) -> None:
    """The variant of the inner loop: in place all options are on, here all are off."""
    bare = {**CHOICES["bare"], "python_version": "3.11"}
    service = template.render(tmp_path / "service", bare)
    commit_all(service, "Start from Groundwork")
    python = interpreter("3.11") or Path(sys.executable)
    env = user_environment(tmp_path / "tools", python=python, uv=True)
    run("make", "check", cwd=service, env=env)
