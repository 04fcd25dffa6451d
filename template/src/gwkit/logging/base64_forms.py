"""How a secret looks within a longer text in base64 (RFC 4648), as in HTTP's basic scheme."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["in_base64"]

_URL_SAFE: Final = str.maketrans("+/", "-_")


def in_base64(secret: str) -> Iterator[str]:
    """Yield what is certain of the base64 of any text that has the secret in it."""
    data = secret.encode()
    for before in range(3):
        encoded = b64encode(bytes(before) + data).decode().rstrip("=")
        # The first and the last character may have bits of what stands beside the secret.
        inner = encoded[(0, 2, 3)[before] : len(encoded) - ((before + len(data)) % 3 > 0)]
        yield inner
        yield inner.translate(_URL_SAFE)
