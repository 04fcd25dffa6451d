"""What happens around every request, as pure ASGI in two layers, the outer one first.

1. `RequestLog`: the request id, the answer to errors that nothing inside has answered, the access
   log and the metrics. It is outermost, so that refusals and failures have an id and are counted.
2. `RequestLimits`: rate, time and body size, before any work is done.

`BaseHTTPMiddleware` is not used: it runs the application in a task of its own, which loses
context variables, and costs more than everything here together.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Final

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app.api.problems import Problem, ProblemResponse, problem_of
from app.api.rate_limit import RateLimiter
from app.api.sse import MEDIA_TYPE as EVENT_STREAM
from app.api.sse import event
from app.exceptions import AppError, RateLimitError
from app.telemetry.context import bind_request_id, new_request_id, valid_request_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from app.api.lifecycle import Lifecycle
    from app.config.settings import Settings

__all__ = ["UNLIMITED_PATHS", "RequestLimits", "RequestLog"]

_log = structlog.stdlib.get_logger(__name__)

UNLIMITED_PATHS: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""What orchestrators and scrapers ask for: no limit of rate or time applies."""

_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_CLIENT_CLOSED_REQUEST: Final = 499
_SERVER_ERROR: Final = 500
_REQUEST_ID: Final = b"x-request-id"
# What is longer is no size, and Python refuses to read the longest numbers.
_MOST_DIGITS: Final = 18


class RequestLog:
    """Names each request, answers its errors, and leaves one log line and two metrics."""

    def __init__(self, app: ASGIApp, *, lifecycle: Lifecycle) -> None:
        self._app = app
        self._lifecycle = lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an HTTP request on; what is no HTTP request goes by."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _given_request_id(scope) or new_request_id()
        answer = _Answer(send, request_id)
        started = time.perf_counter()
        with bind_request_id(request_id):
            try:
                await self._app(scope, receive, answer.send)
            except ClientDisconnect:
                answer.status = _CLIENT_CLOSED_REQUEST
            except Exception as exc:  # noqa: BLE001 - the outermost handler; each is logged and answered
                await _answer_error(exc, answer, scope, receive)
            finally:
                self._record(scope, answer, (time.perf_counter() - started) * 1000)

    def _record(self, scope: Scope, answer: _Answer, latency_ms: float) -> None:
        route = getattr(scope.get("route"), "path_format", "unmatched")
        method = scope["method"]
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
        )
        if self._lifecycle.services is not None:
            metrics = self._lifecycle.services.metrics
            # Paths and methods are the caller's text: as labels they would have no bound.
            label = method if method in _METHODS else "OTHER"
            metrics.count("http_requests_total", method=label, route=route, status=str(status))
            metrics.observe("http_request_ms", latency_ms, method=label, route=route)


class RequestLimits:
    """Refuses what is too often, too long or too large.

    Args:
        app: the application inside.
        settings: the limits.
        body_limits: paths with another limit than `max_body_bytes`, and that limit in bytes.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings, body_limits: Mapping[str, int]) -> None:
        self._app = app
        self._limiter = RateLimiter(settings.requests_per_minute)
        self._timeout_seconds = settings.timeout_seconds
        self._max_body_bytes = settings.max_body_bytes
        self._body_limits = body_limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an HTTP request on within its limits.

        Raises:
            HTTPException: 429, the client has made too many requests.
        """
        path = scope.get("path", "")
        if scope["type"] != "http" or path in UNLIMITED_PATHS:
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        wait = self._limiter.wait(client[0] if client else "")
        if wait:
            raise HTTPException(
                429,
                "too many requests; Retry-After says when to try again",
                {"Retry-After": str(math.ceil(wait))},
            )
        limit = self._body_limits.get(path, self._max_body_bytes)
        async with asyncio.timeout(self._timeout_seconds):
            await self._app(scope, _limited(scope, receive, limit), send)


class _Answer:
    """Passes an answer on with its request id, and remembers what the log needs."""

    __slots__ = ("_request_id", "_send", "bytes", "headers", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = (_REQUEST_ID, request_id.encode("ascii"))
        self.status = 0
        self.bytes = 0
        self.headers: list[tuple[bytes, bytes]] = []

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = message["headers"] = [*message.get("headers", ()), self._request_id]
        else:
            self.bytes += len(message.get("body", b""))
        await self._send(message)

    @property
    def is_event_stream(self) -> bool:
        return any(
            name == b"content-type" and value.startswith(EVENT_STREAM.encode("ascii"))
            for name, value in self.headers
        )


async def _answer_error(error: Exception, answer: _Answer, scope: Scope, receive: Receive) -> None:
    """Log an error and tell it in the form that is still possible.

    Before the first byte that is a problem response, in an event stream an `error` event, and
    else the server closes the connection on an answer that has no end.
    """
    problem, headers = problem_of(error)
    _log_error(error, problem)
    if not answer.status:
        await ProblemResponse(problem, headers=headers)(scope, receive, answer.send)
    elif answer.is_event_stream:
        body = event("error", problem)
        await answer.send({"type": "http.response.body", "body": body, "more_body": False})


def _log_error(error: Exception, problem: Problem) -> None:
    if problem.status < _SERVER_ERROR:
        _log.debug("request_refused", code=problem.code, detail=problem.detail)
    elif isinstance(error, RateLimitError | TimeoutError | HTTPException):
        _log.warning("request_failed", code=problem.code, error=str(error))
    else:
        known = isinstance(error, AppError)
        _log.error("request_failed", code=problem.code, expected=known, exc_info=error)


def _given_request_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == _REQUEST_ID:
            text: str = value.decode("latin-1")
            return text if valid_request_id(text) else None
    return None


def _limited(scope: Scope, receive: Receive, limit: int) -> Receive:
    """Return a `receive` that refuses a body above the limit, by its header or as it comes."""
    received = 0
    announced: int | None = None

    async def receive_limited() -> Message:
        nonlocal announced, received
        if announced is None:
            announced = _announced_bytes(scope)
        message = await receive() if announced <= limit else {}
        received += len(message.get("body", b""))
        if max(announced, received) > limit:
            raise HTTPException(413, f"the request body may have at most {limit} bytes")
        return message

    return receive_limited


def _announced_bytes(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:_MOST_DIGITS])
    return 0
