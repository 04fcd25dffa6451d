"""The real nginx, with the configuration that a service ships."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_READY_SECONDS: Final = 30
_MAIN: Final = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/service.conf;
}}
"""

NGINX: Final = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


def free_port() -> int:
    """Return a free port of loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def proxied(
    configuration: str, upstream: int, folder: Path, changes: Mapping[str, str]
) -> Iterator[int]:
    """Start nginx in front of a port; yield its own port.

    Args:
        configuration: The text of the shipped file.
        upstream: The port behind it.
        folder: An empty folder.
        changes: Replacements in the configuration; each original must occur once.
    """
    assert NGINX is not None
    port = free_port()
    ports = {"127.0.0.1:8000;": f"127.0.0.1:{upstream};", "listen 80;": f"listen 127.0.0.1:{port};"}
    for old, new in (ports | dict(changes)).items():
        assert configuration.count(old) == 1, old
        configuration = configuration.replace(old, new)
    (folder / "service.conf").write_text(configuration, encoding="utf-8")
    main = folder / "nginx.conf"
    main.write_text(_MAIN.format(folder=folder), encoding="utf-8")
    process = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(main)])
    try:
        deadline = time.monotonic() + _READY_SECONDS
        while not _listens(port):
            assert process.poll() is None, "nginx refuses the configuration"
            assert time.monotonic() < deadline, "nginx never listened"
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
