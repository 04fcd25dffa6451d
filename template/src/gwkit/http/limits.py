"""Reject requests early: foreign host or site, missing key, overload, rate, time, body size.

A refusal is raised, and the layer outside of this one answers it. The order puts the cheapest check
first, and what is refused for overload is not counted against the client.

Any page may have a browser send an upload here, and none has to ask first. With a name of its own
that is made to lead to this machine (DNS rebinding), a page may read the answers as well.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from starlette.authentication import SimpleUser
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from gwkit.http.keys import UNLIMITED_PATHS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from gwkit.http.keys import Authenticate

__all__ = [
    "MINUTE",
    "HostSettings",
    "LimitSettings",
    "RateLimiter",
    "RequestLimits",
    "admitted",
    "client_address",
    "is_loopback",
]

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY_VIOLATION: Final = 1008
MINUTE: Final = 60.0
_CLIENT_PREFIX: Final = 64
# The times are sums of fractions: less than this, in seconds, is no wait.
_ROUNDING: Final = 1e-6
# What is longer is no size, and Python refuses to read the longest numbers.
_MOST_DIGITS: Final = 18


class HostSettings(Protocol):
    """Settings of the address, and of whether callers need a key."""

    @property
    def host(self) -> str:
        """Address to listen on."""

    @property
    def asks_who_calls(self) -> bool:
        """Whether callers have to say who they are."""


class LimitSettings(HostSettings, Protocol):
    """Settings that limit requests: hosts, rate, number, time and size."""

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """Further names by which browsers may call the service."""

    @property
    def requests_per_minute(self) -> int:
        """Requests of one client a minute."""

    @property
    def max_concurrent_requests(self) -> int:
        """Requests that are answered at a time."""

    @property
    def timeout_seconds(self) -> float:
        """Longest time of a request, in seconds."""

    @property
    def max_body_bytes(self) -> int:
        """Largest JSON body, in bytes."""


class RequestLimits:
    """Refuses what is foreign, has no key, is too much at a time, too often, too long or too large.

    Args:
        app: the application inside.
        settings: hosts and limits.
        body_limits: paths with another limit than `max_body_bytes`, and that limit in bytes.
        authenticate: recognises callers; `None` lets everybody in.
        keyless: paths that need no key.
        wait: does as `RateLimiter.wait`, which is the default, for several processes.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: LimitSettings,
        body_limits: Mapping[str, int],
        authenticate: Authenticate | None = None,
        keyless: Collection[str] = (),
        wait: Callable[[str], Awaitable[float]] | None = None,
    ) -> None:
        self._app = app
        self._settings = settings
        self._authenticate = authenticate
        self._hosts = frozenset(map(str.lower, settings.allowed_hosts))
        self._checks_host = bool(self._hosts) or (
            is_loopback(settings.host) and not settings.asks_who_calls
        )
        self._keyless = frozenset(keyless)
        self._limiter = RateLimiter(settings.requests_per_minute)
        self._wait = wait
        self._running = 0
        self._body_limits = body_limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an HTTP request on within its limits.

        Raises:
            HTTPException: 401, 403, 408, 421, 429 or 503; `Retry-After` says when to try again.
            TimeoutError: the application has taken too long.
        """
        if scope["type"] == "websocket" and self._authenticate:
            # Only requests are asked for keys, so nothing else gets in beside them.
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, path = Headers(scope=scope), scope["path"]
        self._check_origin(scope["method"], headers)
        if self._authenticate and path not in self._keyless:
            await self._identify(scope, headers, self._authenticate)
        if path in UNLIMITED_PATHS:
            await self._app(scope, receive, send)
            return
        if self._running >= self._settings.max_concurrent_requests:
            detail = "the service has as many requests as it can answer"
            raise HTTPException(503, detail, {"Retry-After": "1"})
        user = scope.get("user")
        await self._count(user.display_name if user else client_address(scope))
        limit = self._body_limits.get(path, self._settings.max_body_bytes)
        body = _Body(receive, limit, headers.get("content-length", ""))
        self._running += 1
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                await self._app(scope, body.receive, send)
        except TimeoutError as exc:
            if body.awaited:
                raise HTTPException(408, "the request has not come to its end in time") from exc
            raise
        finally:
            self._running -= 1

    def _check_origin(self, method: str, headers: Headers) -> None:
        """Refuse a foreign host, and a foreign site's page that would change something.

        Programs send neither `Origin` nor `Sec-Fetch-Site`, and browsers at least one of them.

        Raises:
            HTTPException: 403 or 421.
        """
        host = headers.get("host", "")
        name = _host_name(f"//{host}")
        if self._checks_host and host and not (name in self._hosts or is_loopback(name)):
            raise HTTPException(421, "this host is not one of APP_ALLOWED_HOSTS")
        if method in _SAFE_METHODS:
            return
        origin, site = headers.get("origin", ""), headers.get("sec-fetch-site")
        own = site in {"same-origin", "none"} if site else origin.partition("://")[2] == host
        if (site or origin) and not own and _host_name(origin) not in self._hosts:
            raise HTTPException(403, "pages of other sites may change and ask nothing here")

    async def _identify(self, scope: Scope, headers: Headers, authenticate: Authenticate) -> None:
        # The name goes into the scope, as `request.user` and for the log.
        if (name := await authenticate(headers)) is not None:
            scope["user"] = SimpleUser(name)
            return
        # Failed keys count against the rate limit too.
        await self._count(client_address(scope))
        if headers.get("authorization", "").partition(" ")[0].lower() != "bearer":
            detail = "an API key is needed, as `Authorization: Bearer <key>`"
            raise HTTPException(401, detail, {"WWW-Authenticate": "Bearer"})
        challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise HTTPException(401, "invalid API key", challenge)

    async def _count(self, client: str) -> None:
        wait = await self._wait(client) if self._wait else self._limiter.wait(client)
        if wait:
            detail = "too many requests; Retry-After says when to try again"
            raise HTTPException(429, detail, {"Retry-After": str(math.ceil(wait))})


class _Body:
    """Refuses a body above the limit, by its header or as it comes; `awaited` while it comes."""

    def __init__(self, receive: Receive, limit: int, announced: str) -> None:
        self._receive = receive
        self._limit = limit
        self._announced = int(announced[:_MOST_DIGITS]) if announced.isdecimal() else 0
        self._received = 0
        self._whole = False
        self.awaited = False

    async def receive(self) -> Message:
        if self._whole:  # then what comes is the end of the connection
            return await self._receive()
        self._check(self._announced)
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


def admitted(whole_again: float, now: float, interval: float) -> tuple[float, float]:
    """Count a request; return when the client has its whole allowance again, and the wait: 0.

    One that has to wait so many seconds is not counted. A burst of a minute's requests is admitted,
    then one in each interval: the generic cell rate algorithm (ITU-T I.371, annex A).
    """
    whole_again = max(whole_again, now)
    wait = whole_again - now - (MINUTE - interval)
    return (whole_again, wait) if wait > _ROUNDING else (whole_again + interval, 0.0)


@dataclass(slots=True)
class RateLimiter:
    """Admits requests as `admitted` says; each process counts for itself.

    Only the clients seen last are remembered; one that is forgotten has its whole allowance.

    Args:
        per_minute: requests that one client may make a minute.
        most_clients: clients that are remembered.
        clock: seconds that never go back.
    """

    per_minute: int
    most_clients: int = 10_000
    clock: Callable[[], float] = time.monotonic
    _whole_again: OrderedDict[str, float] = field(default_factory=OrderedDict, init=False)

    def wait(self, client: str) -> float:
        """Count a request and return 0, or return the seconds to wait and do not count it."""
        now = self.clock()
        before = self._whole_again.get(client, now)
        whole_again, wait = admitted(before, now, MINUTE / self.per_minute)
        if not wait:
            self._whole_again[client] = whole_again
            self._whole_again.move_to_end(client)
            if len(self._whole_again) > self.most_clients:
                self._whole_again.popitem(last=False)
        return wait


def client_address(scope: Scope) -> str:
    """Return what requests without a key are counted by: the IPv4 address, or the IPv6 /64.

    A provider hands out IPv6 networks of that size or larger (RFC 6177), so a client has 2^64
    addresses or more.
    """
    client = scope.get("client")
    address: str = client[0] if client else ""
    try:
        exact = IPv6Address(address)
    except AddressValueError:
        return address
    return str(exact.ipv4_mapped or IPv6Network((exact, _CLIENT_PREFIX), strict=False))


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches a host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _host_name(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
