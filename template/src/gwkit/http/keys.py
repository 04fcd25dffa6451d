"""API keys: who is calling, if the key is one of those in the settings."""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING

from starlette.authentication import SimpleUser

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

__all__ = ["ApiKeys"]


class ApiKeys:
    """The keys that are in force; several make it possible to change one without a stop.

    Args:
        keys: the keys by the names of those who use them.
    """

    def __init__(self, keys: Mapping[str, SecretStr]) -> None:
        self._known = tuple(
            (_digest(key.get_secret_value().encode()), SimpleUser(name))
            for name, key in keys.items()
        )

    def __bool__(self) -> bool:
        """Whether a key is asked for at all."""
        return bool(self._known)

    def user(self, key: bytes) -> SimpleUser | None:
        """Return whose key it is.

        How long that takes depends neither on the key nor on whose it is: digests of equal length
        are compared in constant time, and each of them is.
        """
        digest = _digest(key)
        found = None
        for known, user in self._known:
            if compare_digest(known, digest):
                found = user
        return found


def _digest(key: bytes) -> bytes:
    return sha256(key).digest()
