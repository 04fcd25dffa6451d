"""Refuse what a browser sends for a page of another site.

Any page may have a browser send an upload here, and none has to ask first. With a name of its own
that is made to lead to this machine (DNS rebinding), a page may read the answers as well.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from starlette.types import Scope

__all__ = ["HostSettings", "OriginCheck", "is_loopback"]

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class HostSettings(Protocol):
    """What the settings say of where the service is, and for whom."""

    @property
    def host(self) -> str:
        """Address to listen on."""

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """Further names by which browsers may call the service."""

    @property
    def asks_who_calls(self) -> bool:
        """Whether callers have to say who they are."""


class OriginCheck:
    """Checks the host that a request names, and the site whose page has a browser send it.

    Args:
        settings: where the service listens, whether it asks for keys, and its other hosts.
    """

    def __init__(self, settings: HostSettings) -> None:
        self._named = frozenset(map(str.lower, settings.allowed_hosts))
        self._checks_host = bool(self._named) or (
            is_loopback(settings.host) and not settings.asks_who_calls
        )

    def check(self, scope: Scope) -> None:
        """Refuse a foreign host, and a foreign site's page that would change something.

        Programs send neither `Origin` nor `Sec-Fetch-Site`, and browsers at least one of them.

        Raises:
            HTTPException: 403 or 421.
        """
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = _host_name(f"//{host}")
        if self._checks_host and host and not (name in self._named or is_loopback(name)):
            raise HTTPException(421, "this host is not one of APP_ALLOWED_HOSTS")
        if scope["method"] in _SAFE_METHODS:
            return
        origin, site = headers.get("origin", ""), headers.get("sec-fetch-site")
        own = site in {"same-origin", "none"} if site else origin.partition("://")[2] == host
        if (site or origin) and not own and _host_name(origin) not in self._named:
            raise HTTPException(403, "pages of other sites may change and ask nothing here")


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
