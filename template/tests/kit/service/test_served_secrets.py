"""Secrets are found by the types of the settings, and a serving process shows none."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

import httpx2
import pytest
from pydantic import Field, SecretBytes, SecretStr

from app.config.settings import Settings
from fixtures.configuration import WholeSettings
from fixtures.serving import serving
from gwkit.errors import ConfigError
from gwkit.settings.reader import load_settings
from kit.fixtures.canary import Canaries, exposed, plant

SEARCH: Final = {"query": "a"}


class TeamSettings(Settings):
    """Settings that a team may add."""

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
    """Plain, optional, in a mapping, under an alias: a new setting is found by its type."""
    found = plant(TeamSettings)

    assert {"api_keys", "signing_key", "peers", "seal"} <= found.secrets.keys()
    assert "label" not in found.secrets
    assert "SEAL" in found.variables
    assert {"signing_key"} == found.found_in("a", found.secrets["signing_key"].encode())
    assert set() == found.found_in("canary", repr(found.variables.keys()))


class CarelessSettings(Settings):
    """Settings that a team must not add."""

    vendor_key: str = Field(default="", description="A key in plain text.")
    access_token: str | None = Field(default=None, description="A token in plain text.")
    login: str = Field(default="", validation_alias="DB_PASSWORD", description="A hidden one.")
    token_names: list[str] = Field(default=[], description="Tokens in plain text.")
    max_output_tokens: int = Field(default=1, description="No secret.")
    monkey: str = Field(default="", description="No secret.")


def test_what_is_named_like_a_secret_is_one() -> None:
    """The tests, the mask and the redaction would miss a key in plain text."""
    assert set() == exposed()
    assert set() == exposed(TeamSettings)
    assert {"vendor_key", "access_token", "login", "token_names"} == exposed(CarelessSettings)


def test_a_secret_of_the_wrong_form_is_not_told(
    canaries: Canaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even if the secret itself is invalid, or in the wrong variable."""
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
    """Not in its log and log file, its responses, descriptions and metrics, nor its arguments."""
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
