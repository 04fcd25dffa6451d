"""CFG6: a secret planted in every setting is in no output of the service."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest
import structlog

from app import exceptions
from fixtures.asgi import open_client
from fixtures.configuration import WholeSettings
from fixtures.services import Fakes
from gwkit.logging.setup import configure_logging
from gwkit.settings.reader import load_settings
from kit.fixtures.canary import Canaries, exposed, plant

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.command_line import CommandLine


SEARCH: Final = {"query": "a"}


BROKEN: Final = {"APP_PORT": "70000", "APP_TOPK": "3", "APP_CHUNK_TOKENS": "many"}


@pytest.fixture
def canaries() -> Canaries:
    """Return a secret for every setting that takes one."""
    return plant()


@pytest.fixture
def planted(canaries: Canaries, monkeypatch: pytest.MonkeyPatch) -> Canaries:
    """Plant the secrets in the environment of this process, and return them."""
    for name, value in canaries.variables.items():
        monkeypatch.setenv(name, value)
    return canaries


def key_of(canaries: Canaries) -> dict[str, str]:
    """Return the header of the planted API key."""
    return {"Authorization": f"Bearer {canaries.secrets['api_keys']}"}


def test_no_secret_is_a_plain_text() -> None:
    """A setting named like a secret has a type that hides it, or it would escape these tests."""
    assert set() == exposed()


def test_the_planted_settings_are_valid(planted: Canaries) -> None:
    """Each secret is set, and in no representation of the settings."""
    settings = load_settings(WholeSettings)

    assert planted.secrets.keys() <= settings.model_fields_set
    renditions = (repr(settings), str(settings), settings.model_dump_json(), f"{vars(settings)}")
    assert set() == planted.found_in(*renditions)


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("arguments", [("config",), ("config", "--json"), ("config", "--help")])
def test_no_command_shows_one(
    planted: Canaries,
    cli: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    arguments: tuple[str, ...],
) -> None:
    """Neither the result nor the log has it."""
    monkeypatch.setenv("APP_LOG_FORMAT", form)
    monkeypatch.setenv("APP_LOG_LEVEL", "DEBUG")
    run = cli(*arguments)

    assert 0 == run.code
    assert set() == planted.found_in(run.out, run.err)


@pytest.mark.parametrize(
    "broken",
    [
        BROKEN,
        {"APP_LOG_FILE": "/dev/null/service.log"},
        {"APP_INDEX_PATH": "/dev/null/index.sqlite"},
        {"APP_DEFAULT_MODEL": "nobody:nothing"},
        {"APP_HOST": "192.0.2.1"},
    ],
    ids=lambda broken: next(iter(broken)),
)
def test_no_failed_start_tells_one(
    planted: Canaries, cli: CommandLine, monkeypatch: pytest.MonkeyPatch, broken: dict[str, str]
) -> None:
    """Problems are reported with the values of other variables and without these."""
    for name, value in broken.items():
        monkeypatch.setenv(name, value)
    run = cli("serve", "--port", "0")

    assert run.code in {1, 2}
    assert run.err
    assert set() == planted.found_in(run.out, run.err)


def errors_with(text: str) -> list[Exception]:
    """Return errors of every class that the service answers without the error's own text."""
    made = [
        exceptions.AppError(text),
        exceptions.ConfigError(text),
        exceptions.RetrievalError(text),
        exceptions.LLMError(text),
        exceptions.RateLimitError(text),
        exceptions.InvalidResponseError(response=text, expected="JSON"),
        exceptions.IndexMismatchError({"embedder": (text, "b")}),
        ValueError(text),
        KeyError(text),
        TimeoutError(text),
        ExceptionGroup(text, [OSError(text)]),
    ]
    made[0].add_note(text)
    made[1].__cause__ = ValueError(text)
    return made


@pytest.mark.parametrize("form", ["json", "console"])
async def test_no_error_tells_one(
    planted: Canaries,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    form: str,
) -> None:
    """It is neither in the response, nor in a logged traceback, nor in a stream's last event."""
    log_file = tmp_path / "service.log"
    logged = {"log_format": form, "log_file": log_file, "log_level": "DEBUG"}
    settings = load_settings(WholeSettings).model_copy(update=logged)
    await asyncio.to_thread(configure_logging, settings)
    fakes = Fakes(settings)
    texts: list[str | bytes] = []
    async with open_client(fakes.app()) as client:
        client.headers.update(key_of(planted))
        for error in errors_with(" ".join(planted.secrets.values())):

            async def fail(raised: Exception = error) -> None:
                raise raised

            fakes.retriever.work = fakes.answerer.work = fail
            for path, body in (
                ("/v1/search", SEARCH),
                ("/v1/answer", {"question": "a"}),
                ("/v1/answer", {"question": "a", "stream": True}),
            ):
                response = await client.post(path, json=body)
                assert response.status_code >= 500
                texts.append(response.content)
        structlog.stdlib.get_logger("app").error("dump", **planted.secrets, all=planted.variables)
        texts.append((await client.get("/metrics")).content)
    out, err = capsys.readouterr()
    written = await asyncio.to_thread(log_file.read_text, encoding="utf-8")

    assert "Traceback" in err
    assert "Traceback" in written
    assert set() == planted.found_in(out, err, written, *texts)
