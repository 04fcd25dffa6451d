"""Connections, byte by byte, to a server on loopback (`gwkit.http.server`)."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from fixtures.configuration import WholeSettings
from fixtures.guards import without_outer_configuration
from fixtures.services import Fakes
from gwkit.http.server import listen, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from app.config.settings import Settings
    from fixtures.configuration import MakeSettings

JSON: Final = b"Content-Type: application/json\r\n"
SEARCH: Final = (
    b"POST /v1/search HTTP/1.1\r\nHost: s\r\n" + JSON + b'Content-Length: 14\r\n\r\n{"query": "a"}'
)
# A limit for tests that would wait forever; nothing is measured with it.
PATIENCE: Final = 100

# One loop for all, because most of them share one server.
pytestmark = pytest.mark.asyncio(loop_scope="module")


class Connection:
    """One connection to the server, with hand-written requests."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        """Send, if the server still listens."""
        if not self.writer.is_closing():
            self.writer.write(data)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of the next response."""
        async with asyncio.timeout(PATIENCE):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            size = int(headers.get("content-length", 0))
            body = await self._reader.readexactly(size)
        return int(head[0].split()[1]), headers, body

    async def rest(self) -> bytes:
        """Return the remaining data until the server closes the connection."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""


class Server:
    """A server whose parts are fakes."""

    def __init__(self, fakes: Fakes, port: int) -> None:
        self.fakes = fakes
        self._port = port

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """Open a connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            yield Connection(reader, writer)
        finally:
            writer.close()


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Server]:
    """Serve within this process, on a free port."""
    fakes = Fakes(settings.model_copy(update={"allowed_hosts": ("s",)}))
    with listen(settings) as listener:
        running = asyncio.create_task(run(fakes.app(), settings, listener))
        server = Server(fakes, listener.getsockname()[1])
        async with server.connect() as connection:  # answered as soon as signals are heard
            connection.send(b"GET /healthz HTTP/1.1\r\nHost: s\r\n\r\n")
            await connection.answer()
        try:
            yield server
        finally:
            signal.raise_signal(signal.SIGTERM)
            async with asyncio.timeout(PATIENCE):
                await running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """Yield a server with small limits; to start and to stop one takes a third of a second."""
    folder = tmp_path_factory.mktemp("connections")
    with without_outer_configuration(folder):
        settings = WholeSettings(
            index_path=folder / "index.sqlite",
            port=0,
            shutdown_grace_seconds=0.5,
            max_body_bytes=100_000,
            max_document_bytes=1_000_000,
        )
    async with serving(settings) as one:
        yield one


@pytest.fixture
def server(lasting_server: Server) -> Server:
    """Return the server, without documents."""
    lasting_server.fakes.pipeline.hashes.clear()
    return lasting_server


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"GET /healthz HTTP/1.1\r\nX-Large: ", b"a" * 10_000),
        (b"GET /healthz HTTP/1.1\r\n", b"X-Many: a\r\n" * 1_000),
        (b"GET /", b"a" * 10_000),
        (b"POST /v1/search HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a" * 10_000),
        (
            b"POST /v1/search HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\nT: ",
            b"a" * 10_000,
        ),
    ],
    ids=["one header", "many headers", "the path", "a chunk's extension", "a trailer"],
)
async def test_what_is_no_body_has_a_bound(server: Server, start: bytes, more: bytes) -> None:
    """Other data is bounded: at some point the client gets an error and is disconnected."""
    sent = 0
    async with server.connect() as connection:
        connection.send(start)
        while sent < 5_000_000 and not connection.writer.is_closing():
            connection.send(more)
            sent += len(more)
            await asyncio.sleep(0)
            try:
                await connection.writer.drain()
            except ConnectionResetError:
                break
        left = await connection.rest()

    assert sent < 5_000_000
    assert not left or b" 400 " in left.split(b"\r\n")[0]
    async with server.connect() as connection:
        connection.send(SEARCH)
        assert 200 == (await connection.answer())[0]


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: s\r\n\r\n",
        b"GET / HTTP/1.1\r\nNo colon\r\n\r\n",
        b"POST /v1/search HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/search HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/search HTTP/1.1\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused(server: Server, data: bytes) -> None:
    """TLS, smuggling attempts and noise give a 400 and a closed connection, never a traceback."""
    with capture_logs() as lines:
        async with server.connect() as connection:
            connection.send(data)
            status, headers, _ = await connection.answer()
            left = await connection.rest()

    assert (400, "close", []) == (status, headers["connection"], lines)
    assert b"" == left.removeprefix(b"Invalid HTTP request received.")


async def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - a caller can only look
            await asyncio.sleep(0.001)


async def test_a_body_that_breaks_off_is_no_request(server: Server) -> None:
    """The client disconnects during an upload: nothing is stored, and nothing is a failure."""
    head = (
        b"POST /v1/documents HTTP/1.1\r\nHost: s\r\nContent-Length: 5000\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n\r\nHello'
    )
    with capture_logs() as lines:
        async with server.connect() as connection:
            connection.send(head)
        await until(lambda: lines)
        async with server.connect() as other:
            other.send(SEARCH)
            await other.answer()

    served = [(line["event"], line.get("status")) for line in lines]
    assert [("request_served", 499), ("request_served", 200)] == served
    assert {} == server.fakes.pipeline.hashes


async def test_a_body_has_to_come_in_time(make_settings: MakeSettings) -> None:
    """A slow body is rejected with 408 when the request's time is over."""
    settings = make_settings(port=0, timeout_seconds=0.2, shutdown_grace_seconds=0.5)
    async with serving(settings) as server, server.connect() as connection:
        connection.send(SEARCH[:-14])
        for byte in SEARCH[-14:]:
            connection.send(bytes([byte]))
            await asyncio.sleep(0.03)
        status, _, body = await connection.answer()

    assert (408, "request_incomplete") == (status, json.loads(body)["code"])


async def test_a_caller_who_hangs_up_frees_its_place(make_settings: MakeSettings) -> None:
    """A stream without a reader is ended, and the next caller is answered."""
    settings = make_settings(port=0, max_concurrent_requests=1, shutdown_grace_seconds=0.5)
    closed = asyncio.Event()

    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            closed.set()

    question = b'{"question": "a", "stream": true}'
    async with serving(settings) as server:
        server.fakes.answerer.later_work = for_ever
        async with server.connect() as connection:
            connection.send(
                b"POST /v1/answer HTTP/1.1\r\nHost: s\r\n%sContent-Length: %d\r\n\r\n%s"
                % (JSON, len(question), question)
            )
            await connection._reader.readuntil(b"event: token")
            async with server.connect() as other:
                other.send(SEARCH)
                refused, headers, _ = await other.answer()
        async with asyncio.timeout(PATIENCE):
            await closed.wait()
            served = 503
            while served == 503:
                async with server.connect() as other:
                    other.send(SEARCH)
                    served, _, _ = await other.answer()

    assert (503, "1", 200) == (refused, headers["retry-after"], served)


async def test_who_hangs_up_with_more_requests_under_way_is_heard(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The current request is ended, not only the one that waits behind it."""
    begun, closed = asyncio.Event(), asyncio.Event()

    async def for_ever() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            closed.set()

    monkeypatch.setattr(server.fakes.answerer, "work", for_ever)
    question = b'{"question": "a", "stream": true}'
    with capture_logs() as lines:
        async with server.connect() as connection:
            connection.send(
                b"POST /v1/answer HTTP/1.1\r\nHost: s\r\n%sContent-Length: %d\r\n\r\n%s"
                % (JSON, len(question), question)
            )
            connection.send(SEARCH * 2)
            async with asyncio.timeout(PATIENCE):
                await begun.wait()
        async with asyncio.timeout(PATIENCE):
            await closed.wait()
        await until(lambda: lines)
        async with server.connect() as other:
            other.send(SEARCH)
            await other.answer()

    served = [(line["event"], line.get("status")) for line in lines]
    assert [("request_served", 499), ("request_served", 200)] == served


async def test_requests_in_a_row_and_at_once_are_answered(server: Server) -> None:
    """One connection carries many requests, also sent before the responses are read."""
    async with server.connect() as connection:
        for _ in range(3):
            connection.send(SEARCH)
            assert 200 == (await connection.answer())[0]
        connection.send(SEARCH * 5)
        assert [200] * 5 == [(await connection.answer())[0] for _ in range(5)]


async def test_an_upload_in_small_pieces_is_taken(server: Server) -> None:
    """The bound on other data grows with the body."""
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n\r\n'
        + b"word " * 80_000
        + b"\r\n--x--\r\n"
    )
    pieces = [form[start : start + 8] for start in range(0, len(form), 8)]
    async with server.connect() as connection:
        connection.send(
            b"POST /v1/documents HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\nExpect: 100-continue\r\n\r\n"
        )
        assert b"HTTP/1.1 100 Continue\r\n\r\n" == await connection._reader.readuntil(b"\r\n\r\n")
        connection.send(b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in pieces))
        connection.send(b"0\r\n\r\n")
        status, _, body = await connection.answer()

    assert 201 == status, body


async def test_an_upgrade_is_not_taken(server: Server) -> None:
    """A WebSocket would bypass keys and limits, so it stays a plain request."""
    async with server.connect() as connection:
        connection.send(
            b"GET /v1/search HTTP/1.1\r\nHost: s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )

        assert 405 == (await connection.answer())[0]


@pytest.mark.parametrize(
    ("trusted", "expected"),
    [((), [200, 429, 429]), (("127.0.0.0/8",), [200, 200, 429])],
)
async def test_a_forwarded_address_counts_where_the_proxy_is_trusted(
    make_settings: MakeSettings, trusted: tuple[str, ...], expected: list[int]
) -> None:
    """Any client can send the header; only an operator's proxy is trusted."""
    settings = make_settings(
        port=0, requests_per_minute=1, trusted_proxies=trusted, shutdown_grace_seconds=0.5
    )
    statuses = []
    async with serving(settings) as server, server.connect() as connection:
        for forwarded in (b"192.0.2.1", b"192.0.2.2", b"198.51.100.9, 192.0.2.2"):
            connection.send(
                SEARCH.replace(b"s\r\n", b"s\r\nX-Forwarded-For: %s\r\n" % forwarded, 1)
            )
            statuses.append((await connection.answer())[0])

    assert expected == statuses


async def test_more_connections_than_files_allow_are_refused(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the files are for connections; a request above that gets a 503, logged once."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (6, 6))

    def logged() -> list[int]:
        return [line["most"] for line in lines if line["event"] == "connections_exhausted"]

    with capture_logs() as lines:
        async with (
            serving(make_settings(port=0)) as server,
            server.connect(),
            server.connect(),
            server.connect() as last,
        ):
            await until(logged)
            last.send(b"GET /healthz HTTP/1.1\r\nHost: s\r\n\r\n")
            status, _, _ = await last.answer()

    assert (503, [3]) == (status, logged())
