"""Reads the server-sent events of a provider's stream (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

__all__ = ["read_events"]


async def read_events(body: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Yield the data of each event, and `b""` for a comment, which shows that the server works.

    The SDKs skip comments, so a stream that only sends these would look like a silent one.
    """
    data: list[bytes] = []
    async for line in _lines(body):
        if line.startswith(b"data:"):
            data.append(line.removeprefix(b"data:").strip())
        elif line.startswith(b":"):
            yield b""
        elif not line and data:
            yield b"\n".join(data)
            data = []


async def _lines(body: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    rest = b""
    async for part in body:
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            yield line.rstrip(b"\r")
    # Some servers leave out the empty line after the last event.
    yield rest
    yield b""
