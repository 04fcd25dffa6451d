"""Seams: named parts of one kind, each registered by the module that defines it."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from gwkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

__all__ = ["Seam", "Seams", "discover"]

_Part = TypeVar("_Part")


@dataclass(slots=True)
class Seam(Generic[_Part]):
    """The parts of one kind by name, and the module that registered each.

    `kind` says what a part is, for messages: `chat model`; `origin` is the module that is
    registering its parts now.
    """

    kind: str
    origin: str = "the service"
    parts: dict[str, _Part] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, part: _Part) -> None:
        """Add a part under a name that is unique among the parts of this kind.

        Raises:
            ConfigError: another module has added a part of this name.
        """
        if (other := self.origins.get(name)) is not None:
            raise ConfigError(f"{self.origin} and {other} both register the {self.kind} {name!r}")
        self.parts[name], self.origins[name] = part, self.origin

    def get(self, name: str) -> _Part | None:
        """Return the part of this name, or the one that takes every model of its provider.

        A part `openai:*` is found under any name that begins with `openai:`.
        """
        provider, colon, _ = name.partition(":")
        return self.parts.get(name) or (self.parts.get(f"{provider}:*") if colon else None)

    def find(self, name: str, variable: str) -> _Part:
        """Return the part that a setting names, as `get` does.

        Raises:
            ConfigError: there is none; it lists those that there are.
        """
        if (part := self.get(name)) is None:
            raise ConfigError(self.problem(name, variable))
        return part

    def problem(self, name: str, variable: str) -> str:
        """Return what is wrong with a setting that names a part which there is not."""
        known = ", ".join(sorted(self.parts)) or "none"
        return f"{variable}: there is no {self.kind} {name!r}; known: {known}"


class Seams(Protocol):
    """A registry: an object that holds seams."""

    def seams(self) -> Iterable[tuple[str, Seam[object]]]:
        """Return every seam with its name."""


def discover(registry: Seams, *packages: ModuleType) -> None:
    """Import the modules of the packages, sorted by name, and let each register its parts.

    Raises:
        ConfigError: a module cannot be imported, has no `register`, or its parts clash; the text
            names it.
    """
    for package in packages:
        for name in sorted(info.name for info in pkgutil.iter_modules(package.__path__)):
            path = f"{package.__name__}.{name}"
            for _, seam in registry.seams():
                seam.origin = path
            try:
                _register(path, registry)
            except ConfigError:
                raise
            except Exception as exc:  # the team's module may raise anything
                msg = f"{path} cannot be loaded: {type(exc).__name__}: {exc}"
                raise ConfigError(msg) from exc


def _register(path: str, registry: Seams) -> None:
    register: object = getattr(importlib.import_module(path), "register", None)
    if not callable(register):
        raise ConfigError(f"{path} has no function `register(registry)`")
    register(registry)
