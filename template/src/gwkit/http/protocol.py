"""uvicorn's HTTP/1.1, with bounds on what a connection may send and on how long it may wait.

uvicorn bounds neither the headers nor the time that they take, and waits for ever for the rest of
a body after it has been refused, and for a client that reads no answer. A few hundred connections
that send a byte now and then would use up its file descriptors, and one that never ends its headers
would use up the memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from starlette.exceptions import HTTPException
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from gwkit.http.problems import ProblemResponse, problem_of
from gwkit.http.rate_limit import network_of
from gwkit.telemetry.context import bind_request_id, new_request_id

if TYPE_CHECKING:
    from asyncio import TimerHandle, Transport

    from uvicorn._types import ASGI3Application
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

__all__ = ["BoundedProtocol"]

_log = structlog.stdlib.get_logger(__name__)

_MOST_BYTES: Final = 65_536
_LONGEST_SECONDS: Final = 10.0
_LONGEST_UNREAD_SECONDS: Final = 30.0


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection that sends too much beside its bodies, or too slowly.

    While the application answers, its own limits hold. Otherwise the client has
    `_LONGEST_SECONDS` to complete the headers of a request, or a body that nobody reads any more.
    One that has taken nothing of an answer for `_LONGEST_UNREAD_SECONDS` is cut off.
    """

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._answering: RequestResponseCycle | None = None
        self._arriving = 0
        self._excess = 0
        self._deadline: TimerHandle | None = None
        self._wait()
        self._unread = 0
        self._look_again()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting, and tell the request that is being answered."""
        self._stop_waiting()
        self._look.cancel()
        # uvicorn tells the latest request only, which waits where the client has sent several.
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived, and count what of it is no body."""
        self._arriving = len(data)
        super().data_received(data)
        self._excess += self._arriving
        if self.transport.is_closing():
            self._stop_waiting()
        elif self._excess > _MOST_BYTES:
            self._refuse(431, f"the headers may have at most {_MOST_BYTES} bytes")
        elif self._begun is not None and not self._begun.response_complete:
            self._stop_waiting()
        elif self._deadline is None:
            self._wait()

    def on_message_begin(self) -> None:
        """Count from here; the data that the beginning stands in is not counted."""
        super().on_message_begin()
        self._excess = -self._arriving

    def on_body(self, body: bytes) -> None:
        """Let a body have as much around its pieces as there is in them."""
        super().on_body(body)
        self._excess -= 2 * len(body)

    def resume_writing(self) -> None:
        """Go on writing, for the client has taken what was to be written."""
        super().resume_writing()
        self._unread = 0

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(400, msg)

    @property
    def _begun(self) -> RequestResponseCycle | None:
        """The latest request, of which uvicorn does not say that there is none at first."""
        return self.cycle

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(_LONGEST_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self._begun is None and self._arriving:
            self._refuse(408, "the headers have not come to their end in time")
        elif not self.transport.is_closing():
            self.transport.close()

    def _look_again(self) -> None:
        self._look = self.loop.call_later(_LONGEST_UNREAD_SECONDS, self._check_reader)

    def _check_reader(self) -> None:
        # Closing waits for the client to take the rest; only aborting does not.
        unread = self.transport.get_write_buffer_size()
        if unread and unread >= self._unread > 0:
            self.transport.abort()
            return
        self._unread = unread
        self._look_again()

    def _refuse(self, status: int, detail: str) -> None:
        """Answer with a problem where an answer can still be sent, and close."""
        if self.transport.is_closing():
            return
        request_id = new_request_id()
        with bind_request_id(request_id):
            self._answer(status, detail, request_id)

    def _answer(self, status: int, detail: str, request_id: str) -> None:
        problem, _ = problem_of(HTTPException(status, detail))
        address = network_of(self.client[0]) if self.client else ""
        _log.info(
            "connection_refused", status=status, code=problem.code, detail=detail, address=address
        )
        now = self._answering
        if now is None or now.response_complete or not now.response_started:
            headers = {"Connection": "close", "X-Request-ID": request_id}
            response = ProblemResponse(problem, headers=headers)
            head = [b"%s: %s\r\n" % header for header in response.raw_headers]
            self.transport.write(
                b"".join((STATUS_LINE[status], *head, b"\r\n", bytes(response.body)))
            )
        self.transport.close()
