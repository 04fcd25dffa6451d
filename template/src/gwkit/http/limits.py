"""Refuse what may not pass, before any work is done: strangers, overload, haste, time, size.

A refusal is raised, and the layer outside of this one answers it. What is refused in this order
costs the least first, and what is refused for overload is not counted against the client.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Final, Protocol

from starlette.authentication import SimpleUser
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from gwkit.http.origins import HostSettings, OriginCheck
from gwkit.http.rate_limit import RateLimiter, network_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from gwkit.http.keys import Authenticate

__all__ = [
    "UNLIMITED_PATHS",
    "LimitSettings",
    "RequestLimits",
    "client_address",
    "keyless_paths",
]

_METRICS_PATH: Final = "/metrics"
_DOCS_PATHS: Final = frozenset({"/docs", "/docs/oauth2-redirect", "/openapi.json"})

UNLIMITED_PATHS: Final = frozenset({"/healthz", "/readyz", _METRICS_PATH})
"""What orchestrators and scrapers ask for: no limit of rate, number or time applies."""

_RETRY_SECONDS: Final = "1"
_POLICY_VIOLATION: Final = 1008
# What is longer is no size, and Python refuses to read the longest numbers.
_MOST_DIGITS: Final = 18


def keyless_paths(*, public_metrics: bool) -> frozenset[str]:
    """Return what is answered without a key: probes and browsers have none to send."""
    probes = UNLIMITED_PATHS if public_metrics else UNLIMITED_PATHS - {_METRICS_PATH}
    return probes | _DOCS_PATHS


class LimitSettings(HostSettings, Protocol):
    """What the settings say of requests: who may send them, and how much of them."""

    @property
    def public_metrics(self) -> bool:
        """Whether `/metrics` needs no key."""
        ...

    @property
    def requests_per_minute(self) -> int:
        """Requests of one client a minute."""
        ...

    @property
    def max_concurrent_requests(self) -> int:
        """Requests that are answered at a time."""
        ...

    @property
    def timeout_seconds(self) -> float:
        """Longest time of a request, in seconds."""
        ...

    @property
    def max_body_bytes(self) -> int:
        """Largest JSON body, in bytes."""
        ...


class RequestLimits:
    """Refuses what is foreign, has no key, is too much at a time, too often, too long or too large.

    Args:
        app: the application inside.
        settings: the keys and the limits.
        body_limits: paths with another limit than `max_body_bytes`, and that limit in bytes.
        authenticate: recognises callers; `None` lets everybody in.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: LimitSettings,
        body_limits: Mapping[str, int],
        authenticate: Authenticate | None = None,
    ) -> None:
        self._app = app
        self._authenticate = authenticate
        self._origins = OriginCheck(settings)
        self._keyless = keyless_paths(public_metrics=settings.public_metrics)
        self._limiter = RateLimiter(settings.requests_per_minute)
        self._most_running = settings.max_concurrent_requests
        self._running = 0
        self._timeout_seconds = settings.timeout_seconds
        self._max_body_bytes = settings.max_body_bytes
        self._body_limits = body_limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an HTTP request on within its limits.

        Raises:
            HTTPException: 401, 403, 408, 421, 429 or 503; `Retry-After` says when to try again.
            TimeoutError: the application has taken too long.
        """
        if scope["type"] != "http":
            await self._pass_other(scope, receive, send)
            return
        self._origins.check(scope)
        path = scope["path"]
        if self._authenticate and path not in self._keyless:
            await self._identify(scope, self._authenticate)
        if path in UNLIMITED_PATHS:
            await self._app(scope, receive, send)
            return
        if self._running >= self._most_running:
            detail = "the service has as many requests as it can answer"
            raise HTTPException(503, detail, {"Retry-After": _RETRY_SECONDS})
        user = scope.get("user")
        self._count(user.display_name if user else client_address(scope))
        body = _Body(scope, receive, self._body_limits.get(path, self._max_body_bytes))
        self._running += 1
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._app(scope, body.receive, send)
        except TimeoutError as exc:
            if body.awaited:
                raise HTTPException(408, "the request has not come to its end in time") from exc
            raise
        finally:
            self._running -= 1

    async def _pass_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and self._authenticate:
            # Only requests are asked for keys, so nothing else gets in beside them.
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        else:
            await self._app(scope, receive, send)

    async def _identify(self, scope: Scope, authenticate: Authenticate) -> None:
        # The name goes into the scope, as `request.user` and for the log.
        headers = Headers(scope=scope)
        if (name := await authenticate(headers)) is not None:
            scope["user"] = SimpleUser(name)
            return
        # Failed keys count against the rate limit too.
        self._count(client_address(scope))
        if headers.get("authorization", "").partition(" ")[0].lower() != "bearer":
            detail = "an API key is needed, as `Authorization: Bearer <key>`"
            raise HTTPException(401, detail, {"WWW-Authenticate": "Bearer"})
        challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise HTTPException(401, "invalid API key", challenge)

    def _count(self, client: str) -> None:
        if wait := self._limiter.wait(client):
            detail = "too many requests; Retry-After says when to try again"
            raise HTTPException(429, detail, {"Retry-After": str(math.ceil(wait))})


class _Body:
    """Refuses a body above the limit, by its header or as it comes; `awaited` while it comes."""

    __slots__ = ("_limit", "_receive", "_received", "_scope", "_whole", "awaited")

    def __init__(self, scope: Scope, receive: Receive, limit: int) -> None:
        self._scope: Scope | None = scope
        self._receive = receive
        self._limit = limit
        self._received = 0
        self._whole = False
        self.awaited = False

    async def receive(self) -> Message:
        if self._scope is not None:
            self._check(_announced_bytes(self._scope))
            self._scope = None
        if self._whole:  # then what comes is the end of the connection
            return await self._receive()
        self.awaited = True
        message = await self._receive()
        self.awaited = False
        self._whole = not message.get("more_body", False)
        self._received += len(message.get("body", b""))
        self._check(self._received)
        return message

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise HTTPException(413, f"the request body may have at most {self._limit} bytes")


def client_address(scope: Scope) -> str:
    """Return what the client's requests are counted by where it has no key."""
    client = scope.get("client")
    return network_of(client[0]) if client else ""


def _announced_bytes(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:_MOST_DIGITS])
    return 0
