"""What a team adds to the service: modules of `app.ext`, found by themselves."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import app.ext
from app.exceptions import ConfigError

if TYPE_CHECKING:
    from types import ModuleType

    from fastapi import APIRouter

    from app.ingestion.loaders import Loader

__all__ = ["Extensions", "discover_extensions"]


@dataclass(frozen=True, slots=True)
class Extensions:
    """What the modules of `app.ext` add to the service."""

    routers: tuple[APIRouter, ...]
    loaders: Mapping[str, Loader]


def discover_extensions(package: ModuleType = app.ext) -> Extensions:
    """Import the modules of a package, sorted by name, and collect what they define.

    Raises:
        ConfigError: a module cannot be imported, or defines something else than it should; the
            text names it.
    """
    routers: list[APIRouter] = []
    loaders: dict[str, Loader] = {}
    for name in sorted(info.name for info in pkgutil.iter_modules(package.__path__)):
        path = f"{package.__name__}.{name}"
        try:
            module = importlib.import_module(path)
        except Exception as exc:  # the team's module may raise anything
            msg = f"the extension {path} cannot be imported: {type(exc).__name__}: {exc}"
            raise ConfigError(msg) from exc
        routers += _routers(module)
        loaders |= _loaders(module)
    return Extensions(routers=tuple(routers), loaders=loaders)


def _routers(module: ModuleType) -> tuple[APIRouter, ...]:
    routers: object = getattr(module, "routers", ())
    if routers == ():
        return ()
    from fastapi import APIRouter

    if not isinstance(routers, tuple) or not all(isinstance(each, APIRouter) for each in routers):
        msg = f"{module.__name__}.routers must be a tuple of APIRouter"
        raise ConfigError(msg)
    return routers


def _loaders(module: ModuleType) -> Mapping[str, Loader]:
    loaders: object = getattr(module, "loaders", {})
    well_formed = isinstance(loaders, Mapping) and all(
        isinstance(suffix, str) and suffix.startswith(".") and callable(loader)
        for suffix, loader in loaders.items()
    )
    if not well_formed or not isinstance(loaders, Mapping):
        msg = f"{module.__name__}.loaders must map suffixes such as '.rst' to loaders"
        raise ConfigError(msg)
    return loaders
