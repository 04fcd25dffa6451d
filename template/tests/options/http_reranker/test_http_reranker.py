"""A reranker over HTTP: the forms of its servers, their faults, and a search that goes on."""

from __future__ import annotations

import json
import math
import threading
import time
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from app.exceptions import ConfigError, RetrievalError
from app.wiring import create_app, open_services
from fixtures.asgi import open_client
from fixtures.configuration import REGISTRY
from fixtures.models import make_hit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from app.config.settings import Settings
    from app.retrieval.retriever import Reranker
    from fixtures.command_line import CommandLine
    from fixtures.configuration import MakeSettings

    Reply = Callable[[dict[str, Any]], object]

KEY = "a-key-of-the-reranker"
HITS = [make_hit(f"passage {n}", document=f"{n}.md", score=1 - n / 100) for n in range(7)]


def texts_of(body: dict[str, Any]) -> list[str]:
    """Return the passages of a request, whichever name they have."""
    texts: list[str] = body.get("documents") or body["texts"]
    return texts


def last_first(body: dict[str, Any]) -> list[tuple[int, float]]:
    """Return scores that turn the order of the hits around."""
    numbers = [int(text.rsplit(" ", 1)[1]) for text in texts_of(body)]
    return [(index, 0.1 + number / 10) for index, number in enumerate(numbers)]


def cohere(body: dict[str, Any]) -> object:
    """Reply like Cohere, Jina, vLLM and Infinity, best first."""
    scored = sorted(last_first(body), key=lambda pair: -pair[1])
    return {"results": [{"index": at, "relevance_score": score} for at, score in scored]}


def tei(body: dict[str, Any]) -> object:
    """Reply like TEI."""
    return [{"index": at, "score": score} for at, score in last_first(body)]


def logits(body: dict[str, Any]) -> object:
    """Reply with scores that are no shares."""
    return [{"index": at, "score": 2_000 * (score - 0.4)} for at, score in last_first(body)]


class Server:
    """A stand-in: replies by a function, or with a status; records what it gets."""

    def __init__(self) -> None:
        self.reply: Reply = cohere
        self.statuses: list[int] = []
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.silent = threading.Event()
        self.url = ""


@pytest.fixture
def server() -> Iterator[Server]:
    """Serve a stand-in on this machine."""
    stand_in = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            stand_in.bodies.append(body)
            stand_in.keys.append(self.headers.get("authorization"))
            status = stand_in.statuses.pop(0) if stand_in.statuses else 200
            if status == 0:  # say nothing, until the test is over
                stand_in.silent.wait(60)
                return
            reply = stand_in.reply(body) if status == 200 else {"error": f"no {KEY}"}
            data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        threading.Thread(target=http.serve_forever, daemon=True).start()
        stand_in.url = f"http://127.0.0.1:{http.server_port}/rerank"
        yield stand_in
        stand_in.silent.set()
        http.shutdown()


@asynccontextmanager
async def opened(
    make_settings: MakeSettings, server: Server, name: str = "http", **fields: object
) -> AsyncIterator[Reranker]:
    """Open the reranker like the wiring."""
    settings = make_settings(reranker=name, rerank_url=server.url, **fields)
    async with REGISTRY.rerankers.find(name, "")(name, settings) as reranker:
        yield reranker


@pytest.mark.parametrize(("reply", "field"), [(cohere, "documents"), (tei, "texts")])
async def test_both_forms_are_spoken(
    make_settings: MakeSettings, server: Server, reply: Reply, field: str
) -> None:
    """The request has the query, the passages with their headings, the model and the key."""
    server.reply = reply
    hits = [make_hit("passage 0", headings=("One", "Two")), make_hit("passage 1", position=1)]
    fields: dict[str, Any] = {"rerank_field": field, "rerank_api_key": KEY}
    async with opened(make_settings, server, "http:some/model", **fields) as reranker:
        ranked = await reranker.rerank("q" * 5_000, hits)

    assert [("passage 1", 0.2), ("passage 0", 0.1)] == [(hit.text, hit.score) for hit in ranked]
    (body,) = server.bodies
    assert ["One\nTwo\npassage 0", "passage 1"] == body[field]
    assert ("some/model", "q" * 2_000) == (body["model"], body["query"])
    assert (field == "texts") == ("truncate" in body)
    assert [f"Bearer {KEY}"] == server.keys


async def test_batches_and_candidates_are_bounded(
    make_settings: MakeSettings, server: Server
) -> None:
    """Five of seven are scored, two at a time; the others follow with no better score."""
    fields: dict[str, Any] = {"rerank_batch": 2, "rerank_candidates": 5}
    async with opened(make_settings, server, **fields) as reranker:
        ranked = await reranker.rerank("q", HITS)
        assert [] == await reranker.rerank("q", [])

    assert [1, 2, 2] == sorted(len(texts_of(body)) for body in server.bodies)
    assert ["4.md", "3.md", "2.md", "1.md", "0.md", "5.md", "6.md"] == [h.document for h in ranked]
    scores = [hit.score for hit in ranked]
    assert scores == sorted(scores, reverse=True)
    assert "model" not in server.bodies[0]


async def test_requests_at_a_time_are_bounded(make_settings: MakeSettings, server: Server) -> None:
    """Of seven requests the server never has two at once, if that is the limit."""
    lock, together = threading.Lock(), []

    def reply(body: dict[str, Any]) -> object:
        with_others = not lock.acquire(blocking=False)
        together.append(with_others)
        time.sleep(0.01)  # the others would come meanwhile
        if not with_others:
            lock.release()
        return cohere(body)

    server.reply = reply
    async with opened(make_settings, server, rerank_batch=1, rerank_concurrency=1) as reranker:
        await reranker.rerank("q", HITS)
    assert [False] * 7 == together


async def test_logits_become_scores(make_settings: MakeSettings, server: Server) -> None:
    """Any numbers end in (0, 1], in their order, however large."""
    server.reply = logits
    async with opened(make_settings, server) as reranker:
        ranked = await reranker.rerank("q", HITS)
    assert [f"{n}.md" for n in range(6, -1, -1)] == [hit.document for hit in ranked]
    assert all(0 < hit.score <= 1 for hit in ranked)


FAULTS: dict[str, object] = {
    "too few": {"results": [{"index": 0, "relevance_score": 0.5}]},
    "twice the same": [{"index": 0, "score": 0.5}] * 7,
    "beyond the end": [{"index": n + 1, "score": 0.5} for n in range(7)],
    "negative": [{"index": n - 1, "score": 0.5} for n in range(7)],
    "not a number": [{"index": n, "score": math.nan} for n in range(7)],
    "infinite": [{"index": n, "score": math.inf} for n in range(7)],
    "no score": [{"index": n} for n in range(7)],
    "null": None,
    "no JSON": b"<html>busy</html>",
    "cut off": b'{"results": [{"index": 0',
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_reply_that_is_wrong_is_refused(
    make_settings: MakeSettings, server: Server, fault: str
) -> None:
    """It is asked for once more, and never used in part."""
    server.reply = lambda _body: FAULTS[fault]
    async with opened(make_settings, server) as reranker:
        with pytest.raises(RetrievalError, match="the reranker could not answer"):
            await reranker.rerank("q", HITS)
    assert 2 == len(server.bodies)


@pytest.mark.parametrize(("status", "calls"), [(500, 2), (503, 2), (400, 1), (401, 1), (307, 1)])
async def test_what_may_pass_is_tried_again(
    make_settings: MakeSettings, server: Server, status: int, calls: int
) -> None:
    """A server's error is tried again, a refusal is not; the message has no key."""
    server.statuses = [status] * 5
    async with opened(make_settings, server, rerank_api_key=KEY) as reranker:
        with pytest.raises(RetrievalError) as caught:
            await reranker.rerank("q", HITS)
        assert calls == len(server.bodies)
        assert KEY not in str(caught.value)
        server.statuses = []
        assert "6.md" == (await reranker.rerank("q", HITS))[0].document


async def test_a_server_that_keeps_failing_is_left_alone(
    make_settings: MakeSettings, server: Server
) -> None:
    """After five failures in a row nothing is sent for a while."""
    server.statuses = [500] * 100
    async with opened(make_settings, server, rerank_attempts=1) as reranker:
        for _ in range(8):
            with pytest.raises(RetrievalError):
                await reranker.rerank("q", HITS)
    assert 5 == len(server.bodies)


async def test_a_search_goes_on_without_it(live_settings: Settings, server: Server) -> None:
    """Silence, errors and no server at all leave the order, and are logged and counted."""
    query = {"query": "parental leave", "k": 3}
    async with open_client(create_app(live_settings, REGISTRY)) as client:
        plain = (await client.post("/v1/search", json=query)).json()
    update: dict[str, object] = {"reranker": "http", "rerank_url": server.url}
    for number, (statuses, url) in enumerate(
        [([0] * 9, server.url), ([500] * 9, server.url), ([], "http://127.0.0.1:9/rerank")]
    ):
        server.statuses = statuses
        update |= {"rerank_url": url, "rerank_timeout_seconds": 0.2 if number == 0 else 3.0}
        settings = live_settings.model_copy(update=update)
        with capture_logs() as logs:
            async with open_client(create_app(settings, REGISTRY)) as client:
                found = await client.post("/v1/search", json=query)
                metrics = (await client.get("/metrics")).text
        assert plain["hits"] == found.json()["hits"]
        assert 'reranks_total{outcome="failed"}' in metrics
        assert "warning" in {log["log_level"] for log in logs if log["event"] == "rerank_failed"}


async def test_a_search_takes_its_order(live_settings: Settings, server: Server) -> None:
    """Of what a search finds the best is what the server says is the best."""
    server.reply = lambda body: {
        "results": [
            {"index": at, "relevance_score": 0.9 if "forty euros" in text else 0.1}
            for at, text in enumerate(texts_of(body))
        ]
    }
    update = {"reranker": "http", "rerank_url": server.url}
    settings = live_settings.model_copy(update=update)
    async with open_services(settings, REGISTRY) as services:
        hits = await services.retriever.search("What about leave, meals and backups?", k=3)
        exposition = services.metrics.exposition().decode()
    assert "forty euros" in hits[0].text
    assert 'reranks_total{outcome="succeeded"} 1.0' in exposition


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "APP_RERANK_URL: APP_RERANKER (http) needs it, and it is not set"),
        ({"APP_RERANK_URL": "ftp://x"}, "APP_RERANK_URL"),
        ({"APP_RERANK_URL": "http://x:99999/rerank"}, "APP_RERANK_URL: has no valid host and port"),
        (
            {"APP_RERANK_URL": "http://x/rerank", "APP_RERANK_API_KEY": "two words"},
            "APP_RERANK_API_KEY: must be visible ASCII characters without spaces",
        ),
        (
            {"APP_RERANK_URL": "http://x/rerank", "APP_RERANK_TIMEOUT_SECONDS": "60"},
            "APP_RERANK_TIMEOUT_SECONDS (60) must be less than APP_TIMEOUT_SECONDS (30)",
        ),
    ],
)
def test_settings_that_cannot_work_end_the_start(
    cli: CommandLine, fields: dict[str, str], expected: str
) -> None:
    """CFG3: the message names the variable."""
    run = cli("config", APP_RERANKER="http", **fields)
    assert 2 == run.code
    assert expected in run.err


def test_its_settings_may_be_anything_while_it_is_off(make_settings: MakeSettings) -> None:
    """Nothing is required of a part that is not used."""
    assert make_settings(rerank_timeout_seconds=60).reranker is None
    with pytest.raises((ConfigError, ValueError), match="RERANK_URL"):
        make_settings(reranker="http:model")
