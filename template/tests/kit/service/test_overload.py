"""More requests than the capacity: some are answered, the others rejected at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest

from fixtures.asgi import Call, open_client
from fixtures.services import Fakes, at_once
from gwkit.errors import LLMError

if TYPE_CHECKING:
    import httpx2

    from fixtures.configuration import MakeSettings

CAPACITY: Final = 8


class Gate:
    """Work that waits for its release; `waiting` counts the arrivals."""

    def __init__(self) -> None:
        self.waiting = 0
        self._open = asyncio.Event()

    async def work(self) -> None:
        """Wait for the release."""
        self.waiting += 1
        await self._open.wait()

    async def until(self, waiting: int) -> None:
        """Return when this many have arrived."""
        while self.waiting < waiting:  # noqa: ASYNC110 - the counter is the event
            await asyncio.sleep(0)

    def release(self) -> None:
        """Release all that wait; later ones wait again."""
        self._open.set()
        self._open, self.waiting = asyncio.Event(), 0


@pytest.fixture
def gate() -> Gate:
    """Return work that waits."""
    return Gate()


async def search(client: httpx2.AsyncClient) -> int:
    """Search; return the status."""
    response = await client.post("/v1/search", json={"query": "a"})
    assert response.status_code == 200 or response.headers["retry-after"] == "1"
    return response.status_code


async def test_at_twice_the_capacity_half_is_answered_and_nobody_waits(
    make_settings: MakeSettings, gate: Gate
) -> None:
    """Rejected callers may retry at any rate while all the others work."""
    fakes = Fakes(make_settings(max_concurrent_requests=CAPACITY, requests_per_minute=1_000_000))
    async with open_client(fakes.app()) as client:
        fakes.retriever.work = gate.work
        for _ in range(20):
            running = [asyncio.create_task(search(client)) for _ in range(CAPACITY)]
            await gate.until(CAPACITY)
            refused = await asyncio.gather(*(search(client) for _ in range(CAPACITY)))
            assert [503] * CAPACITY == refused
            assert not any(task.done() for task in running)
            gate.release()
            assert [200] * CAPACITY == await asyncio.gather(*running)


async def test_the_probes_are_answered_under_load(make_settings: MakeSettings, gate: Gate) -> None:
    """A busy process is not restarted, and its metrics show the load."""
    fakes = Fakes(make_settings(max_concurrent_requests=CAPACITY))
    async with open_client(fakes.app()) as client:
        fakes.retriever.work = gate.work
        running = [asyncio.create_task(search(client)) for _ in range(CAPACITY)]
        await gate.until(CAPACITY)
        refused = await search(client)
        probes = [
            (await client.get(path)).status_code for path in ("/healthz", "/readyz", "/metrics")
        ]
        gate.release()
        statuses = await asyncio.gather(*running)
        metrics = (await client.get("/metrics")).text

    assert 503 == refused
    assert [200] * 3 == probes
    assert [200] * CAPACITY == statuses
    assert 'http_requests_total{method="POST",route="/v1/search",status="503"} 1.0' in metrics


@pytest.mark.usefixtures("no_refill")
async def test_a_refusal_does_not_use_up_the_allowance(
    make_settings: MakeSettings, gate: Gate
) -> None:
    """A client that was told to come back has not made a request yet."""
    fakes = Fakes(make_settings(max_concurrent_requests=1, requests_per_minute=2))
    async with open_client(fakes.app()) as client:
        fakes.retriever.work = gate.work
        running = asyncio.create_task(search(client))
        await gate.until(1)
        refused = [await search(client) for _ in range(5)]
        gate.release()
        fakes.retriever.work = at_once
        statuses = [await running, await search(client)]
        limited = await client.post("/v1/search", json={"query": "a"})

    assert [503] * 5 == refused
    assert [200, 200, 429] == [*statuses, limited.status_code]


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("stream", [False, True])
async def test_a_place_is_free_again_however_a_request_ends(
    make_settings: MakeSettings, *, stream: bool
) -> None:
    """After an answer, an error, a timeout and a disconnect the next request is served."""
    fakes = Fakes(make_settings(max_concurrent_requests=1))
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
        status = await search(client)

    assert 200 == status
