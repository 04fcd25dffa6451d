"""Readiness and shutdown of the service."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx2
import pytest
from structlog.testing import capture_logs

from app.api.application import build_app
from app.registry import Registry
from fixtures.asgi import Call, open_client
from fixtures.services import Fakes, at_once
from gwkit.errors import ConfigError, RetrievalError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.config.settings import Settings
    from app.services import Services


async def test_warming_is_tried_until_it_works(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that fails at first delays readiness."""
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
    """Each error is logged once, and reported at each probe until it has passed."""
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
            asyncio.timeout(60),
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
    """Each probe reports it, the log once, until the index is back."""
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
    """A request that comes too early gets an error."""
    call = Call(path, b'{"query": "a"}' if path == "/v1/search" else b'{"question": "a"}')
    await call.of(fakes.app())

    assert (503, "unavailable") == (call.status, json.loads(call.answer)["code"])


async def test_the_services_are_closed_at_the_end(fakes: Fakes) -> None:
    """The application enters and leaves its services once."""
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
    """The error is unchanged, so that the command line can report it."""

    @asynccontextmanager
    async def broken() -> AsyncIterator[Services]:
        raise ConfigError("APP_INDEX_PATH: no")
        yield

    app = build_app(settings, Registry(), broken)
    with pytest.raises(ConfigError):
        async with app.router.lifespan_context(app):
            pass
