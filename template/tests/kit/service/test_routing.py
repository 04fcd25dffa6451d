"""Routes of extensions beside those of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fastapi import APIRouter

from app.api.routing import collect_routes
from app.exceptions import ConfigError
from app.registry import Registry

if TYPE_CHECKING:
    from app.config.settings import Settings
    from fixtures.configuration import MakeSettings


def router_for(method: str, path: str) -> APIRouter:
    """Return a router with one route."""
    router = APIRouter()

    async def endpoint() -> None:
        """Do nothing."""

    router.add_api_route(path, endpoint, methods=[method])
    return router


def registry_with(**routers: APIRouter) -> Registry:
    """Return a registry in which each router is of the module `app.ext.<name>`."""
    registry = Registry()
    for name, router in routers.items():
        registry.routes.origin = f"app.ext.{name}"
        registry.routes.add(name, router)
    return registry


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/answer"),
        ("GET", "/v1/documents"),
        ("DELETE", "/v1/documents/{name}"),
        ("DELETE", "/v1/documents/reports/{year:int}"),
        ("GET", "/healthz"),
        ("GET", "/"),
        ("GET", "/docs"),
        ("GET", "/static/logo.svg"),
    ],
)
def test_a_path_of_the_service_is_taken(settings: Settings, method: str, path: str) -> None:
    """The start fails with the module, the method, the path and the name of the route."""
    with pytest.raises(ConfigError) as caught:
        collect_routes(settings, registry_with(team=router_for(method, path)))

    assert f"app.ext.team and the service both have a route for {method} {path}" in str(
        caught.value
    )
    assert "change the path of the route 'team'" in str(caught.value)


@pytest.mark.parametrize("path", ["/v1/team/{name}", "/v1/team/{number:int}", "/v1/team/all"])
def test_a_path_of_another_extension_is_taken(settings: Settings, path: str) -> None:
    """The error has both modules."""
    registry = registry_with(one=router_for("GET", "/v1/team/{any}"), two=router_for("GET", path))

    with pytest.raises(ConfigError, match=r"app\.ext\.two and app\.ext\.one both"):
        collect_routes(settings, registry)


def test_every_clash_is_reported_at_once(settings: Settings) -> None:
    """Also one of a router within a router."""
    nested = APIRouter(prefix="/v1")
    nested.include_router(router_for("POST", "/search"))
    registry = registry_with(one=nested, two=router_for("GET", "/metrics"))

    with pytest.raises(ConfigError) as caught:
        collect_routes(settings, registry)

    assert 2 == len(caught.value.problems)


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/v1/documents"), ("GET", "/v1/answers"), ("GET", "/v1/documents-of-mine/{name}")],
)
def test_other_methods_and_paths_are_free(settings: Settings, method: str, path: str) -> None:
    """The route is one of the service's, also if a function makes its router."""
    registry = Registry()
    router = router_for(method, path)
    registry.routes.add("team", lambda: router)

    routes = collect_routes(settings, registry)

    assert router.routes[0] in routes


def test_without_the_page_its_path_is_free(make_settings: MakeSettings) -> None:
    """A team may have a page of its own."""
    settings = make_settings(enable_page=False, enable_docs=False)

    assert collect_routes(settings, registry_with(team=router_for("GET", "/")))
