"""Clients that keep their connections and ask one question after the other.

They are as cheap as they can be, for they share the machine with the server: each request is made
of bytes that stand ready, and of a reply only the status and the length are read.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, TypedDict

import uvloop

from benchmarks.workers import serve

if TYPE_CHECKING:
    from collections.abc import Iterable


class Got(TypedDict):
    """The results of all clients together."""

    per_second: float
    latencies_ms: list[float]


async def ask(port: int, path: str, bodies: list[object], clients: int, requests: int) -> Got:
    """Send requests from several clients, each on one connection.

    Args:
        port: of the server, on 127.0.0.1.
        path: of the route.
        bodies: the bodies to send, by turns.
        clients: how many of them there are.
        requests: how many they send in total.
    """
    ready = [_request(path, body) for body in bodies]
    waiting = deque(ready[place % len(ready)] for place in range(requests))
    latencies: list[float] = []
    started = perf_counter()
    await asyncio.gather(*(_client(port, waiting, latencies) for _ in range(clients)))
    taken = perf_counter() - started
    return Got(per_second=requests / taken, latencies_ms=latencies)


async def _client(port: int, waiting: deque[bytes], latencies: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while waiting:
            started = perf_counter()
            writer.write(waiting.popleft())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            await reader.readexactly(_length(head.lower().split(b"\r\n")))
            latencies.append((perf_counter() - started) * 1_000)
    finally:
        writer.close()
        await writer.wait_closed()


def _length(lines: Iterable[bytes]) -> int:
    return next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))


def _request(path: str, body: object) -> bytes:
    data = json.dumps(body).encode()
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    ).encode() + data


if __name__ == "__main__":
    uvloop.install()
    serve({"ask": ask})
