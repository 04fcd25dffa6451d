"""A service that violates a practice fails `make check`, which names place and practice.

Every violation is planted in a file of its own, all in one service, and `make check` runs once: it
must list each. `test_services.py` shows that a clean service passes.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import pytest

from harness.commands import interpreter, run, user_environment
from harness.rendering import TemplateRepository, commit_all

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("practices")]

FUTURE = "from __future__ import annotations"


class Violation(NamedTuple):
    """The planted violations: new files, and changes of existing ones."""

    path: str
    text: str
    replaces: str = ""


def module(name: str, body: str, *, imports: str = "", public: str = "") -> Violation:
    """Return a module of `app.utils` that is correct except for its body."""
    heading = f'"""Planted: {name}."""\n\n{FUTURE}\n\n'
    listed = f"__all__: list[str] = [{public}]\n\n\n"
    return Violation(
        f"src/app/utils/planted_{name}.py",
        heading + (f"{dedent(imports).strip()}\n\n" if imports else "") + listed + dedent(body),
    )


LOGGER = "import structlog"

VIOLATIONS = {
    "TYP1": module("unannotated", "def _shout(text):\n    return text.upper()\n"),
    "TYP1 weakened": Violation(
        "pyproject.toml", '\n[[tool.mypy.overrides]]\nmodule = "app.graph"\nignore_errors = true\n'
    ),
    "TYP2": Violation(
        "src/app/utils/planted_bare.py", '"""Planted."""\n\n__all__: list[str] = []\n'
    ),
    "TYP3": module(
        "vague",
        "def _pass(value: Any) -> str:\n    return str(value)\n",
        imports="from typing import Any",
    ),
    "TYP4": module(
        "optional", "_NOTHING: Optional[int] = None\n", imports="from typing import Optional"
    ),
    "TYP6": module("ignored", '_COUNT: int = "one"  # type: ignore\n'),
    "CFG1": module("environment", '_HOME = os.environ["HOME"]\n', imports="import os"),
    "CFG2": Violation(
        "src/app/config/settings.py",
        "    planted: int = Field(default=1, ge=0)\n\n    top_k: int",
        "    top_k: int",
    ),
    "CFG5": Violation(".env.example", "\n# APP_PLANTED=1\n"),
    "CFG6": module("secret", '_API_KEY = "sk-live-0123456789abcdef0123456789abcdef"\n'),
    "DEP1": Violation("requirements/docs.txt", "humanize>=4\n"),
    "DEP3": module(
        "transitive", "_NAME = annotated_types.__name__\n", imports="import annotated_types"
    ),
    "DEP5": module(
        "private",
        "_LEVELS = logging._nameToLevel\n",
        imports="import logging",
    ),
    "LOG2": module("printing", 'def _say() -> None:\n    print("said")\n'),
    "LOG4": module(
        "prose",
        """\
        _log = structlog.stdlib.get_logger(__name__)


        def _tell(name: str) -> None:
            _log.info(f"ingested {name}")
        """,
        imports=LOGGER,
    ),
    "ERR1": module(
        "swallowing",
        """\
        def _try(path: Path) -> None:
            try:
                path.unlink()
            except:
                pass
        """,
        imports="from pathlib import Path",
    ),
    "ERR2": module(
        "leaking",
        "def _read(path: str) -> str:\n    file = open(path)\n    return file.read()\n",
    ),
    "ERR3": module(
        "causeless",
        """\
        def _number(text: str) -> int:
            try:
                return int(text)
            except ValueError:
                raise KeyError(text)
        """,
    ),
    "ERR4": module(
        "undocumented",
        '''\
        def number(text: str) -> int:
            """Read a number."""
            if not text:
                raise KeyError(text)
            return int(text)
        ''',
        public='"number"',
    ),
    "ERR5": module(
        "generic", 'def _fail() -> None:\n    msg = "failed"\n    raise RuntimeError(msg)\n'
    ),
    "CCH2": module(
        "unhashable",
        "@lru_cache\ndef _total(numbers: list[int]) -> int:\n    return sum(numbers)\n",
        imports="from functools import lru_cache",
    ),
    "ASY1": module(
        "blocking", "async def _wait() -> None:\n    time.sleep(1)\n", imports="import time"
    ),
    "TST1": Violation(
        "tests/unit/test_planted_mock.py",
        f"{FUTURE}\n\nfrom unittest import mock\n\n\ndef test_mock() -> None:\n"
        '    """A mock is true."""\n    assert mock.Mock()\n',
    ),
    "TST4": Violation(
        "tests/unit/test_planted_fixture.py",
        f"{FUTURE}\n\nimport pytest\n\n\n@pytest.mark.parametrize('a,b', [(1, 1)])\n"
        'def test_equal(a: int, b: int) -> None:\n    """They are equal."""\n    assert a == b\n',
    ),
    "TST5": Violation("pyproject.toml", "fail_under = 10", "fail_under = 90"),
    "STR3": Violation(
        "src/app/utils/helpers.py", f'"""Planted."""\n\n{FUTURE}\n\n__all__: list[str] = []\n'
    ),
    "STR3 long": module("long", "".join(f"_N{n} = {n}\n" for n in range(500))),
    "STR4": module("unlisted", 'PLANTED = "planted"\n'),
    "STR5": Violation("src/gwkit/errors.py", "\n# Planted.\n"),
}


@pytest.fixture(scope="module")
def report(template: TemplateRepository, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The output of `make check` for a service that violates every practice."""
    root = tmp_path_factory.mktemp("practices")
    service = template.render(root / "service")
    commit_all(service, "Start from Groundwork")
    python = interpreter("3.11") or Path(sys.executable)
    env = user_environment(root / "tools", python=python, uv=True)
    planted = [*VIOLATIONS.values(), LAYERS]
    for violation in planted:
        path = service / violation.path
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if violation.replaces:
            assert before.count(violation.replaces) == 1, violation
            text = before.replace(violation.replaces, violation.text)
        else:
            text = before + violation.text
        path.write_text(text, encoding="utf-8")
    return run("make", "check", cwd=service, env=env, expected=2).stdout


LAYERS = module("upward", "_NAME = api.__name__\n", imports="from app import api")


@pytest.mark.parametrize("practice", VIOLATIONS)
def test_a_planted_violation_is_named_with_its_place(practice: str, report: str) -> None:
    """A line has the file and the code, or the file under the heading of a step with the code."""
    code, path = practice.split(maxsplit=1)[0], VIOLATIONS[practice].path
    heading = ""
    for line in report.splitlines():
        if re.match(r"[a-z]+( \(.*\))?: /", line):
            heading = line
        if path in line and (code in line or code in heading):
            return
    pytest.fail(f"no {code} for {path} in:\n{report}")


def test_an_import_against_the_layers_is_named(report: str) -> None:
    """import-linter names modules, not files, under the names of the practices."""
    assert re.search(r"^layers \(.*STR2.*\): ", report, re.MULTILINE)
    assert "app.utils.planted_upward -> app.api" in report
