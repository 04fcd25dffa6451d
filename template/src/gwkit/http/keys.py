"""API keys: who is calling, if the key is one of those in the settings; and what needs none."""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pydantic import SecretStr
    from starlette.datastructures import Headers

__all__ = ["UNLIMITED_PATHS", "ApiKeys", "Authenticate", "keyless_paths"]

Authenticate: TypeAlias = "Callable[[Headers], Awaitable[str | None]]"
"""Returns the name of who sends a request with these headers, `None` if unknown."""

_METRICS_PATH: Final = "/metrics"
_DOCS_PATHS: Final = frozenset({"/docs", "/openapi.json"})

UNLIMITED_PATHS: Final = frozenset({"/healthz", "/readyz", _METRICS_PATH})
"""Paths for orchestrators and scrapers: no limit of rate, number or time applies."""


def keyless_paths(*, public_metrics: bool) -> frozenset[str]:
    """Return what is answered without a key: probes and browsers have none to send."""
    probes = UNLIMITED_PATHS if public_metrics else UNLIMITED_PATHS - {_METRICS_PATH}
    return probes | _DOCS_PATHS


class ApiKeys:
    """The current keys; with several, one can be changed without a stop.

    Args:
        keys: the keys by the names of those who use them.
    """

    def __init__(self, keys: Mapping[str, SecretStr]) -> None:
        self._known = tuple(
            (_digest(key.get_secret_value().encode()), name) for name, key in keys.items()
        )

    async def __call__(self, headers: Headers) -> str | None:
        """Return whose key it is that `Authorization: Bearer <key>` sends (RFC 6750, section 2.1).

        How long that takes depends neither on the key nor on whose it is: digests of equal length
        are compared in constant time, and each of them is.
        """
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        digest = _digest(key.strip().encode("latin-1"))
        found = None
        for known, user in self._known:
            if compare_digest(known, digest):
                found = user
        return found


def _digest(key: bytes) -> bytes:
    return sha256(key).digest()
