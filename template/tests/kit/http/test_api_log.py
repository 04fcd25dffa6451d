"""The log lines of requests."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from fixtures.asgi import open_client
from fixtures.services import Fakes
from gwkit.logging.setup import configure_logging

if TYPE_CHECKING:
    import pytest

    from fixtures.configuration import MakeSettings


async def test_every_log_line_has_the_id_of_its_request(
    make_settings: MakeSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """The id is there for concurrent requests, and in their tasks and threads."""
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
    """The text of an unexpected error does not reach the caller, nor the log if it is a key."""
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
