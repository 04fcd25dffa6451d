"""A rule: the practice it holds, and the check whose docstring is the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from scripts.standards.project import Module, Project

__all__ = ["ModuleRule", "ProjectRule", "Rule"]


@dataclass(frozen=True)
class Rule:
    """A practice's code and the check that holds it."""

    code: str
    check: Callable[[Any], Iterable[Any]]

    @property
    def remedy(self) -> str:
        """What to do instead, in one line."""
        return " ".join((self.check.__doc__ or "").split())

    def violations(self, project: Project) -> Iterator[Finding]:
        """Yield what is wrong in a checkout."""
        raise NotImplementedError

    def _finding(self, path: str, line: int, fact: str) -> Finding:
        return Finding(path, line, self.code, f"{fact}. {self.remedy}")


@dataclass(frozen=True)
class ProjectRule(Rule):
    """A rule about the checkout: its check yields a path, a line and a fact."""

    check: Callable[[Project], Iterable[tuple[str, int, str]]]

    def violations(self, project: Project) -> Iterator[Finding]:
        """Yield what is wrong in a checkout."""
        for path, line, fact in self.check(project):
            yield self._finding(path, line, fact)


@dataclass(frozen=True)
class ModuleRule(Rule):
    """A rule about each module under some folders: its check yields a line and a fact."""

    check: Callable[[Module], Iterable[tuple[int, str]]]
    folders: tuple[str, ...]

    def violations(self, project: Project) -> Iterator[Finding]:
        """Yield what is wrong in a checkout, but for what a comment excuses with a reason."""
        for module in project.modules(*self.folders):
            try:
                found = list(self.check(module))
            except SyntaxError as exc:
                yield Finding(module.path, exc.lineno or 1, "SYNTAX", f"no Python: {exc.msg}")
                continue
            for line, fact in found:
                if not module.excuses(self.code, line):
                    yield self._finding(module.path, line, fact)
