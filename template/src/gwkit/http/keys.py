"""API keys: who is calling, if the key is one of those in the settings."""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr
    from starlette.datastructures import Headers

__all__ = ["ApiKeys", "Authenticate"]


class Authenticate(Protocol):
    """Recognises callers."""

    async def __call__(self, headers: Headers) -> str | None:
        """Return the name of who sends a request with these headers, `None` for nobody known."""
        ...


class ApiKeys:
    """The keys that are in force; several make it possible to change one without a stop.

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
