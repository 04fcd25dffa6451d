"""Rendered services pass their own commands, verbatim, in a fresh environment of their own pins."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import pytest

from harness.commands import interpreter, run, user_environment
from harness.rendering import TemplateRepository, commit_all

if TYPE_CHECKING:
    from pathlib import Path

    from harness.answers import Answers

pytestmark = pytest.mark.slow


class Variant(NamedTuple):
    """A service and the machine it is set up on."""

    python: str
    answers: Answers
    uv: bool = True


VARIANTS = {
    "defaults": Variant("3.11", {}),
    "defaults, set up with pip": Variant("3.11", {}, uv=False),
    "3.12 and MIT": Variant("3.12", {"python_version": "3.12", "license": "MIT"}),
    "3.13 and Apache": Variant("3.13", {"python_version": "3.13", "license": "Apache-2.0"}),
    "3.14": Variant("3.14", {"python_version": "3.14"}),
    "bare, and a newer Python": Variant("3.13", {"ci": "none", "docs": False}),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_service_passes_its_own_checks_tests_and_evaluation(
    name: str, template: TemplateRepository, tmp_path: Path
) -> None:
    """From a bare checkout, `make check`, `make test` and `make eval` succeed and dirty nothing."""
    variant = VARIANTS[name]
    python = interpreter(variant.python)
    if python is None:
        pytest.skip(f"no Python {variant.python} here; the static tests cover its renders")
    service = template.render(tmp_path / "service", variant.answers)
    commit_all(service, "Start from Groundwork")
    env = user_environment(tmp_path / "tools", python=python, uv=variant.uv)
    for command in ("check", "test", "eval"):
        run("make", command, cwd=service, env=env)
    report = "import json, sys; print(json.dumps([sys.version_info[:2], sys.prefix]))"
    version, prefix = json.loads(run(".venv/bin/python", "-c", report, cwd=service, env=env).stdout)
    assert variant.python == ".".join(map(str, version))
    assert str(service / ".venv") == prefix
    assert "" == run("git", "status", "--porcelain", cwd=service, env=env).stdout
