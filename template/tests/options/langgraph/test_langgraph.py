"""The flow as a LangGraph graph gives what the native flow gives, and sends nothing to a vendor.

`tests/unit` runs the tests of answers with each orchestration, this one among them.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from app.wiring import create_app
from fixtures.asgi import events, open_client
from fixtures.command_line import environment
from fixtures.configuration import REGISTRY
from fixtures.models import FakeChatModel
from gwkit.models.messages import Delta
from unit.test_answering import QUESTION, Bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    import httpx2

    from app.config.settings import Settings
    from fixtures.command_line import CommandLine
    from fixtures.configuration import MakeSettings

LEAVE = "How many weeks of parental leave are there?"

BODIES: tuple[dict[str, Any], ...] = (
    {"question": LEAVE},
    {"question": LEAVE, "top_k": 1},
    {"question": LEAVE, "filters": {"prefix": "guides"}},
    {"question": "Up to how many euros are meals reimbursed?"},
    {"question": "Who won the cup in 1974?"},
    {"question": "Wie lange ist der Urlaub auf dem Mars?"},
    {"question": "And how is it?"},
    {"question": "What about backups?", "messages": [{"role": "user", "content": LEAVE}]},
    {"question": LEAVE, "model": "other:one"},
    {"question": LEAVE, "max_tokens": 1},
)

_SCRIPT = """
import asyncio, sys
from app.wiring import build_registry, open_services, settings_type
from app.graph.state import Question
async def main():
    settings = settings_type(build_registry())(
        index_path=sys.argv[1], orchestration=sys.argv[2], min_grounding=0.0
    )
    async with open_services(settings) as services:
        await services.answerer.answer(Question(question="How long is the leave?"))
    print(sorted({"langgraph", "langchain_core", "langsmith"} & sys.modules.keys()))
    if "traced" in sys.argv:
        import langsmith
        async with open_services(settings) as services:
            langsmith.configure(enabled=True)
            await services.answerer.answer(Question(question="How long is the leave?"))
    if "langgraph" in sys.argv:
        from langchain_core.tracers.langchain import wait_for_all_tracers
        wait_for_all_tracers()
asyncio.run(main())
"""


@asynccontextmanager
async def opened(settings: Settings, orchestration: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Yield a client of the service with this orchestration."""
    changed = settings.model_copy(update={"orchestration": orchestration})
    async with open_client(create_app(changed, REGISTRY)) as client:
        yield client


@pytest.mark.parametrize("citations", ["mark", "refuse", "off"])
async def test_both_give_the_same_over_http(live_settings: Settings, citations: str) -> None:
    """Answers, refusals and errors are equal to the last field, whole and as a stream."""
    settings = live_settings.model_copy(update={"citations": citations})
    replies: list[list[object]] = []
    for orchestration in ("native", "langgraph"):
        async with opened(settings, orchestration) as client:
            headers = {"X-Request-ID": "one-for-both"}
            replies.append([])
            for body in BODIES:
                whole = await client.post("/v1/answer", json=body, headers=headers)
                stream = await client.post(
                    "/v1/answer", json=body | {"stream": True}, headers=headers
                )
                replies[-1] += [whole.status_code, whole.json(), stream.status_code]
                streamed = stream.text if stream.is_success else stream.json()
                replies[-1] += events(streamed) if isinstance(streamed, str) else [streamed]

    native, graph = replies
    assert native == graph
    assert {200, 422} <= {status for status in native if isinstance(status, int)}
    assert {True, False} == {
        part["found"] for part in native if isinstance(part, dict) and "found" in part
    }


async def test_the_pieces_come_while_the_model_writes(make_settings: MakeSettings) -> None:
    """The first piece is there before the model has written the last."""
    written = asyncio.Event()

    class SlowModel(FakeChatModel):
        async def stream(self, request: Any) -> Any:  # noqa: ANN401 - as in the fake
            yield Delta(text="A parcel waits for 72 hours [1]. ")
            await written.wait()
            async for piece in super().stream(request):
                yield piece

    model = SlowModel("It can be extended [2].")
    bench = Bench(make_settings, model, orchestration="langgraph")
    stream = bench.answerer.stream(QUESTION)
    first = await anext(stream)
    assert isinstance(first, Delta)
    assert first.text.startswith("A parcel waits")
    written.set()
    assert [part async for part in stream]


async def test_many_questions_do_not_mix(make_settings: MakeSettings) -> None:
    """One graph answers concurrent questions, each with its own reply."""
    replies = [f"A parcel waits for 72 hours, says {number} [1]." for number in range(20)]
    bench = Bench(make_settings, FakeChatModel(*replies), orchestration="langgraph")
    answers = await asyncio.gather(*(bench.answerer.answer(QUESTION) for _ in replies))
    assert sorted(replies) == sorted(answer.answer for answer in answers)


def test_an_unknown_orchestration_ends_the_start(cli: CommandLine) -> None:
    """The message names the variable and the orchestrations that there are."""
    run = cli("ask", "How long?", APP_ORCHESTRATION="langflow")
    assert 2 == run.code
    expected = "APP_ORCHESTRATION: there is no orchestration 'langflow'; known: langgraph, native"
    assert expected in run.err


class _Vendor(BaseHTTPRequestHandler):
    """Takes whatever is sent, and counts it."""

    calls: list[str]

    def do_POST(self) -> None:
        self.calls.append(self.path)
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(202)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST  # noqa: N815 - the names that the server looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def vendor() -> Iterator[tuple[str, list[str]]]:
    """Serve in the vendor's place; return the address, and the paths of what was sent."""
    calls: list[str] = []
    handler = type("Vendor", (_Vendor,), {"calls": calls})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", calls
        server.shutdown()


def asked(index: Path, url: str, *arguments: str) -> str:
    """Ask a question in a process whose environment turns the vendor's tracing on."""
    traced = {
        f"{prefix}_{name}": value
        for prefix in ("LANGSMITH", "LANGCHAIN")
        for name, value in (
            ("TRACING", "true"),
            ("TRACING_V2", "true"),
            ("ENDPOINT", url),
            ("API_KEY", "a-key-of-the-vendor"),
        )
        if (prefix, name) != ("LANGCHAIN", "TRACING")  # an older form, which ends the program
    }
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", _SCRIPT, str(index), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(**traced),
        check=True,
        timeout=100,
    )
    return done.stdout.splitlines()[-1]


def test_nothing_is_sent_to_the_vendor(
    live_settings: Settings, vendor: tuple[str, list[str]]
) -> None:
    """Not even where the environment asks for LangSmith's tracing, which would send something."""
    url, calls = vendor
    loaded = asked(live_settings.index_path, url, "langgraph")
    assert "['langchain_core', 'langgraph', 'langsmith']" == loaded
    assert [] == calls

    asked(live_settings.index_path, url, "langgraph", "traced")
    assert calls, "the stand-in is where traces would go"


def test_the_native_flow_loads_nothing_of_it(
    live_settings: Settings, vendor: tuple[str, list[str]]
) -> None:
    """The packages are imported only if the orchestration is chosen."""
    url, calls = vendor
    assert "[]" == asked(live_settings.index_path, url, "native")
    assert [] == calls
