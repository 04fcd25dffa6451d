"""`deploy/nginx.conf` under the real nginx, in front of a scripted server."""

from __future__ import annotations

import http.client
import socket
import tempfile
import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.answers import ROOT
from harness.proxy import NGINX, proxied

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed here")

PATIENCE = 30
# Short times and few connections: the tests wait until nginx has acted.
CHANGES = {
    "client_header_timeout 10s;": "client_header_timeout 1s;",
    "client_body_timeout 10s;": "client_body_timeout 1s;",
    "keepalive_timeout 30s;": "keepalive_timeout 1s;",
    "limit_conn service_clients 50;": "limit_conn service_clients 2;",
}


class Upstream(ThreadingHTTPServer):
    """Stands in for the service: records each request, and streams `/stream` in two pieces."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[Message] = []
        self.go_on = threading.Event()


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"
    server: Upstream

    def do_GET(self) -> None:
        """Answer at once, or in two pieces as the service's streams of events."""
        self.server.seen.append(self.headers)
        self.send_response(200)
        if self.path == "/stream":
            self.send_header("X-Accel-Buffering", "no")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"5\r\nfirst\r\n")
            self.server.go_on.wait(PATIENCE)
            self.wfile.write(b"4\r\nlast\r\n0\r\n\r\n")
        else:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_header("Content-Length", "0")
            self.end_headers()

    def do_POST(self) -> None:
        """Answer as to GET."""
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A server behind nginx."""
    with Upstream() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.go_on.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def port(upstream: Upstream) -> Iterator[int]:
    """The port of nginx with the shipped configuration, and short times."""
    configuration = (ROOT / "template/deploy/nginx.conf").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # if nginx runs as root, its workers are another user
        with proxied(configuration, upstream.server_port, Path(folder), CHANGES) as number:
            yield number


@contextmanager
def asked(port: int, path: str = "/", **headers: str) -> Iterator[http.client.HTTPResponse]:
    """Send a request and yield the response."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", path, headers=named)
        with connection.getresponse() as response:
            yield response


def closed_with(port: int, start: bytes, trickle: bytes = b"") -> bytes:
    """Send the start of a request, then single bytes, until nginx closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(start)
        connection.settimeout(0.3)
        received = b""
        for _ in range(100):
            try:
                if not (data := connection.recv(65_536)):
                    return received
                received += data
            except TimeoutError:
                if trickle:
                    connection.sendall(trickle)
            except ConnectionError:
                return received
    pytest.fail("nginx keeps the connection")


def test_the_service_learns_who_asks(port: int, upstream: Upstream) -> None:
    """The client's address is the real one, and its request id is kept or created."""
    with (
        asked(port, X_Forwarded_For="192.0.2.1", X_Request_ID="mine") as own,
        asked(port) as none,
    ):
        assert [200, 200] == [own.status, none.status]
    first, second = upstream.seen

    assert ("127.0.0.1", "http") == (first["X-Forwarded-For"], first["X-Forwarded-Proto"])
    assert ("mine", 32) == (first["X-Request-ID"], len(second["X-Request-ID"]))


def test_a_stream_is_passed_on_piece_by_piece(port: int, upstream: Upstream) -> None:
    """The first event arrives while the service still works on the next one."""
    with asked(port, "/stream") as response:
        assert b"first" == response.read(5)
        upstream.go_on.set()
        assert b"last" == response.read()


@pytest.mark.parametrize(
    ("start", "trickle", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: s\r\nX-Slow: ", b"a", b"408"),
        (b"POST / HTTP/1.1\r\nHost: s\r\nContent-Length: 9\r\n\r\nabc", b"", b"408"),
        (b"POST / HTTP/1.1\r\nHost: s\r\nContent-Length: 99000000\r\n\r\n", b"", b"413"),
        (b"GET / HTTP/1.1\r\nHost: s\r\nX-Large: " + b"a" * 70_000, b"", b"400"),
    ],
    ids=["headers that trickle", "a body that stops", "a body too large", "headers too large"],
)
def test_a_client_that_is_slow_or_sends_too_much_never_reaches_the_service(
    port: int, upstream: Upstream, start: bytes, trickle: bytes, status: bytes
) -> None:
    """The proxy rejects it, or closes the connection."""
    received = closed_with(port, start, trickle)

    assert received == b"" or status in received.split(b"\r\n")[0]
    assert [] == upstream.seen


def test_an_idle_connection_is_closed(port: int) -> None:
    """The proxy closes it after an answer, and if no request ever arrives."""
    assert b"200" in closed_with(port, b"GET / HTTP/1.1\r\nHost: s\r\n\r\n").split(b"\r\n")[0]
    closed_with(port, b"")


def test_an_address_has_a_bounded_number_of_connections(port: int) -> None:
    """The third concurrent request is rejected."""
    with asked(port, "/stream") as one, asked(port, "/stream") as two, asked(port) as three:
        assert [200, 200, 429] == [one.status, two.status, three.status]


def test_metrics_are_not_for_callers(port: int, upstream: Upstream) -> None:
    """The proxy rejects them without calling the service."""
    with asked(port, "/metrics") as response:
        assert (403, []) == (response.status, upstream.seen)
