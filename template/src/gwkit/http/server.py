"""Serving over HTTP with uvicorn, until told to stop."""

from __future__ import annotations

import math
import signal
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

import structlog
import uvicorn

from gwkit.errors import ConfigError
from gwkit.http.limits import HostSettings, is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from ipaddress import IPv4Network, IPv6Network
    from types import FrameType

    from fastapi import FastAPI

    from gwkit.http.lifecycle import Lifecycle

try:
    import resource
except ImportError:  # not on every system
    resource = None  # type: ignore[assignment]  # looked at before use

__all__ = ["ServerSettings", "listen", "run", "server_config"]

_log = structlog.stdlib.get_logger(__name__)

_MAX_HEADER_BYTES: Final = 65_536
_STOPPING: Final = (signal.SIGINT, signal.SIGTERM)
_MOST_CONNECTIONS: Final = 10_000
# In which a worker has to answer its supervisor, and has to be ready where it replaces another.
_WORKER_SECONDS: Final = 60


class ServerSettings(HostSettings, Protocol):
    """Settings of the server: address, trusted proxies, and the time that a stop may take."""

    @property
    def port(self) -> int:
        """Port to listen on; 0 takes any."""

    @property
    def allow_unauthenticated(self) -> bool:
        """Whether others may reach a service without keys."""

    @property
    def trusted_proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Networks whose `X-Forwarded-For` is believed."""

    @property
    def shutdown_grace_seconds(self) -> float:
        """Time that running requests get at a stop, in seconds."""


def listen(settings: ServerSettings) -> socket.socket:
    """Return a socket that listens on the settings' host and port.

    Raises:
        ConfigError: the address is taken, not allowed, or not one of this machine's; or others
            can reach it and no key is asked for.
    """
    if not (
        is_loopback(settings.host) or settings.asks_who_calls or settings.allow_unauthenticated
    ):
        raise ConfigError(
            f"APP_HOST={settings.host}: others could reach the service, and without APP_API_KEYS "
            "it answers everybody; set some, or APP_ALLOW_UNAUTHENTICATED=true where something in "
            "front of it asks who is calling"
        )
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family)
    except OSError as exc:
        raise ConfigError(
            f"APP_HOST={settings.host} APP_PORT={settings.port}: cannot listen there: "
            f"{exc.strerror or exc}"
        ) from exc


def server_config(
    app: FastAPI | Callable[[], FastAPI], settings: ServerSettings, *, workers: int | None = None
) -> uvicorn.Config:
    """Return how uvicorn serves.

    Args:
        app: the application, or what makes it in each worker.
        settings: proxies and times.
        workers: the number of processes in which uvicorn makes, starts and stops an application; by
            default there is this one, and the caller does.
    """
    return uvicorn.Config(
        app,
        factory=workers is not None,
        workers=workers or 1,
        lifespan="off" if workers is None else "on",
        # Unlike httptools, h11 bounds the headers of a request and what surrounds its chunks.
        http="h11",
        h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
        limit_concurrency=_most_connections(),
        # Nothing here talks over WebSockets, and what does not ask for a key must not either.
        ws="none",
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=[str(network) for network in settings.trusted_proxies],
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_worker_healthcheck=_WORKER_SECONDS,
        timeout_graceful_shutdown=math.ceil(settings.shutdown_grace_seconds),
    )


async def run(app: FastAPI, settings: ServerSettings, listener: socket.socket) -> None:
    """Serve on an open socket until SIGINT or SIGTERM.

    The application is started and stopped here and not by uvicorn, so that an error of its start
    reaches the caller as it is. What is in flight at the signal gets the settings'
    `shutdown_grace_seconds` to finish, and `/readyz` says 503 from then on.

    Raises:
        AppError: whatever opening the services raises.
    """
    async with app.router.lifespan_context(app):
        host, port = listener.getsockname()[:2]
        _log.info("listening", host=host, port=port)
        await _Server(app, settings).serve(sockets=[listener])
        _log.info("stopped")


def _most_connections() -> int:
    """Return how many connections leave files for everything else: half of what may be open."""
    if resource is None:
        return _MOST_CONNECTIONS
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = soft == resource.RLIM_INFINITY
    return _MOST_CONNECTIONS if unlimited else min(_MOST_CONNECTIONS, max(1, soft // 2))


class _Server(uvicorn.Server):
    """Tells the application when it is draining, and returns after a signal.

    uvicorn itself would raise the signal again and end the process before the services are closed.
    """

    def __init__(self, app: FastAPI, settings: ServerSettings) -> None:
        self._most_connections = _most_connections()
        self._is_full = False
        config = server_config(app, settings)
        super().__init__(config)
        self._lifecycle: Lifecycle = app.state.lifecycle

    async def on_tick(self, counter: int) -> bool:
        is_full = len(self.server_state.connections) >= self._most_connections
        if is_full and not self._is_full:
            _log.warning("connections_exhausted", most=self._most_connections)
        self._is_full = is_full
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {each: signal.signal(each, self.handle_exit) for each in _STOPPING}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._lifecycle.draining = True
        super().handle_exit(sig, frame)
