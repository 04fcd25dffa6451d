"""What holds for the application as a whole: probes, metrics, ids, limits, its description."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from fastapi import APIRouter, HTTPException
from structlog.testing import capture_logs

from app.api.application import build_app
from app.registry import Registry
from fixtures.asgi import Call, open_client
from fixtures.services import Fakes, at_once
from gwkit.errors import ConfigError, RetrievalError
from gwkit.logging.setup import configure_logging

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.config.settings import Settings
    from app.services import Services
    from fixtures.configuration import MakeSettings


async def test_the_probes_follow_the_life_of_the_service(fakes: Fakes) -> None:
    """Always live; ready once a search has been made, and not before or after."""
    warmed = asyncio.Event()
    fakes.retriever.work = warmed.wait  # type: ignore[assignment]  # what it returns is not used
    app = fakes.app()
    seen: list[tuple[int, int, str]] = []

    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://localhost"
    ) as client:

        async def look() -> None:
            live, ready = await client.get("/healthz"), await client.get("/readyz")
            seen.append((live.status_code, ready.status_code, ready.json().get("detail", "")))

        await look()
        async with app.router.lifespan_context(app):
            await look()
            warmed.set()
            async with asyncio.timeout(10):
                while not app.state.lifecycle.warm:  # noqa: ASYNC110 - as a probe does it
                    await asyncio.sleep(0.01)
            await look()
            app.state.lifecycle.draining = True
            await look()
        await look()

    assert [
        (200, 503, "the service is starting"),
        (200, 503, "the index is being warmed"),
        (200, 200, ""),
        (200, 503, "the service is stopping"),
        (200, 503, "the service is stopping"),
    ] == seen


async def test_warming_is_tried_until_it_works(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that fails at first delays readiness and does not end it."""
    monkeypatch.setattr("gwkit.http.lifecycle._RETRY_SECONDS", 0.01)
    attempts: list[int] = []

    async def fail_twice() -> None:
        attempts.append(1)
        if len(attempts) < 3:
            raise RetrievalError("not yet")

    fakes.retriever.work = fail_twice
    async with open_client(fakes.app()) as client:
        assert 200 == (await client.get("/readyz")).status_code

    assert 3 == len(attempts)


async def test_what_keeps_it_from_warming_is_told(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the error is: once in the log, at each probe, and until it has passed."""
    monkeypatch.setattr("gwkit.http.lifecycle._RETRY_SECONDS", 0.01)
    attempts: list[int] = []

    async def fail() -> None:
        attempts.append(1)
        raise KeyError("no such column")

    fakes.retriever.work = fail
    app = fakes.app()
    transport = httpx2.ASGITransport(app)
    with capture_logs() as lines:
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client,
            asyncio.timeout(10),
        ):
            while len(attempts) < 3:  # noqa: ASYNC110 - as a probe does it
                await asyncio.sleep(0.01)
            response = await client.get("/readyz")
            fakes.retriever.work = at_once
            while (await client.get("/readyz")).is_error:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)

    assert 503 == response.status_code
    assert "a first search has failed" in response.json()["detail"]
    told = [line["event"] for line in lines if line["event"] != "request_served"]
    assert ["warm_up_failed", "service_ready"] == [
        event for event in told if event not in {"request_failed", "request_refused"}
    ]


async def test_an_index_that_cannot_be_read_takes_the_traffic_away(fakes: Fakes) -> None:
    """Each probe is told why, the log once, and it is over when the index is there again."""
    with capture_logs() as lines:
        async with open_client(fakes.app()) as client:
            before = await client.get("/readyz")
            fakes.index.error = RetrievalError("/srv/index.sqlite was removed")
            away = [await client.get("/readyz") for _ in range(3)]
            live = await client.get("/healthz")
            fakes.index.error = None
            after = await client.get("/readyz")

    assert [200, 503, 503, 503, 200, 200] == [
        response.status_code for response in (before, *away, live, after)
    ]
    assert "the index is gone, replaced or damaged" in away[0].json()["detail"]
    assert "/srv" not in away[0].text
    events = [line["event"] for line in lines if line["event"].startswith("index_")]
    assert ["index_unavailable", "index_available"] == events


@pytest.mark.parametrize("path", ["/v1/search", "/v1/answer"])
async def test_before_the_start_there_is_no_service(path: str, fakes: Fakes) -> None:
    """A request that comes too early is told so."""
    call = Call(path, b'{"query": "a"}' if path == "/v1/search" else b'{"question": "a"}')
    await call.of(fakes.app())

    assert (503, "unavailable") == (call.status, json.loads(call.answer)["code"])


async def test_the_services_are_closed_at_the_end(fakes: Fakes) -> None:
    """The application enters and leaves what it was given, once."""
    steps: list[str] = []

    @asynccontextmanager
    async def opened() -> AsyncIterator[Services]:
        steps.append("opened")
        yield fakes.services()
        steps.append("closed")

    app = build_app(fakes.settings, fakes.registry, opened)
    assert [] == steps
    async with open_client(app):
        assert ["opened"] == steps
    assert ["opened", "closed"] == steps


async def test_an_error_of_the_start_reaches_whoever_starts(settings: Settings) -> None:
    """As it is, so that the command line can tell it."""

    @asynccontextmanager
    async def broken() -> AsyncIterator[Services]:
        raise ConfigError("APP_INDEX_PATH: no")
        yield

    app = build_app(settings, Registry(), broken)
    with pytest.raises(ConfigError):
        async with app.router.lifespan_context(app):
            pass


async def test_metrics_are_labelled_by_template(fakes: Fakes) -> None:
    """Each route is counted under its template, whatever the ids, the errors or the paths."""
    async with open_client(fakes.app()) as client:
        for name in ("a.md", "b/c.md"):
            await client.delete(f"/v1/documents/{name}")
        await client.get("/wp-login.php")
        await client.get("/v1/answer")
        await client.post("/v1/search", json={"query": "a"})
        await client.post("/v1/search", json={})
        await client.get("/docs")
        response = await client.get("/metrics")

    assert response.headers["content-type"].startswith("text/plain; version=")
    for line in (
        'http_requests_total{method="DELETE",route="/v1/documents/{document_id}",status="404"} 2.0',
        'http_requests_total{method="GET",route="unmatched",status="404"} 1.0',
        'http_requests_total{method="OTHER",route="/v1/answer",status="405"} 1.0',
        'http_requests_total{method="POST",route="/v1/search",status="200"} 1.0',
        'http_requests_total{method="GET",route="/docs",status="200"} 1.0',
        'http_requests_total{method="POST",route="/v1/search",status="422"} 1.0',
        'http_request_seconds_count{method="POST",route="/v1/search"} 2.0',
    ):
        assert line in response.text
    assert "wp-login" not in response.text


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/nothing", (404, "not_found")),
        ("GET", "/v1/answer", (405, "method_not_allowed")),
        ("PUT", "/healthz", (405, "method_not_allowed")),
    ],
)
async def test_what_there_is_not_is_a_problem(
    method: str, path: str, expected: tuple[int, str], fakes: Fakes
) -> None:
    """Routing errors have the form of all others."""
    async with open_client(fakes.app()) as client:
        response = await client.request(method, path)

    assert expected == (response.status_code, response.json()["code"])
    assert "application/problem+json" == response.headers["content-type"]
    assert response.headers["x-request-id"] == response.json()["request_id"]


async def test_every_log_line_has_the_id_of_its_request(
    make_settings: MakeSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also with many requests at once, in the tasks and threads that they start."""
    settings = make_settings(log_format="json", log_level="DEBUG")
    fakes = Fakes(settings)

    async def work() -> None:
        await asyncio.sleep(0.001)
        await asyncio.to_thread(log_a_line)

    def log_a_line() -> None:
        import structlog  # noqa: PLC0415 - as a module that is used in a thread

        structlog.stdlib.get_logger("worker").info("worked")

    fakes.answerer.work = work
    ids = [f"request-{number}" for number in range(30)]
    async with open_client(fakes.app()) as client:
        configure_logging(settings)
        capsys.readouterr()
        responses = await asyncio.gather(
            *(
                client.post("/v1/answer", json={"question": "a"}, headers={"x-request-id": each})
                for each in ids
            )
        )
        lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    assert ids == [response.headers["x-request-id"] for response in responses]
    assert ids == [response.json()["request_id"] for response in responses]
    for event in ("worked", "request_served"):
        assert sorted(ids) == sorted(line["request_id"] for line in lines if line["event"] == event)


async def test_a_planted_secret_is_nowhere(
    make_settings: MakeSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an unexpected error says reaches neither the caller nor, if it is a key, the log."""
    secret = "sk-ant-" + "planted0" * 6
    settings = make_settings(log_format="json")
    fakes = Fakes(settings)

    async def leak() -> None:
        raise ValueError(f"api_key={secret}")

    fakes.answerer.work = leak
    async with open_client(fakes.app()) as client:
        configure_logging(settings)
        response = await client.post("/v1/answer", json={"question": "a"})
        log = capsys.readouterr().err

    assert 500 == response.status_code
    assert secret not in response.text
    assert "ValueError" in log
    assert secret not in log


async def test_a_busy_client_is_told_to_wait(make_settings: MakeSettings) -> None:
    """After the allowance a 429 with `Retry-After`; the probes are not counted."""
    app = Fakes(make_settings(requests_per_minute=2)).app()
    async with open_client(app) as client:
        statuses = [
            (await client.post("/v1/search", json={"query": "a"})).status_code for _ in range(2)
        ]
        refused = await client.post("/v1/search", json={"query": "a"})
        probe = await client.get("/readyz")
        metrics = (await client.get("/metrics")).text

    assert [200, 200] == statuses
    assert 'http_requests_total{method="POST",route="/v1/search",status="429"} 1.0' in metrics
    assert (429, "too_many_requests") == (refused.status_code, refused.json()["code"])
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert 200 == probe.status_code


async def test_a_large_body_is_refused(make_settings: MakeSettings) -> None:
    """JSON above `max_body_bytes` is a problem with the status 413."""
    app = Fakes(make_settings(max_body_bytes=1_000)).app()
    async with open_client(app) as client:
        response = await client.post("/v1/search", json={"query": "a" * 1_000})

    assert (413, "too_large") == (response.status_code, response.json()["code"])
    assert response.headers["x-request-id"] == response.json()["request_id"]


async def test_the_team_s_routers_are_part_of_the_application(fakes: Fakes) -> None:
    """With ids, problems, metrics and a place in the description, like the built-in ones."""
    router = APIRouter(prefix="/v1/team")

    @router.get("/{name}")
    async def greet(name: str) -> str:
        if name == "nobody":
            raise HTTPException(418, "not today")
        return name

    @router.get("/kept/{name}")
    async def unchanged(name: str) -> str:
        raise HTTPException(304, headers={"ETag": name})

    nested = APIRouter(prefix="/v2")
    nested.include_router(router)
    fakes.registry.routes.add("team", router)
    fakes.registry.routes.add("nested", nested)
    async with open_client(fakes.app()) as client:
        greeted = await client.get("/v1/team/anna")
        refused = await client.get("/v1/team/nobody")
        again = await client.get("/v2/v1/team/bert")
        unchanged_ = await client.get("/v1/team/kept/x")
        description = (await client.get("/openapi.json")).json()
        metrics = (await client.get("/metrics")).text

    assert (200, "anna") == (greeted.status_code, greeted.json())
    assert (200, "bert") == (again.status_code, again.json())
    assert (418, "http_418") == (refused.status_code, refused.json()["code"])
    assert (304, "x", b"") == (
        unchanged_.status_code,
        unchanged_.headers["etag"],
        unchanged_.content,
    )
    assert {"/v1/team/{name}", "/v2/v1/team/{name}"} <= set(description["paths"])
    assert 'route="/v1/team/{name}",status="418"' in metrics


def references(part: Any) -> set[str]:  # noqa: ANN401 - any JSON
    """Return every `$ref` within a part of a JSON document."""
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*(references(each) for each in part.values()))
    if isinstance(part, list):
        return set().union(*(references(each) for each in part))
    return set()


async def test_the_description_is_whole(fakes: Fakes) -> None:
    """It names the service, every route has its errors, and every reference leads somewhere."""
    async with open_client(fakes.app()) as client:
        description = (await client.get("/openapi.json")).json()
        again = (await client.get("/openapi.json")).json()

    assert fakes.settings.service_name == description["info"]["title"]
    assert {
        ("post", "/v1/answer"),
        ("post", "/v1/search"),
        ("post", "/v1/documents"),
        ("get", "/v1/documents"),
        ("delete", "/v1/documents/{document_id}"),
        ("get", "/healthz"),
        ("get", "/readyz"),
        ("get", "/metrics"),
    } == {(method, path) for path, methods in description["paths"].items() for method in methods}
    for path, methods in description["paths"].items():
        for operation in methods.values():
            errors = {
                status: answer["content"]
                for status, answer in operation["responses"].items()
                if status.startswith(("4", "5"))
            }
            assert errors or path == "/healthz"
            assert all(["application/problem+json"] == list(content) for content in errors.values())
            assert operation["summary"]
            assert operation["tags"]
    schemas = {f"#/components/schemas/{name}" for name in description["components"]["schemas"]}
    assert references(description) <= schemas
    assert "HTTPValidationError" not in description["components"]["schemas"]
    assert description == again


async def test_an_event_stream_is_described(fakes: Fakes) -> None:
    """A reader of the description learns that there are two forms of an answer."""
    async with open_client(fakes.app()) as client:
        description = (await client.get("/openapi.json")).json()

    answer = description["paths"]["/v1/answer"]["post"]["responses"]["200"]
    assert {"application/json", "text/event-stream"} == set(answer["content"])
    assert "`done`" in answer["description"]
    events = answer["content"]["text/event-stream"]["itemSchema"]["oneOf"]
    assert ["token", "citations", "done", "error"] == [
        event["properties"]["event"]["const"] for event in events
    ]
