"""The FastAPI application: its routes, its errors, and its life."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match, Route

from app.api.documentation import DESCRIPTION, TAGS, DocumentedApp
from app.api.page import PUBLIC_PATHS
from app.api.routes import documents
from app.api.routing import collect_routes
from app.api.uploads import not_kept
from gwkit.http.keys import keyless_paths
from gwkit.http.lifecycle import Lifecycle
from gwkit.http.limits import RequestLimits
from gwkit.http.middleware import RequestLog
from gwkit.http.problems import PROBLEM_RULES, error_response, problem_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from fastapi import FastAPI
    from starlette.datastructures import Headers
    from starlette.requests import Request

    from app.config.settings import Settings
    from app.registry import Registry
    from app.services import Services

__all__ = ["build_app"]

_CLIENT_ERROR: Final = 400
# What the body of an upload has beside the document: boundaries, headers, the other fields.
_UPLOAD_OVERHEAD_BYTES: Final = 100_000


def build_app(
    settings: Settings,
    registry: Registry,
    open_services: Callable[[], AbstractAsyncContextManager[Services]],
) -> FastAPI:
    """Return the application; nothing is opened before it starts.

    Args:
        settings: the limits and names.
        registry: routes and problems beside those of the service.
        open_services: opens what the routes work with, for as long as the application runs.

    Raises:
        ConfigError: two routes answer the same method at the same path.
    """
    lifecycle = Lifecycle()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with open_services() as services:
            lifecycle.services = services
            warming = asyncio.create_task(lifecycle.warm_up(services))
            try:
                yield
            finally:
                lifecycle.draining = True
                lifecycle.services = None
                warming.cancel()
                await asyncio.gather(warming, return_exceptions=True)

    async def authenticate(headers: Headers) -> str | None:
        if lifecycle.services is None:
            raise HTTPException(503, lifecycle.obstacle)
        return await lifecycle.services.authenticate(headers)

    async def wait(client: str) -> float:
        if lifecycle.services is None or lifecycle.services.limits is None:
            raise HTTPException(503, lifecycle.obstacle)
        return await lifecycle.services.limits.wait(client)

    rules = (*PROBLEM_RULES, *registry.problems.parts.values())
    upload_limit = settings.max_document_bytes + _UPLOAD_OVERHEAD_BYTES
    app = DocumentedApp(
        title=settings.service_title,
        version="1",
        description=DESCRIPTION,
        openapi_tags=TAGS,
        docs_url=None,
        openapi_url="/openapi.json" if settings.enable_docs else None,
        redoc_url=None,
        lifespan=lifespan,
        exception_handlers={HTTPException: _answer, RequestValidationError: _answer},
        middleware=[
            Middleware(RequestLog, lifecycle=lifecycle, rules=rules),
            Middleware(
                RequestLimits,
                settings=settings,
                body_limits={documents.PATH: upload_limit},
                keyless=keyless_paths(public_metrics=settings.public_metrics) | PUBLIC_PATHS,
                authenticate=authenticate if settings.asks_who_calls else None,
                wait=wait if settings.shared_limits else None,
            ),
        ],
        # One span for each request, where an SDK is set up. Exporters are not configured from the
        # environment, and nothing is measured or logged a second time.
        telemetry={
            "auto_configure": False,
            "tracing": True,
            "operation_spans": False,
            "metrics": False,
            "logs": False,
        },
    )
    app.asks_for_keys = settings.asks_who_calls
    app.public_metrics = settings.public_metrics
    app.state.lifecycle = lifecycle
    app.router.routes.extend(collect_routes(settings, registry))
    return app


async def _answer(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code < _CLIENT_ERROR:
        return Response(status_code=error.status_code, headers=error.headers)
    # FastAPI takes for a body that it cannot read what the body has nothing to do with.
    if isinstance(error.__cause__, ClientDisconnect):
        raise error.__cause__
    if isinstance(error.__cause__, OSError):
        error = not_kept(error.__cause__)
    problem, headers = problem_of(error)
    request.scope["problem"] = problem.code  # for the log
    if problem.status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    return error_response(request.scope.get("route"), problem, headers)


def _methods(request: Request) -> set[str]:
    """Return the methods of the first path that fits; the router names one route's only."""
    routes = [
        route
        for route in request.app.router.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
    ]
    same = (route for route in routes if route.path == routes[0].path)
    return {method for route in same for method in route.methods or ()}
