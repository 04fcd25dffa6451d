"""CFG6: a secret that is planted in every setting is in nothing that the service says."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx2
import pytest
import structlog
from pydantic import Field, SecretBytes, SecretStr

from app import exceptions
from app.config.settings import Settings
from fixtures.asgi import open_client
from fixtures.canary import Canaries, exposed, plant
from fixtures.configuration import WholeSettings
from fixtures.services import Fakes
from fixtures.serving import serving
from gwkit.errors import ConfigError
from gwkit.logging.setup import configure_logging
from gwkit.settings.reader import load_settings

if TYPE_CHECKING:
    from fixtures.command_line import CommandLine
    from fixtures.configuration import MakeSettings

SEARCH: Final = {"query": "a"}
BROKEN: Final = {"APP_PORT": "70000", "APP_TOPK": "3", "APP_CHUNK_TOKENS": "many"}


class TeamSettings(Settings):
    """What a team may add."""

    signing_key: SecretStr = Field(description="Signs links.")
    peers: dict[str, SecretStr] | None = Field(default=None, description="Keys of others.")
    seal: SecretBytes | None = Field(default=None, validation_alias="SEAL", description="Seals.")
    label: str = Field(default="", description="No secret.")


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


def test_every_secret_is_planted() -> None:
    """Plain, optional, in a mapping, under another name: a new setting is found by its type."""
    found = plant(TeamSettings)

    assert {"api_keys", "signing_key", "peers", "seal"} <= found.secrets.keys()
    assert "label" not in found.secrets
    assert "SEAL" in found.variables
    assert {"signing_key"} == found.found_in("a", found.secrets["signing_key"].encode())
    assert set() == found.found_in("canary", repr(found.variables.keys()))


class CarelessSettings(Settings):
    """What a team must not add."""

    vendor_key: str = Field(default="", description="A key that everybody sees.")
    access_token: str | None = Field(default=None, description="A token that everybody sees.")
    login: str = Field(default="", validation_alias="DB_PASSWORD", description="A hidden one.")
    token_names: list[str] = Field(default=[], description="Tokens that everybody sees.")
    max_output_tokens: int = Field(default=1, description="No secret.")
    monkey: str = Field(default="", description="No secret.")


def test_what_is_named_like_a_secret_is_one() -> None:
    """A key that is a plain text would escape the canaries, the mask and the redaction."""
    assert set() == exposed()
    assert set() == exposed(TeamSettings)
    assert {"vendor_key", "access_token", "login", "token_names"} == exposed(CarelessSettings)


def test_the_planted_settings_are_valid(planted: Canaries) -> None:
    """Each secret is in force, and in no rendition of the settings."""
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
    """Neither in its result nor in its log."""
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
    """What is wrong is told, with the values of other variables and without these."""
    for name, value in broken.items():
        monkeypatch.setenv(name, value)
    run = cli("serve", "--port", "0")

    assert run.code in {1, 2}
    assert run.err
    assert set() == planted.found_in(run.out, run.err)


def test_a_secret_of_the_wrong_form_is_not_told(
    canaries: Canaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where the secret itself is what is wrong, or stands in the wrong variable."""
    monkeypatch.setenv("APP_API_KEYS", canaries.secrets["api_keys"])
    monkeypatch.setenv("APP_APIKEYS", json.dumps({"x": canaries.secrets["api_keys"]}))
    with pytest.raises(ConfigError) as caught:
        load_settings(WholeSettings)

    assert "APP_API_KEYS" in str(caught.value)
    first = str(caught.value).splitlines()[-1]
    assert set() == canaries.found_in(first)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without a signal")
def test_no_served_process_tells_one(canaries: Canaries, tmp_path: Path) -> None:
    """Not its log and log file, its answers, descriptions and metrics, nor its argument list."""
    log_file = tmp_path / "service.log"
    variables = canaries.variables | {"APP_LOG_FILE": str(log_file), "APP_LOG_LEVEL": "DEBUG"}
    texts: list[str | bytes] = []
    with serving(tmp_path, **variables) as served:
        with httpx2.Client(base_url=served.url) as client:
            for headers in (key_of(canaries), {"Authorization": "Bearer wrong"}, {}):
                client.headers.update(headers)
                for method, path, body in (
                    ("POST", "/v1/search", SEARCH),
                    ("POST", "/v1/answer", {"question": "a"}),
                    ("POST", "/v1/search", {"query": ""}),
                    ("POST", "/v1/answer", {"question": "a", "model": "no:model"}),
                    ("GET", "/v1/documents", None),
                    ("GET", f"/{canaries.secrets['api_keys']}?key=a", None),
                    ("GET", "/metrics", None),
                    ("GET", "/openapi.json", None),
                    ("GET", "/docs", None),
                    ("DELETE", "/v1/documents/none", None),
                ):
                    response = client.request(method, path, json=body)
                    texts += [response.content, str(response.headers)]
                client.headers.clear()
        if sys.platform == "linux":
            texts.append(Path(f"/proc/{served.process.pid}/cmdline").read_bytes())
        served.process.terminate()
        served.process.wait(30)
        logged = [served.log.read_text(encoding="utf-8"), log_file.read_text(encoding="utf-8")]

    assert all("request_served" in log and '"client":"canary"' in log for log in logged)
    assert set() == canaries.found_in(*texts, *logged)


def errors_with(text: str) -> list[Exception]:
    """Return errors of every class that the service answers without the error's own words."""
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
    make_settings: MakeSettings,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    form: str,
) -> None:
    """Neither to the caller, nor in the traceback of the log, nor in a stream's last event."""
    log_file = tmp_path / "service.log"
    settings = make_settings(log_format=form, log_file=log_file, log_level="DEBUG")
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
