"""The rule that a team's own rules hold their examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.practices import PRACTICES
from scripts.standards import own
from scripts.standards.project import WHOLE, Module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.standards.project import Project

__all__ = ["proven_rules"]

PATH = "scripts/standards/own/__init__.py"


def proven_rules(_project: Project) -> Iterator[tuple[str, int, str]]:
    """Give the rule a code of its own, a docstring, and examples in `bites` that it finds."""
    taken = {practice.code for practice in PRACTICES}
    for rule in own.RULES:
        start = f"{rule.code}: the rule"
        if rule.code in taken or not rule.remedy or not rule.bites:
            yield PATH, WHOLE, f"{start} has a code of the template's, no docstring, or no bites"
        check = getattr(rule.check, "__wrapped__", None)
        for text in (*rule.bites, *rule.passes):
            found = check is not None and any(check(Module("src/app/example.py", text)))
            if found is not (text in rule.bites):
                yield PATH, WHOLE, f"{start} {'finds' if found else 'misses'} {text!r}"
