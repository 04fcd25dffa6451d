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
    """A rule about the checkout: its check yields a path, a line and a fact.

    A fact about another practice begins with its code: `LOG4: G is ignored`. The check finds
    something in each of the modules in `bites`, and nothing in those in `passes`.
    """

    code: str
    check: Callable[[Project], Iterable[tuple[str, int, str]]]
    bites: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()

    @property
    def remedy(self) -> str:
        """The remedy, in one line."""
        return " ".join((self.check.__doc__ or "").split())

    def violations(self, project: Project) -> Iterator[Finding]:
        """Yield the findings in a checkout."""
        for path, line, told in self.check(project):
            code, fact = (told[:4], told[6:]) if told[4:6] == ": " else (self.code, told)
            yield Finding(path, line, code, f"{fact}. {self.remedy}")


def module_rule(
    code: str,
    check: Callable[[Module], Iterable[tuple[int, str]]],
    *folders: str,
    bites: tuple[str, ...] = (),
    passes: tuple[str, ...] = (),
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

    return ProjectRule(code, everywhere, bites, passes)
