"""Serving over a real socket, and stopping (`gwkit.http.server`)."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import httpx2
import pytest

from fixtures.command_line import DOCUMENTS
from fixtures.services import ANSWER, Fakes
from gwkit.errors import ConfigError
from gwkit.http.server import _Server, listen, run

if TYPE_CHECKING:
    from app.config.settings import Settings
    from fixtures.configuration import MakeSettings

QUESTION = {"question": "How do I upload a file?"}

# A service of fakes in a separate process, which responds only after the stop signal.
SLOW_SERVICE: Final = """
import asyncio, logging, sys
sys.path[:0] = sys.argv[1:]
from gwkit.http.server import listen, run
from gwkit.logging.setup import configure_logging
from app.config.settings import Settings
from fixtures.services import Fakes

settings = Settings(port=0, log_format="json")
configure_logging(settings)
fakes = Fakes(settings)
app = fakes.app()
told = []
logging.getLogger("uvicorn.error").addFilter(lambda line: told.append(line.getMessage()) or True)

async def work():
    logging.getLogger("fake").info("working")
    while "Shutting down" not in told:
        await asyncio.sleep(0.01)

fakes.answerer.later_work = fakes.answerer.work = work
with listen(settings) as listener:
    asyncio.run(run(app, settings, listener))
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_the_service_answers_on_its_socket_until_told_to_stop(
    host: str, make_settings: MakeSettings
) -> None:
    """It starts, answers with no name of the server, and returns after the signal."""
    settings = make_settings(host=host, port=0)
    with listen(settings) as listener:
        port = listener.getsockname()[1]
        app = Fakes(settings).app()
        running = asyncio.create_task(run(app, settings, listener))
        async with httpx2.AsyncClient(base_url=f"http://{host}:{port}") as client:
            response = await client.post("/v1/answer", json=QUESTION)
        signal.raise_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            await running

    assert ANSWER.answer == response.json()["answer"]
    assert "server" not in response.headers
    assert app.state.lifecycle.draining


def test_there_are_no_web_sockets_whatever_is_installed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library for them, which uvicorn would use, would let callers in without a key."""
    monkeypatch.setattr("uvicorn.protocols.websockets.auto.AutoWebSocketsProtocol", object)
    config = _Server(Fakes(settings).app(), settings).config
    config.load()

    assert config.ws_protocol_class is None


def test_a_port_in_use_is_told_by_its_variable(make_settings: MakeSettings) -> None:
    """The error comes before anything is opened, with the reason."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = make_settings(port=taken.getsockname()[1])
        with pytest.raises(ConfigError, match=r"APP_PORT=\d+.*in use"):
            listen(settings)


@pytest.mark.parametrize("host", ["192.0.2.1", "::ffff:192.0.2.1"])
def test_a_host_of_another_machine_is_told_by_its_variable(
    host: str, make_settings: MakeSettings
) -> None:
    """The service cannot listen on an address of another machine."""
    with pytest.raises(ConfigError, match="APP_HOST="):
        listen(make_settings(host=host, port=0))


@pytest.mark.slow
def test_what_is_in_flight_at_sigterm_is_finished() -> None:
    """Running requests get their complete responses, then the process exits with 0."""
    folders = [str(DOCUMENTS.parents[2] / name) for name in ("src", "tests")]
    with subprocess.Popen(  # noqa: S603 - this interpreter, our own text
        [sys.executable, "-c", SLOW_SERVICE, *folders], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        lines = (json.loads(line) for line in process.stderr)
        port = next(line["port"] for line in lines if line["event"] == "listening")
        url = f"http://127.0.0.1:{port}/v1/answer"
        with ThreadPoolExecutor(2) as callers:
            calls = [
                callers.submit(httpx2.post, url, json=QUESTION | {"stream": stream}, timeout=100)
                for stream in (False, True)
            ]
            for _ in calls:
                next(line for line in lines if line["event"] == "working")
            process.send_signal(signal.SIGTERM)
            whole, streamed = (call.result() for call in calls)
        events = [line["event"] for line in lines]
        process.wait(60)

    assert (200, 200) == (whole.status_code, streamed.status_code)
    assert all(json.dumps(ANSWER.answer) in each.text for each in (whole, streamed))
    assert (False, True) == ("event: done" in whole.text, "event: done" in streamed.text)
    assert 0 == process.returncode
    assert events.index("Shutting down") < events.index("request_served")
    assert "stopped" == events[-1]
