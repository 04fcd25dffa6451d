"""The outermost layer around every request: its id, its errors, its log line and its metrics.

It is outermost so that refusals and failures have an id and are counted, too. `BaseHTTPMiddleware`
is not used: it runs the application in a task of its own, which loses context variables, and costs
more than both layers of middleware together.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Match
from structlog.contextvars import bound_contextvars

from gwkit.errors import AppError, OverloadError, RateLimitError
from gwkit.http.limits import client_address
from gwkit.http.problems import (
    PROBLEM_RULES,
    ErrorFormat,
    Problem,
    error_response,
    problem_of,
)
from gwkit.http.sse import MEDIA_TYPE as EVENT_STREAM
from gwkit.http.sse import event

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from gwkit.http.lifecycle import Lifecycle
    from gwkit.http.problems import ProblemRule

__all__ = ["RequestLog", "open_services", "unless_disconnected"]

_T = TypeVar("_T")

_log = structlog.stdlib.get_logger(__name__)

_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_CLIENT_CLOSED_REQUEST: Final = 499
_SERVER_ERROR: Final = 500
_REQUEST_ID: Final = "X-Request-ID"
# Nothing that could break a log line, a header or a path out of its place.
_WELL_FORMED: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")


async def open_services(request: Request) -> object:
    """Return the open services; what routes depend on.

    Raises:
        HTTPException: 503, the service has not started yet, or has stopped.
    """
    lifecycle: Lifecycle = request.app.state.lifecycle
    if lifecycle.services is None:
        raise HTTPException(503, lifecycle.obstacle)
    return lifecycle.services


async def unless_disconnected(request: Request, work: Coroutine[object, object, _T]) -> _T:
    """Return what the work returns, or cancel it when the caller hangs up.

    The request's body must have been read: what comes after it is the end of the connection.

    Raises:
        ClientDisconnect: the client has gone.
    """
    task = asyncio.create_task(work)
    watch = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        task.cancel()
        watch.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


@dataclass(frozen=True, slots=True)
class RequestLog:
    """Names each request, answers its errors, and leaves one log line and two metrics."""

    app: ASGIApp
    lifecycle: Lifecycle
    rules: Sequence[ProblemRule] = PROBLEM_RULES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an HTTP request on; what is no HTTP request goes by."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(_REQUEST_ID, "")
        request_id = given if _WELL_FORMED.fullmatch(given) else uuid4().hex
        answer = _Answer(send, request_id)
        started = time.perf_counter()
        with bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, answer.send)
            except ClientDisconnect:
                answer.status = _CLIENT_CLOSED_REQUEST
            except Exception as exc:  # noqa: BLE001 - the outermost handler; each is logged and answered
                problem, headers = problem_of(exc, self.rules)
                scope["problem"] = problem.code
                _log_error(exc, problem)
                # Once an answer has begun, only an event stream can say so; on any other the
                # server closes the connection.
                route = _route_of(scope)
                if not answer.status:
                    response = error_response(route, problem, headers)
                    await response(scope, receive, answer.send)
                elif answer.is_event_stream:
                    if isinstance(route, ErrorFormat):
                        body = route.error_event(problem)
                    else:
                        body = event("error", problem)
                    await answer.send({"type": "http.response.body", "body": body})
            finally:
                self._record(scope, answer, (time.perf_counter() - started) * 1000)

    def _record(self, scope: Scope, answer: _Answer, latency_ms: float) -> None:
        matched = _route_of(scope)
        route, method = getattr(matched, "path_format", "unmatched"), scope["method"]
        user = scope.get("user")
        # Without a status the server has cut the request off, which only happens as it stops.
        status = answer.status or _CLIENT_CLOSED_REQUEST
        _log.info(
            "request_served",
            method=method,
            route=route,
            path=scope["path"],
            status=status,
            latency_ms=round(latency_ms, 3),
            bytes=answer.bytes,
            address=client_address(scope),
            **({"client": user.display_name} if user else {}),
            **({"code": scope["problem"]} if "problem" in scope else {}),
        )
        if (services := self.lifecycle.services) is not None:
            # Paths and methods are the caller's text: as labels they would have no bound.
            known = getattr(matched, "methods", None) or _METHODS
            label = method if method in known else "OTHER"
            metrics = services.metrics
            metrics.count("http_requests_total", method=label, route=route, status=str(status))
            metrics.observe("http_request_seconds", latency_ms / 1000, method=label, route=route)


class _Answer:
    """Passes an answer on with its request id, and remembers what the log needs."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status = 0
        self.bytes = 0
        self.is_event_stream = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message.setdefault("headers", [])
            headers = MutableHeaders(scope=message)
            headers[_REQUEST_ID] = self._request_id
            self.is_event_stream = headers.get("content-type", "").startswith(EVENT_STREAM)
        else:
            self.bytes += len(message.get("body", b""))
        await self._send(message)


def _log_error(error: Exception, problem: Problem) -> None:
    # Whoever is told to come back is turned away on purpose, and under load that is most of them.
    on_purpose = isinstance(error, HTTPException) and "Retry-After" in (error.headers or ())
    if problem.status < _SERVER_ERROR or on_purpose:
        _log.debug("request_refused", code=problem.code, detail=problem.detail)
    elif isinstance(error, OverloadError | RateLimitError | TimeoutError | HTTPException):
        _log.warning("request_failed", code=problem.code, error=str(error))
    else:
        known = isinstance(error, AppError)
        _log.error("request_failed", code=problem.code, expected=known, exc_info=error)


def _route_of(scope: Scope) -> BaseRoute | None:
    """Return the route that the path has, also of a request that was refused before it."""
    route: BaseRoute | None = scope.get("route")
    if route is None and "app" in scope:
        routes: list[BaseRoute] = scope["app"].router.routes
        route = next((each for each in routes if each.matches(scope)[0] is not Match.NONE), None)
        scope["route"] = route  # the log and the errors ask for it
    return route
