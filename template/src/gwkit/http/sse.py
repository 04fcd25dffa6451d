"""Answers as server-sent events, given up when the caller hangs up.

The events are `token` …, `citations`, `done`; or `error` at the end.

Comments come in between, for proxies close a connection that is silent while a model thinks.

Their format is that of the WHATWG HTML standard, section 9.2; each event's data is a JSON object.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from fastapi.sse import format_sse_event
from starlette.responses import StreamingResponse

from gwkit.text.characters import escape_json

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from pydantic import BaseModel
    from starlette.types import Send

__all__ = ["MEDIA_TYPE", "EventStream", "event"]

MEDIA_TYPE: Final = "text/event-stream"

# Proxies that buffer or keep a stream would take its point away.
_KEEP_ALIVE: Final = b": keep-alive\n\n"
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def event(name: str, data: BaseModel) -> bytes:
    """Return one event; the members that are `None` are left out of its data.

    Its data is one line, by whatever a client takes for the end of one.
    """
    return format_sse_event(
        data_str=escape_json(data.model_dump_json(exclude_none=True)), event=name
    )


class EventStream(StreamingResponse):
    """Sends events as they come, and stops the work behind them when the caller hangs up.

    The status goes out with the first event, or the first comment: an error before it is still
    answered as a problem.

    Args:
        events: encoded events, from `event`.
        keep_alive_seconds: a comment is sent this often.
    """

    media_type = MEDIA_TYPE

    def __init__(self, events: AsyncGenerator[bytes], *, keep_alive_seconds: float = 10.0) -> None:
        super().__init__(events, headers=_HEADERS)
        self._events = events
        self._keep_alive_seconds = keep_alive_seconds
        self._sending = asyncio.Lock()
        self._begun = False

    async def stream_response(self, send: Send) -> None:
        """Send every event, and close their source however it ends."""
        keep_alive = asyncio.create_task(self._keep_alive(send))
        try:
            async with aclosing(self._events) as events:
                async for data in events:
                    await self._send(send, data)
        finally:
            keep_alive.cancel()
            await asyncio.gather(keep_alive, return_exceptions=True)
        await self._send(send, b"", more=False)

    async def _keep_alive(self, send: Send) -> None:
        while True:
            await asyncio.sleep(self._keep_alive_seconds)
            await self._send(send, _KEEP_ALIVE)

    async def _send(self, send: Send, data: bytes, *, more: bool = True) -> None:
        async with self._sending:
            if not self._begun:
                self._begun = True
                start = {"status": self.status_code, "headers": self.raw_headers}
                await send({"type": "http.response.start", **start})
            await send({"type": "http.response.body", "body": data, "more_body": more})
