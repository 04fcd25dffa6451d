"""Rendered services pass their own commands, verbatim, in a fresh environment of their pins."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Final

import pytest

from harness.answers import ANSWER_SETS, VARIANTS, choices, default
from harness.commands import interpreter, run, user_environment
from harness.rendering import TemplateRepository, commit_all
from scripts.variants_page import record

AS_IN_CI: Final = ("starter", "everything")
"""The variants that run `make test` as a team's CI does: all cases, and the coverage floor.

The others run it as a developer does. The two have every test of a service but those of `LOCAL`.
"""

KIT: Final = ("tests/kit", "tests/scripts")
"""The tests that no service has."""

SERVED: Final = "tests/kit/service"
"""Those of them that start processes, or count steps, which coverage would count as well."""

LOCAL: Final = next(name for name, each in VARIANTS.items() if each["embeddings"] == "local")
"""A variant with the option that neither of the two whose coverage is measured has."""

WITH_PIP: Final = next(
    name
    for name, each in VARIANTS.items()
    if name not in AS_IN_CI and not each["llm_providers"] and not each["vector_stores"]
)
"""One of few packages, because pip takes longest to install them."""
FRESH: Final = "starter"
"""The variant that shares no cache with others."""


def _in_one_process(value: str, version: str) -> object:
    """Return a parameter whose test shares a process, and its caches, with others of its Python."""
    return pytest.param(value, marks=pytest.mark.xdist_group(f"Python {version}"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "version", [_in_one_process(each, each) for each in map(str, choices("python_version"))]
)
def test_the_kit_and_the_scripts_pass_their_tests_in_place(
    version: str, template: TemplateRepository, place: Path, tmp_path: Path
) -> None:
    """No render has these tests; the lowest Python checks them and runs all of them.

    Coverage takes as long as the tests, so it is measured once of each part: here of the kit by its
    tests, in the variants of the service by those that it has.
    """
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    shutil.copytree(template.root / "template", place)
    env = user_environment(tmp_path / "tools", python=python, uv=True)
    tests = " ".join(KIT)
    if version != default("python_version"):
        # The others run a part of the examples.
        run("make", "test", "CI=", f"ARGS={tests}", cwd=place, env=env)
        return
    run("make", "check", cwd=place, env=env)
    apart = f"--ignore={SERVED} --cov=gwkit --cov-report=term"
    for arguments in (f"{tests} {apart}", SERVED):
        run("make", "test", "CI=1", f"ARGS={arguments}", cwd=place, env=env)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [_in_one_process(name, str(each["python_version"])) for name, each in VARIANTS.items()]
)
def test_a_service_passes_its_own_checks_tests_and_evaluation(
    name: str, template: TemplateRepository, place: Path, tmp_path: Path
) -> None:
    """From a bare checkout each documented command succeeds, and none changes tracked files."""
    answers = VARIANTS[name]
    wanted = str(answers["python_version"])
    python = interpreter(wanted)
    if python is None:
        pytest.skip(f"no Python {wanted} here; the static tests cover its renders")
    used = _processor_seconds()
    service = template.render(place, answers)
    commit_all(service, "Start from Groundwork")
    env = user_environment(
        tmp_path / "tools", python=python, uv=name != WITH_PIP, fresh=name == FRESH
    )

    run("make", "check", cwd=service, env=env)
    run("make", "test", *([] if name in AS_IN_CI else ["CI="]), cwd=service, env=env)
    if name == LOCAL:
        option = "ARGS=tests/options/local_embeddings --cov=app.options.local_embeddings"
        run("make", "test", "CI=1", option, cwd=service, env=env)
    for command in ("eval", *(["docs"] if answers["docs"] else [])):
        run("make", command, cwd=service, env=env)

    report = "import json, sys; print(json.dumps([sys.version_info[:2], sys.prefix]))"
    version, prefix = json.loads(run(".venv/bin/python", "-c", report, cwd=service, env=env).stdout)
    assert wanted == ".".join(map(str, version))
    assert str(service / ".venv") == prefix
    assert "" == run("git", "status", "--porcelain", cwd=service, env=env).stdout
    record(answers, _processor_seconds() - used)
    shutil.rmtree(service / ".venv")


def test_the_barest_service_passes_its_own_checks(
    template: TemplateRepository, tmp_path: Path
) -> None:
    """The variant of the inner loop: in place all options are on, here all are off.

    Its Python is the newest one that is here, because the other variants have their lowest one.
    """
    service = template.render(tmp_path / "service", ANSWER_SETS["bare"])
    commit_all(service, "Start from Groundwork")
    found = [interpreter(str(version)) for version in choices("python_version")]
    python = next((each for each in reversed(found) if each), Path(sys.executable))
    env = user_environment(tmp_path / "tools", python=python, uv=True)
    run("make", "check", cwd=service, env=env)


def _processor_seconds() -> float:
    """Return the processor time of all commands so far."""
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
