"""The application as a whole: probes, metrics, ids, limits, API description."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from fastapi import APIRouter, HTTPException

from fixtures.asgi import open_client
from fixtures.services import Fakes

if TYPE_CHECKING:
    from fixtures.configuration import MakeSettings


async def test_the_probes_follow_the_life_of_the_service(fakes: Fakes) -> None:
    """Always live; ready after the first search, until the stop."""
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
            async with asyncio.timeout(60):
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


async def test_metrics_are_labelled_by_template(fakes: Fakes) -> None:
    """Each route is counted under its template, for any ids, errors and paths."""
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
    """Routing errors have the format of all others."""
    async with open_client(fakes.app()) as client:
        response = await client.request(method, path)

    assert expected == (response.status_code, response.json()["code"])
    assert "application/problem+json" == response.headers["content-type"]
    assert response.headers["x-request-id"] == response.json()["request_id"]


@pytest.mark.usefixtures("no_refill")
async def test_a_busy_client_is_told_to_wait(make_settings: MakeSettings) -> None:
    """Above the limit the response is a 429 with `Retry-After`; probes are not counted."""
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
    assert "30" == refused.headers["retry-after"]
    assert 200 == probe.status_code


async def test_a_large_body_is_refused(make_settings: MakeSettings) -> None:
    """JSON above `max_body_bytes` gives a problem with status 413."""
    app = Fakes(make_settings(max_body_bytes=1_000)).app()
    async with open_client(app) as client:
        response = await client.post("/v1/search", json={"query": "a" * 1_000})

    assert (413, "too_large") == (response.status_code, response.json()["code"])
    assert response.headers["x-request-id"] == response.json()["request_id"]


async def test_the_team_s_routers_are_part_of_the_application(fakes: Fakes) -> None:
    """They have ids, problems, metrics and a description, like the built-in ones."""
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
    """It has the service's name, every route has its errors, and every reference is valid."""
    async with open_client(fakes.app()) as client:
        description = (await client.get("/openapi.json")).json()
        again = (await client.get("/openapi.json")).json()

    assert fakes.settings.service_title == description["info"]["title"]
    assert {
        ("post", "/v1/answer"),
        ("post", "/v1/feedback"),
        ("post", "/v1/search"),
        ("post", "/v1/documents"),
        ("get", "/v1/documents"),
        ("get", "/v1/documents/{document_id}"),
        ("get", "/v1/documents/{document_id}/passages/{number}"),
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
    """The description has both formats of an answer."""
    async with open_client(fakes.app()) as client:
        description = (await client.get("/openapi.json")).json()

    answer = description["paths"]["/v1/answer"]["post"]["responses"]["200"]
    assert {"application/json", "text/event-stream"} == set(answer["content"])
    assert "`done`" in answer["description"]
    events = answer["content"]["text/event-stream"]["itemSchema"]["oneOf"]
    assert ["token", "citations", "done", "error"] == [
        event["properties"]["event"]["const"] for event in events
    ]
