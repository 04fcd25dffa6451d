"""A team's own rules run with the others, and have to hold their examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts import explain
from scripts.standards import own
from scripts.standards.project import Project
from scripts.standards.proving import proven_rules
from scripts.standards.rule import ProjectRule, module_rule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scripts.standards.project import Module


def no_pandas(module: Module) -> Iterator[tuple[int, str]]:
    """Use polars, which our platform supports."""
    for line, name, _ in module.imports:
        if name.startswith("pandas"):
            yield line, f"`{name}` is imported"


def undocumented(module: Module) -> Iterator[tuple[int, str]]:  # noqa: D103 - that is the defect
    yield from ((1, "wrong") for _ in module.imports)


GOOD = module_rule("OWN1", no_pandas, "src", bites=("import pandas",), passes=("import polars",))


def problems(monkeypatch: pytest.MonkeyPatch, root: Path, rule: ProjectRule) -> list[str]:
    """Return the findings about a rule."""
    monkeypatch.setattr(own, "RULES", (rule,))
    found = ProjectRule("OWN0", proven_rules).violations(Project(root))
    return [f"{each.code} {each.message}" for each in found]


def test_a_rule_with_examples_passes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It finds what it must, in the checkout as in its examples, and no more."""
    assert [] == problems(monkeypatch, tmp_path, GOOD)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a.py").write_text("import polars\nimport pandas as pd\n", encoding="utf-8")
    (found,) = GOOD.violations(Project(tmp_path))
    expected = "src/a.py:2: OWN1 `pandas` is imported. Use polars, which our platform supports."
    assert expected == str(found)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (module_rule("OWN1", no_pandas, "src"), "no bites"),
        (module_rule("LOG4", no_pandas, "src", bites=("import pandas",)), "code of the template's"),
        (module_rule("OWN1", undocumented, "src", bites=("import a",)), "no docstring"),
        (module_rule("OWN1", no_pandas, "src", bites=("import polars",)), "misses 'import polars'"),
        (
            module_rule(
                "OWN1", no_pandas, "src", bites=("import pandas",), passes=("import pandas.core",)
            ),
            "finds 'import pandas.core'",
        ),
        (ProjectRule("OWN1", proven_rules, bites=("import a",)), "misses 'import a'"),
    ],
)
def test_a_rule_that_does_not_hold_its_examples_is_found(
    rule: ProjectRule, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The finding has the code of the rule."""
    found = problems(monkeypatch, tmp_path, rule)
    assert any(each.startswith(rule.code) and message in each for each in found), found


def test_own_rules_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """The remedy is followed by the examples."""
    monkeypatch.setattr(explain, "OWN", (GOOD,))
    text = explain.explain("OWN1")
    assert "OWN1, of your own: Use polars, which our platform supports." in text
    assert text.index("import pandas") < text.index("import polars")
