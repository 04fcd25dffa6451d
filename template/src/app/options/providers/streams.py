"""Reads the server-sent events of a provider's stream (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    import httpx2

__all__ = ["read_events"]


async def read_events(response: httpx2.Response) -> AsyncGenerator[bytes]:
    """Yield the data of each event, and `b""` for a comment, which shows that the server works.

    The SDKs skip comments, so a stream that only sends these would look like a silent one. A body
    of JSON, such as an error or a whole reply, is yielded as one event.
    """
    data: list[bytes] = []
    if "json" in response.headers.get("content-type", ""):
        yield await response.aread()
        return
    async for line in _lines(response.aiter_bytes()):
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
