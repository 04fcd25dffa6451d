"""Defects that only running code shows: each breaks a practice, and a test of the service notices.

The defects of a batch are made together, in a copy of the template in place, and all tests that are
named here run once for each batch. Whoever changes such a test keeps what it holds.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.commands import interpreter, run, user_environment
from harness.mutations import MUTATIONS, Mutation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.rendering import TemplateRepository

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("mutations")]

BATCHES = sorted({mutation.batch for mutation in MUTATIONS})
TESTS = sorted({test for mutation in MUTATIONS for test in mutation.tests})
FAILED = re.compile(r"^(?:FAILED|ERROR) ([^\s\[]+)", re.MULTILINE)


@pytest.fixture(scope="module")
def failed(
    template: TemplateRepository, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[int, set[str]]:
    """The tests that fail in each batch."""
    root = tmp_path_factory.mktemp("mutations")
    # Where other tests have their services, as compiled packages are known by their paths.
    place = tmp_path_factory.getbasetemp() / "place"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(template.root / "template", place)
    python = interpreter("3.11") or Path(sys.executable)
    env = {**user_environment(root / "tools", python=python, uv=True), "CI": ""}
    run("make", "setup", cwd=place, env=env)
    found = {}
    for batch in BATCHES:
        made = [mutation for mutation in MUTATIONS if mutation.batch == batch]
        before = {each.path: (place / each.path).read_text("utf-8") for each in made}
        begun = {path: (place / path).stat().st_mtime for path in before}
        for each in made:
            text = (place / each.path).read_text("utf-8")
            assert text.count(each.old) == 1, (
                f"{each}: {each.old} stands {text.count(each.old)} times"
            )
            _write(place / each.path, text.replace(each.old, each.new), begun[each.path] + batch)
        command = (".venv/bin/python", "-m", "pytest", "-q", "--tb=no", *TESTS)
        done = run(*command, cwd=place, env=env, expected=1)
        found[batch] = set(FAILED.findall(done.stdout))
        for path, text in before.items():
            _write(place / path, text, begun[path])
    return found


def _write(path: Path, text: str, changed: float) -> None:
    """Write a module, with a time that its other states do not have: bytecode is known by it."""
    path.write_text(text, encoding="utf-8")
    os.utime(path, (changed, changed))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_defect_is_noticed(mutation: Mutation, failed: Mapping[int, set[str]]) -> None:
    """Every test that is named for it fails."""
    assert set() == set(mutation.tests) - failed[mutation.batch]


@pytest.mark.parametrize("test", TESTS)
def test_only_a_defect_is_noticed(test: str, failed: Mapping[int, set[str]]) -> None:
    """A test passes in a batch without its defect."""
    named = {mutation.batch for mutation in MUTATIONS if test in mutation.tests}
    assert [batch for batch in BATCHES if batch not in named and test not in failed[batch]]
