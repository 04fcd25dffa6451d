"""The routes of the service, its page, its options and its extensions, in the order of matching."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from starlette.routing import Match

from app.api.page import build_routes
from app.api.routes import answer, documents, feedback, operations, search
from app.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from starlette.routing import BaseRoute

    from app.config.settings import Settings
    from app.registry import Registry

__all__ = ["collect_routes"]

_PARAMETER: Final = re.compile(r"\{[^}]*\}")
# One of them is a value of whatever kind a parameter of a path is.
_VALUES: Final = ("1", "00000000-0000-4000-8000-000000000000")


def collect_routes(settings: Settings, registry: Registry) -> list[BaseRoute]:
    """Return all routes; a request is answered by the first one that matches.

    Raises:
        ConfigError: an extension's route would never be reached; it names both modules.
    """
    modules = (answer, search, documents, feedback, operations)
    routes = [route for module in modules for route in module.router.routes]
    routes += build_routes(settings)
    origins = ["the service"] * len(routes)
    problems: list[str] = []
    for name, part in registry.routes.parts.items():
        router = part if isinstance(part, APIRouter) else part()
        for method, path in _endpoints(router):
            if (first := _first_match(routes, method, path)) is not None:
                problems.append(
                    f"{registry.routes.origins[name]} and {origins[first]} both have a route for "
                    f"{method} {path}: change the path of the route {name!r}"
                )
        # `include_router` would nest them, and matching a path through nested routers takes longer
        # than both layers of middleware together.
        routes += router.routes
        origins += [registry.routes.origins[name]] * len(router.routes)
    if problems:
        raise ConfigError(*problems)
    return routes


def _endpoints(router: APIRouter) -> Iterator[tuple[str, str]]:
    """Yield each method and path of a router, those of nested routers as well."""
    for route in iter_route_contexts(router.routes):
        if route.path is not None:
            for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
                yield method, route.path


def _first_match(routes: Sequence[BaseRoute], method: str, path: str) -> int | None:
    """Return the place of the first route that answers the method at the path, if any does."""
    for value in _VALUES:
        text = _PARAMETER.sub(value, path)
        for place, route in enumerate(routes):
            scope = {"type": "http", "method": method, "path": text, "headers": []}
            if route.matches(scope)[0] is Match.FULL:
                return place
    return None
