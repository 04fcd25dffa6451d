"""Your own standards: `make check` runs the rules in RULES, and updates leave this folder alone.

The docstring of a rule is its remedy. `bites` are modules in which it must find something, `passes`
modules in which it must not: a rule that does not hold its examples is a finding.

    def no_pandas(module: Module) -> Iterator[tuple[int, str]]:
        '''Use polars, which our platform supports.'''
        for line, name, _ in module.imports:
            if name.startswith("pandas"):
                yield line, f"`{name}` is imported"

    bites, passes = ("import pandas",), ("import polars",)
    RULES = (module_rule("OWN1", no_pandas, "src/app", bites=bites, passes=passes),)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scripts.standards.rule import ProjectRule

__all__ = ["RULES"]

RULES: tuple[ProjectRule, ...] = ()
