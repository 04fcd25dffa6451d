"""The service as tools: the protocol's official client, over HTTP and in this process."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from structlog.testing import capture_logs

from app.options import mcp_api
from fixtures.asgi import Call, open_client
from fixtures.services import Fakes
from gwkit.errors import LLMError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import httpx2
    from fastapi import FastAPI

    from fixtures.configuration import MakeSettings

LEAVE = "How many weeks of parental leave are there?"
KEY = "a-key-that-is-long-enough"
MODES = ("auto", "legacy")
"""The newest version of the protocol, and the one that begins with a handshake."""


@asynccontextmanager
async def opened(app: FastAPI, mode: str = "auto", key: str = "") -> AsyncIterator[Client]:
    """Start the application, and yield a client that is connected to it."""
    async with open_client(app) as http:
        if key:
            http.headers["Authorization"] = f"Bearer {key}"
        transport = streamable_http_client("http://localhost/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


def failing(error: Exception) -> Callable[[], Awaitable[None]]:
    """Return work that fails."""

    async def work() -> None:
        raise error

    return work


@pytest.fixture
def served(fakes: Fakes) -> Fakes:
    """Return the parts of a fake service with this route."""
    mcp_api.register(fakes.registry)
    return fakes


@pytest.mark.parametrize("mode", MODES)
async def test_the_tools_are_described(live_app: FastAPI, mode: str) -> None:
    """Each has a description for the model, the schemas of the API, and changes nothing."""
    async with opened(live_app, mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}

    assert {"answer", "get_document", "search"} == set(tools)
    for tool in tools.values():
        assert tool.description
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
    assert {"query", "k", "filters", "mode"} == set(tools["search"].input_schema["properties"])
    assert ["question"] == tools["answer"].input_schema["required"]


@pytest.mark.parametrize("mode", MODES)
async def test_the_tools_work_on_the_documents(live_app: FastAPI, mode: str) -> None:
    """On the real index: a search finds the document, and an answer cites it."""
    async with opened(live_app, mode) as client:
        found = await client.call_tool("search", {"query": LEAVE, "k": 3})
        answer = await client.call_tool("answer", {"question": LEAVE})

    assert not found.is_error
    assert not answer.is_error
    documents = [hit["document"] for hit in found.structured_content["hits"]]
    assert "policies/leave.md" in documents
    assert len(documents) <= 3
    cited = {each["document"] for each in answer.structured_content["citations"]}
    assert "policies/leave.md" in cited
    assert "[1]" in answer.structured_content["answer"]


async def test_a_document_is_read_in_parts(live_app: FastAPI) -> None:
    """The parts make up the whole, and each says where the next one begins."""
    document = {"document": "policies/leave.md"}
    async with opened(live_app) as client:
        whole = (await client.call_tool("get_document", document)).structured_content
        parts, first = [], 0
        while first is not None:
            arguments = document | {"first": first, "limit": 1}
            part = (await client.call_tool("get_document", arguments)).structured_content
            parts += part["passages"]
            first = part["next"]
        beyond = await client.call_tool("get_document", document | {"first": 99})

    assert len(parts) > 1
    assert whole["passages"] == parts
    assert "parental leave" in " ".join(passage["text"] for passage in parts).lower()
    assert ([], None) == tuple(beyond.structured_content[name] for name in ("passages", "next"))


async def test_a_call_has_the_id_of_its_request(served: Fakes) -> None:
    """In the result and, as for every route, in the log."""
    ids: list[str] = []

    async def note(response: httpx2.Response) -> None:
        ids.append(response.headers["x-request-id"])

    with capture_logs() as logs:
        async with open_client(served.app()) as http:
            http.event_hooks["response"].append(note)
            transport = streamable_http_client("http://localhost/mcp", http_client=http)
            async with Client(transport) as client:
                result = await client.call_tool("answer", {"question": "How?"})

    assert result.structured_content["request_id"] in ids
    served_events = [event for event in logs if event["event"] == "request_served"]
    assert "/mcp" in {event["route"] for event in served_events}


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("answer", {}, "question: Field required"),
        ("answer", {"question": " "}, "question: "),
        ("get_document", {"document": "none.md"}, "none.md"),
        ("search", {"query": "x", "k": 1_000}, "k: "),
        ("search", {"query": "x", "limit": 3}, "limit: "),
        ("delete", {}, "there is no tool 'delete'"),
    ],
)
async def test_a_wrong_call_is_explained_to_the_model(
    live_app: FastAPI, tool: str, arguments: dict[str, object], expected: str
) -> None:
    """The result is an error that names the field, and not its value."""
    async with opened(live_app) as client:
        result = await client.call_tool(tool, arguments)

    assert result.is_error
    assert expected in result.content[0].model_dump()["text"]


@pytest.mark.parametrize("error", [LLMError("a secret"), ZeroDivisionError("a secret")])
async def test_a_failure_is_logged_and_says_nothing_of_its_cause(
    served: Fakes, error: Exception
) -> None:
    """The model learns that it failed; the log has the reason."""
    served.answerer.work = failing(error)
    with capture_logs() as logs:
        async with opened(served.app()) as client:
            result = await client.call_tool("answer", {"question": "How?"})

    assert result.is_error
    assert "a secret" not in str(result.content)
    (event,) = [event for event in logs if event["event"] == "tool_failed"]
    assert "answer" == event["tool"]
    assert "a secret" in str(event.get("error") or event.get("exc_info"))


async def test_keys_are_those_of_the_service(make_settings: MakeSettings) -> None:
    """Without one, nothing of the protocol is answered."""
    fakes = Fakes(make_settings(api_keys={"reader": KEY}))
    mcp_api.register(fakes.registry)
    async with opened(fakes.app(), key=KEY) as client:
        assert (await client.list_tools()).tools
    async with open_client(fakes.app()) as http:
        for headers in ({}, {"Authorization": "Bearer another-key-of-some-length"}):
            refused = await http.post("/mcp", json={}, headers=headers)
            assert (401, "unauthorized") == (refused.status_code, refused.json()["code"])


@pytest.mark.usefixtures("no_refill")
async def test_limits_are_those_of_the_service(make_settings: MakeSettings) -> None:
    """A body that is too large and a call too many are refused."""
    fakes = Fakes(make_settings(max_body_bytes=1_000, requests_per_minute=2))
    mcp_api.register(fakes.registry)
    async with open_client(fakes.app()) as http:
        statuses = [
            (await http.post("/mcp", content=b"{}" + b" " * 2_000)).status_code,
            (await http.get("/mcp")).status_code,
            (await http.post("/mcp", json={})).status_code,
        ]

    assert [413, 405, 429] == statuses


async def test_what_is_not_the_protocol_is_refused(served: Fakes) -> None:
    """Each malformed body gets a client's error, and the next call is answered."""
    bodies = [b"", b"{", b"[]", b"\xff", b'{"jsonrpc": "2.0"}', b"[" * 100_000]
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    async with open_client(served.app()) as http:
        statuses = [
            (await http.post("/mcp", content=body, headers=headers)).status_code for body in bodies
        ]
        transport = streamable_http_client("http://localhost/mcp", http_client=http)
        async with Client(transport) as client:
            assert (await client.list_tools()).tools

    assert all(400 <= status < 500 for status in statuses), statuses


async def test_the_work_ends_when_the_caller_hangs_up(served: Fakes) -> None:
    """The question is given up, as on every route."""
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    served.answerer.work = work
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "answer", "arguments": {"question": "How?"}},
    }
    call = Call(
        "/mcp",
        json.dumps(body).encode(),
        headers={
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "host": "localhost",
        },
    )
    app = served.app()
    async with open_client(app):
        task = asyncio.create_task(call.of(app))
        await begun.wait()
        call.hang_up.set()
        await task

    assert cancelled.is_set()
