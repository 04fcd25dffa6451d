"""Each rule finds its violations, and accepts good code."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from scripts.findings import Finding, report
from scripts.practices import PRACTICES
from scripts.reference import current_reference, generated
from scripts.standards import behaviour, configuration, modules
from scripts.standards.project import Module, Project
from scripts.standards.rule import ProjectRule, module_rule
from scripts.standards.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

FUTURE = "from __future__ import annotations\n"

PLANTED = [
    (modules.future_import, '"""Docs."""\n\nimport os\n', 1),
    (modules.future_import, "", 1),
    (modules.public_names, "A = 1\n", 1),
    (modules.public_names, '__all__ = ["A"]\nA = 1\n\ndef b(): ...\n', 1),
    (modules.public_names, '__all__ = ["A", "gone"]\nA = 1\n', 1),
    (modules.public_names, "\n__all__: list[str] = []\nclass B: ...\n", 2),
    (modules.public_names, "__all__ = []\nif x:\n    A = 1\nelse:\n    B = 2\n", 1),
    (modules.public_names, "__all__ = []\ntry:\n    A = 1\nexcept OSError:\n    A = 2\n", 1),
    (modules.public_names, "__all__ = []\nA: int = 1\n", 1),
    (modules.public_names, '__all__ = ["loads"]\nfrom json import loads\n', 1),
    (modules.module_length, "\n" * 301, 1),
    (modules.private_interfaces, "from uvicorn._types import ASGI3Application\n", 1),
    (modules.private_interfaces, "import os\nfrom lxml.etree import _Element\n", 2),
    (modules.private_interfaces, "import opentelemetry.semconv._incubating\n", 1),
    (modules.private_interfaces, "import logging as log\n\nlog.root._log()\n", 3),
    (modules.listed_names, "A = 1\n", 1),
    (modules.mocks_in_unit_tests, "from unittest.mock import Mock\n", 1),
    (modules.mocks_in_unit_tests, "from unittest import mock\n", 1),
    (modules.mocks_in_unit_tests, "import pytest_mock\n", 1),
    (modules.mocks_in_unit_tests, "def test_a(mocker): ...\n", 1),
    (behaviour.module_loggers, 'import structlog\n_log = structlog.get_logger("app")\n', 2),
    (behaviour.module_loggers, "_log = logging.getLogger()\n", 1),
    (behaviour.module_loggers, "def f():\n    log = get_logger(__name__)\n", 2),
    (behaviour.constant_events, '_log.info(f"read {name}")\n', 1),
    (behaviour.constant_events, '_log.info("read", name)\n', 1),
    (behaviour.constant_events, '_log.warning("Could not read")\n', 1),
    (behaviour.constant_events, "self._log.error(event)\n", 1),
    (behaviour.constant_events, "await logger.ainfo(message)\n", 1),
    (behaviour.constant_events, "_log.debug()\n", 1),
    (behaviour.constant_events, "_log.bind(a=1).info(event)\n", 1),
    (behaviour.constant_events, "_log.log(20, event)\n", 1),
    (behaviour.constant_events, "events = get_logger()\nevents.info(event)\n", 2),
    (behaviour.constant_events, "a = logger.bind(b=1)\nc = a.new()\nc.info(event)\n", 3),
    (behaviour.constant_events, "structlog.get_logger().info(event)\n", 1),
    (behaviour.domain_errors, 'raise RuntimeError("no")\n', 1),
    (
        behaviour.domain_errors,
        "try:\n    pass\nexcept OSError as e:\n    raise Exception from e\n",
        4,
    ),
    (behaviour.cached_arguments, "@cache\ndef f(a: list[int]) -> int: ...\n", 2),
    (
        behaviour.cached_arguments,
        "@functools.lru_cache(8)\ndef f(*, a: dict | None) -> int: ...\n",
        2,
    ),
    (behaviour.cached_arguments, "@cache\nasync def f(a: int) -> int: ...\n", 2),
    (behaviour.plain_secrets, 'API_KEY = "anything"\n', 1),
    (behaviour.plain_secrets, 'api_key: str = "anything"\n', 1),
    (behaviour.plain_secrets, 'client = Client(api_key="anything")\n', 1),
    (configuration.checked_modules, "# mypy: ignore-errors\n", 1),
    (configuration.checked_modules, "x = 1\n# type: ignore\n", 2),
    (configuration.checked_modules, "#mypy: disallow-untyped-defs=False\n", 1),
    (
        configuration.described_settings,
        'class Settings(SettingsGroup):\n    name: str = Field(default="")\n',
        2,
    ),
    (
        configuration.described_settings,
        'class Settings(BaseSettings):\n    size: int = Field(default=1, description="Size.")\n',
        2,
    ),
]

GOOD = [
    (modules.private_interfaces, "from app.wiring import _pick\nfrom ._own import a\n"),
    (modules.private_interfaces, "import os\nos._exit(self._code)\n"),
    (modules.private_interfaces, f"{FUTURE}import a\na.__version__\n"),
    (modules.future_import, f'"""Docs."""\n\n{FUTURE}'),
    (modules.future_import, FUTURE),
    (modules.public_names, '__all__ = ["A", "b"]\nimport os\n_c = 1\nA = 1\n\ndef b(): ...\n'),
    (modules.public_names, '__all__: list[str] = []\nif __name__ == "__main__":\n    x = 1\n'),
    (
        modules.public_names,
        "__all__: list[str] = []\ntry:\n    import pwd\nexcept ImportError:\n    pwd = None\n",
    ),
    (modules.public_names, '__all__: list[str] = []\nItem = TypeVar("Item")\n'),
    (modules.public_names, '__all__ = ("A",)\nA = 1\n'),
    (modules.public_names, '__all__ = ["a"]\n\ndef a(): ...\n_b = [a for a in ()]\n'),
    (modules.listed_names, '"""Docs."""\n__all__ = ["A"]\n'),
    (modules.module_length, "\n" * 300),
    (modules.mocks_in_unit_tests, "from fixtures.models import FakeModel\n"),
    (behaviour.module_loggers, "_log = structlog.stdlib.get_logger(__name__)\n"),
    (behaviour.constant_events, '_log.info("document_read", name=name)\n_log.bind(a=1)\n'),
    (behaviour.constant_events, 'typer.error("Anything at all")\nmath.log(2)\n'),
    (behaviour.constant_events, "_change_log = ChangeLog()\n_change_log.info(text)\n"),
    (behaviour.domain_errors, "raise IngestError(name, reason) from exc\nraise\n"),
    (behaviour.cached_arguments, "@cache\ndef f(a: tuple[list, ...], b: str | None) -> int: ...\n"),
    (behaviour.cached_arguments, "def f(a: list[int]) -> int: ...\n"),
    (behaviour.plain_secrets, 'api_key = settings.api_key\napi_key: str = ""\nname = "sk-short"\n'),
    (
        configuration.checked_modules,
        "x = f()  # type: ignore[attr-defined]  # they have no stubs\n",
    ),
    (
        configuration.described_settings,
        """
        class Settings(BaseSettings):
            model_config = SettingsConfigDict()
            kinds: ClassVar[int] = 3
            kind: Literal["int", "ext"] = "int"
            '''Kind.'''
            size: int = Field(default=1, ge=1, description="Size.")
            name: str = ""
            '''Name.'''

            def total(self) -> int: ...

        class Other:
            size: int
        """,
    ),
]


@pytest.mark.parametrize(("check", "text", "line"), PLANTED)
def test_rule_finds_planted_violation(
    check: Callable[[Module], Iterable[tuple[int, str]]], text: str, line: int
) -> None:
    """A planted violation is found on its line."""
    assert line in [place for place, _ in check(Module("src/app/a.py", text))]


@pytest.mark.parametrize(("check", "text"), GOOD)
def test_rule_leaves_good_code_alone(
    check: Callable[[Module], Iterable[tuple[int, str]]], text: str
) -> None:
    """Code that follows the practice has no finding."""
    assert [] == list(check(Module("src/app/a.py", dedent(text))))


@pytest.mark.parametrize(
    "path",
    ["src/app/helpers.py", "src/app/common/a.py", "src/app/_misc.py", "src/app/graph/utils.py"],
)
def test_catch_all_names_are_found(path: str) -> None:
    """A catch-all name is found for modules and packages."""
    assert 1 == len(list(modules.catch_all_names(Module(path, ""))))


def test_package_may_offer_what_it_imports() -> None:
    """An `__init__` may list imported names; another module may not."""
    text = '__all__ = ["A"]\nfrom app.a import A\n'

    assert [] == list(modules.public_names(Module("src/app/b/__init__.py", text)))
    assert [] != list(modules.public_names(Module("src/app/b/c.py", text)))


def test_the_kit_may_set_loggers_up() -> None:
    """The modules that configure logging are excused."""
    module = Module("src/gwkit/logging/a.py", "logging.getLogger()\n")

    assert [] == list(behaviour.module_loggers(module))


@pytest.fixture
def checkout(tmp_path: Path) -> Project:
    """A small checkout whose configuration follows the practices."""
    files = {
        ".python-version": "3.11\n",
        "src/app/a.py": FUTURE,
        "tests/integration/test_a.py": "def test_all(): ...\n",
        "pyproject.toml": """
            [project]
            requires-python = ">=3.11"
            [tool.ruff.lint]
            select = ["ALL"]
            ignore = ["COM812"]
            [tool.ruff.lint.per-file-ignores]
            "tests/**" = ["S105"]
            [tool.mypy]
            strict = true
            files = ["src", "scripts", "tests"]
            [[tool.mypy.overrides]]
            module = "vendor.*"
            ignore_missing_imports = true
            [tool.coverage.run]
            branch = true
            [tool.coverage.report]
            fail_under = 90
            """,
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(dedent(text), encoding="utf-8")
    return Project(tmp_path)


CONFIGURATION_CHECKS = [
    configuration.strict_types,
    configuration.strict_linting,
    configuration.coverage_floor,
    configuration.integration_tests,
    configuration.python_version,
]


@pytest.mark.parametrize("check", CONFIGURATION_CHECKS)
def test_configuration_that_keeps_the_practices_passes(
    check: Callable[[Project], Iterable[object]], checkout: Project
) -> None:
    """A checkout with the original strictness has no finding."""
    assert [] == list(check(checkout))


@pytest.mark.parametrize(
    ("check", "path", "old", "new"),
    [
        (configuration.strict_types, "pyproject.toml", "strict = true", "strict = false"),
        (configuration.strict_types, "pyproject.toml", '"tests"]', "]"),
        (configuration.strict_types, "pyproject.toml", "vendor.*", "app.llm.*"),
        (configuration.strict_types, "pyproject.toml", "vendor.*", "gwkit"),
        (
            configuration.strict_types,
            "pyproject.toml",
            "strict = true",
            "strict = true\ndisallow_untyped_defs = false",
        ),
        (
            configuration.strict_types,
            "pyproject.toml",
            "ignore_missing_imports",
            "ignore_errors",
        ),
        (
            configuration.strict_types,
            "pyproject.toml",
            "strict = true",
            'strict = true\ndisable_error_code = ["arg-type"]',
        ),
        (configuration.strict_linting, "mypy.ini", "", "[mypy]\n"),
        (configuration.strict_linting, "ruff.toml", "", "line-length = 200\n"),
        (configuration.strict_linting, "pyproject.toml", '"ALL"', '"E"'),
        (configuration.strict_linting, "pyproject.toml", '"COM812"', '"ANN401"'),
        (configuration.strict_linting, "pyproject.toml", '"COM812"', '"ASYNC210"'),
        (configuration.strict_linting, "pyproject.toml", '"tests/**"', '"src/app/api/**"'),
        (configuration.coverage_floor, "pyproject.toml", "= 90", "= 80"),
        (configuration.coverage_floor, "pyproject.toml", "branch = true", "branch = false"),
        (configuration.integration_tests, "tests/integration/test_a.py", "def test", "def no"),
        (configuration.python_version, ".python-version", "3.11", "3.12"),
    ],
)
def test_weakened_configuration_is_found(
    check: Callable[[Project], Iterable[object]],
    path: str,
    old: str,
    new: str,
    checkout: Project,
) -> None:
    """Making a tool less strict is a finding."""
    text = checkout.text(path)
    (checkout.root / path).write_text(text.replace(old, new) if old else new, encoding="utf-8")

    assert [] != list(check(Project(checkout.root)))


def test_missing_flag_is_found(tmp_path: Path) -> None:
    """A settings module without a required flag or limit is found."""
    found = list(configuration.flags_and_limits(Project(tmp_path)))

    assert len(configuration.FLAGS) == len(found)


def test_environment_example_is_compared_in_both_directions(tmp_path: Path) -> None:
    """A setting missing in the example is found, and so is a variable without a setting."""
    expected = generated(tmp_path)[".env.example"]
    text = expected.replace("APP_PORT=", "APP_PROT=")
    (tmp_path / ".env.example").write_text(text, encoding="utf-8")

    facts = [fact for _, _, fact in current_reference(Project(tmp_path))]

    assert 1 == len(facts)
    assert "APP_PROT=" in facts[0].partition(" instead of ")[0]
    assert "APP_PORT=" in facts[0].partition(" instead of ")[2]


def test_environment_example_is_compared_word_by_word(tmp_path: Path) -> None:
    """A changed description or default is found on its line; the generated text is accepted."""
    expected = generated(tmp_path)[".env.example"]
    file = tmp_path / ".env.example"

    file.write_text(expected, encoding="utf-8")
    assert [] == list(current_reference(Project(tmp_path)))

    file.write_text(f"\n{expected}", encoding="utf-8")
    assert [(".env.example", 1)] == [
        (path, line) for path, line, _ in current_reference(Project(tmp_path))
    ]


def test_pages_are_generated_where_there_is_documentation(tmp_path: Path) -> None:
    """Only a checkout with docs/ has the generated page."""
    assert {".env.example"} == generated(tmp_path).keys()

    (tmp_path / "docs").mkdir()

    assert {".env.example", "docs/configuration.md"} == generated(tmp_path).keys()


def test_finding_has_place_code_fact_and_remedy(checkout: Project) -> None:
    """The output has the place, the practice, the fact and the remedy."""
    (checkout.root / "src/app/b.py").write_text("import os\n", encoding="utf-8")
    rule = module_rule("TYP2", modules.future_import, "src")

    found = [str(finding) for finding in rule.violations(Project(checkout.root))]

    expected = (
        "src/app/b.py:1: TYP2 the module does not open with the future import. Open the module "
        "with `from __future__ import annotations`, right after its docstring."
    )
    assert [expected] == found


@pytest.mark.parametrize(
    ("comment", "expected"),
    [("# allow ERR5: a plugin asks for it", 0), ("# allow ERR5:", 1), ("# allow STR3: no", 1)],
)
def test_comment_excuses_its_own_line_with_a_reason(
    comment: str, expected: int, checkout: Project
) -> None:
    """An excuse needs the code of the finding and a reason."""
    text = f'raise RuntimeError("no")  {comment}\n'
    (checkout.root / "src/app/b.py").write_text(text, encoding="utf-8")
    rule = module_rule("ERR5", behaviour.domain_errors, "src")

    assert expected == len(list(rule.violations(Project(checkout.root))))


def test_comment_anywhere_excuses_the_module(checkout: Project) -> None:
    """A finding about a whole module is excused by a comment on any line."""
    text = "\n" * 300 + "# allow STR3: one table, without parts\n"
    (checkout.root / "src/app/b.py").write_text(text, encoding="utf-8")
    rule = module_rule("STR3", modules.module_length, "src")

    assert [] == list(rule.violations(Project(checkout.root)))


def test_file_that_is_no_python_does_not_stop_the_rules(checkout: Project) -> None:
    """Linter and type checker report the place; the other modules are still checked."""
    (checkout.root / "src/app/b.py").write_text("def (:\n", encoding="utf-8")
    (checkout.root / "src/app/c.py").write_text("import os\n", encoding="utf-8")
    rule = module_rule("TYP2", modules.future_import, "src")

    found = [item.path for item in rule.violations(Project(checkout.root))]

    assert "src/app/c.py" in found


def test_project_rule_reports_its_code(checkout: Project) -> None:
    """A project rule prints its practice's code like a module rule."""
    (checkout.root / ".python-version").write_text("3.9\n", encoding="utf-8")
    rule = ProjectRule("DEP4", configuration.python_version)

    assert ["DEP4"] == [finding.code for finding in rule.violations(Project(checkout.root))]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.code}-{rule.check.__name__}")
def test_rule_names_a_practice_and_its_remedy(rule: ProjectRule) -> None:
    """Every rule checks a practice that lists `standards`, and has a remedy."""
    practice = next(item for item in PRACTICES if item.code == rule.code)

    assert "standards" in practice.by or rule.code == "DEP4"
    assert rule.remedy.endswith(".")


def test_practices_have_codes_of_their_own() -> None:
    """No code is given twice."""
    codes = [practice.code for practice in PRACTICES]

    assert sorted(set(codes)) == sorted(codes)


def test_report_is_sorted_and_without_repetition(capsys: pytest.CaptureFixture[str]) -> None:
    """Findings are sorted by place and unique, and the exit code is 1."""
    first, second = Finding("a.py", 2, "TYP2", "x"), Finding("a.py", 10, "CFG1", "y")

    assert 1 == report([second, first, second])
    assert "a.py:2: TYP2 x\na.py:10: CFG1 y\n" == capsys.readouterr().out

    assert 0 == report([])
