"""Stop working for a caller who has hung up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from starlette.requests import ClientDisconnect

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.requests import Request

__all__ = ["unless_disconnected"]

_T = TypeVar("_T")


async def unless_disconnected(request: Request, work: Coroutine[object, object, _T]) -> _T:
    """Return what the work returns, or cancel it when the caller hangs up.

    The request's body must have been read: what comes after it is the end of the connection.

    Raises:
        ClientDisconnect: nobody waits for the answer any more.
    """
    task = asyncio.create_task(work)
    watch = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        task.cancel()
        watch.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
