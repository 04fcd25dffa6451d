"""A rule: its practice, and the check whose docstring is the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING

from scripts.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from scripts.standards.project import Module, Project

__all__ = ["ProjectRule", "module_rule"]


@dataclass(frozen=True)
class ProjectRule:
    """A rule about the checkout: its check yields a path, a line and a fact."""

    code: str
    check: Callable[[Project], Iterable[tuple[str, int, str]]]

    @property
    def remedy(self) -> str:
        """The remedy, in one line."""
        return " ".join((self.check.__doc__ or "").split())

    def violations(self, project: Project) -> Iterator[Finding]:
        """Yield the findings in a checkout."""
        for path, line, fact in self.check(project):
            yield Finding(path, line, self.code, f"{fact}. {self.remedy}")


def module_rule(
    code: str, check: Callable[[Module], Iterable[tuple[int, str]]], *folders: str
) -> ProjectRule:
    """Return a rule about each module under some folders: its check yields a line and a fact.

    A comment excuses a finding with a reason.
    """

    @wraps(check)
    def everywhere(project: Project) -> Iterator[tuple[str, int, str]]:
        for module in project.modules(*folders):
            for line, fact in check(module):
                if not module.excuses(code, line):
                    yield module.path, line, fact

    return ProjectRule(code, everywhere)
