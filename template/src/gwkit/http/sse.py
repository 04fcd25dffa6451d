"""Answers as server-sent events: `token` …, `citations`, `done`; or `error` at the end.

The format is that of the WHATWG HTML standard, section 9.2; each event's data is a JSON object.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from fastapi.sse import format_sse_event
from starlette.responses import StreamingResponse

from gwkit.logging.redaction import escape_json

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from pydantic import BaseModel
    from starlette.types import Send

__all__ = ["MEDIA_TYPE", "EventStream", "event"]

MEDIA_TYPE: Final = "text/event-stream"

# Proxies that buffer or keep a stream would take its point away.
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

    The status goes out with the first event: an error before it is still answered as a problem.

    Args:
        events: encoded events, from `event`.
    """

    media_type = MEDIA_TYPE

    def __init__(self, events: AsyncGenerator[bytes]) -> None:
        super().__init__(events, headers=_HEADERS)
        self._events = events

    async def stream_response(self, send: Send) -> None:
        """Send every event, and close their source however it ends."""
        start = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }
        async with aclosing(self._events) as events:
            async for data in events:
                if start:
                    await send(start)
                    start = {}
                await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
