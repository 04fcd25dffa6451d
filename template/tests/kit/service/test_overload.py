"""More requests than the service can answer: some are answered in time, the others refused fast."""

from __future__ import annotations

import asyncio
import time
from statistics import quantiles
from typing import TYPE_CHECKING, Final

import pytest

from fixtures.asgi import Call, open_client
from fixtures.effort import THOROUGH
from fixtures.services import Fakes
from gwkit.errors import LLMError

if TYPE_CHECKING:
    import httpx2

    from fixtures.configuration import MakeSettings

CAPACITY: Final = 8
WORK_SECONDS: Final = 0.05
SECONDS: Final = 1.5 if THOROUGH else 0.75


@pytest.fixture
def busy(make_settings: MakeSettings) -> Fakes:
    """Return a service of a small capacity whose searches take a while."""
    settings = make_settings(max_concurrent_requests=CAPACITY, requests_per_minute=1_000_000)
    fakes = Fakes(settings)
    fakes.retriever.work = lambda: asyncio.sleep(WORK_SECONDS)
    return fakes


async def search(client: httpx2.AsyncClient) -> tuple[int, float]:
    """Search; return the status and the time that it took, in seconds."""
    start = time.perf_counter()
    response = await client.post("/v1/search", json={"query": "a"})
    assert response.status_code == 200 or response.headers["retry-after"] == "1"
    return response.status_code, time.perf_counter() - start


@pytest.mark.slow
async def test_at_twice_the_capacity_half_is_answered_and_nobody_waits(busy: Fakes) -> None:
    """Callers at twice the capacity, each coming back at once: latency stays that of the work."""
    answered: list[float] = []
    refused: list[float] = []

    async def caller(client: httpx2.AsyncClient, until: float) -> None:
        while time.perf_counter() < until:
            status, seconds = await search(client)
            (answered if status == 200 else refused).append(seconds)
            if status == 503:
                await asyncio.sleep(WORK_SECONDS / 2)

    async with open_client(busy.app()) as client:
        until = time.perf_counter() + SECONDS
        await asyncio.gather(*(caller(client, until) for _ in range(2 * CAPACITY)))

    assert len(answered) > CAPACITY * SECONDS / WORK_SECONDS / 4
    assert refused
    # Ten times as long would be a queue; what is above the work itself is a busy machine.
    assert quantiles(answered, n=20)[-1] < 4 * WORK_SECONDS
    assert quantiles(refused, n=20)[-1] < WORK_SECONDS


async def test_the_probes_are_answered_under_load(busy: Fakes) -> None:
    """Nobody restarts a process for being busy, and its metrics say that it is."""
    release = asyncio.Event()
    app = busy.app()
    async with open_client(app) as client:
        busy.retriever.work = release.wait  # type: ignore[assignment]  # what it returns is not used
        running = [asyncio.create_task(search(client)) for _ in range(CAPACITY)]
        while len(busy.retriever.searches) < CAPACITY + 1:  # noqa: ASYNC110 - one is the warm-up's
            await asyncio.sleep(0.001)
        refused, _ = await search(client)
        probes = [
            (await client.get(path)).status_code for path in ("/healthz", "/readyz", "/metrics")
        ]
        release.set()
        statuses = [status for status, _ in await asyncio.gather(*running)]
        metrics = (await client.get("/metrics")).text

    assert 503 == refused
    assert [200] * 3 == probes
    assert [200] * CAPACITY == statuses
    assert 'http_requests_total{method="POST",route="/v1/search",status="503"} 1.0' in metrics


async def test_a_refusal_does_not_use_up_the_allowance(make_settings: MakeSettings) -> None:
    """Who was told to come back has not made a request yet."""
    release = asyncio.Event()
    fakes = Fakes(make_settings(max_concurrent_requests=1, requests_per_minute=2))
    async with open_client(fakes.app()) as client:
        fakes.retriever.work = release.wait  # type: ignore[assignment]  # as above
        running = asyncio.create_task(search(client))
        while len(fakes.retriever.searches) < 2:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.001)
        refused = [(await search(client))[0] for _ in range(5)]
        release.set()
        statuses = [(await running)[0], (await search(client))[0]]
        limited = await client.post("/v1/search", json={"query": "a"})

    assert [503] * 5 == refused
    assert [200, 200, 429] == [*statuses, limited.status_code]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_place_is_free_again_however_a_request_ends(
    make_settings: MakeSettings, *, stream: bool
) -> None:
    """After an answer, an error, a time-out and a hang-up the next request is served."""
    fakes = Fakes(make_settings(max_concurrent_requests=1, timeout_seconds=0.1))
    body = b'{"question": "a", "stream": true}' if stream else b'{"question": "a"}'

    async def fail() -> None:
        raise LLMError("no")

    async def for_ever() -> None:
        await asyncio.Event().wait()

    async with open_client(fakes.app()) as client:
        app = client._transport.app  # type: ignore[attr-defined]  # the transport of a test
        for work in (None, fail, for_ever):
            if work is not None:
                fakes.answerer.work = work
            await Call("/v1/answer", body).of(app)
        gone = Call("/v1/answer", body)
        gone.hang_up.set()
        await gone.of(app)
        status, _ = await search(client)

    assert 200 == status
