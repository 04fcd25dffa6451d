"""API keys: accepted keys, log, and rejection at start."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest
from pydantic import ValidationError

from fixtures.asgi import Call, open_client
from fixtures.configuration import WholeSettings
from fixtures.services import Fakes
from gwkit.errors import ConfigError
from gwkit.http.server import listen
from gwkit.settings.reader import load_settings

if TYPE_CHECKING:
    from fixtures.command_line import CommandLine
    from fixtures.configuration import MakeSettings


OLD: Final = "old-key-0123456789"


NEW: Final = "new-key-0123456789"


OTHER: Final = "other-key-0123456789"


KEYS: Final = {"reader": OLD, "reader-2": NEW, "writer": OTHER}


SEARCH: Final = {"query": "a"}


def bearer(key: str) -> dict[str, str]:
    """Return the header of a key."""
    return {"Authorization": f"Bearer {key}"}


pytestmark = pytest.mark.usefixtures("no_refill")


@pytest.fixture
def keyed(make_settings: MakeSettings) -> Fakes:
    """Return a service that requires a key."""
    return Fakes(make_settings(api_keys=KEYS, requests_per_minute=3))


@pytest.mark.parametrize("key", [OLD, NEW, OTHER])
async def test_every_key_that_is_in_force_gets_in(keyed: Fakes, key: str) -> None:
    """A user can have two keys at a time, to change them without downtime."""
    async with open_client(keyed.app()) as client:
        response = await client.post("/v1/search", json=SEARCH, headers=bearer(key))

    assert 200 == response.status_code


@pytest.mark.parametrize("path", ["/v1/search", "/v1/documents", "/metrics", "/nowhere"])
async def test_nobody_else_does(keyed: Fakes, path: str) -> None:
    """The response is a 401 as in RFC 9457 and RFC 6750, before body and route are read."""
    app = keyed.app()
    app.state.lifecycle.services = keyed.services()
    for headers, challenge in (
        ({}, "Bearer"),
        ({"authorization": f"Bearer {OLD[:-1]}"}, 'Bearer error="invalid_token"'),
    ):
        call = Call(path, b"{", headers=headers)
        await call.of(app)

        problem = json.loads(call.answer)
        answered = {name.decode(): value.decode() for name, value in call.sent[0]["headers"]}
        assert (401, "unauthorized") == (call.status, problem["code"])
        assert challenge == answered["www-authenticate"]
        assert problem["request_id"] == answered["x-request-id"]


async def test_probes_and_the_description_need_no_key(keyed: Fakes) -> None:
    """An orchestrator and a browser have no key."""
    async with open_client(keyed.app()) as client:
        statuses = [
            (await client.get(path)).status_code
            for path in ("/healthz", "/readyz", "/docs", "/openapi.json")
        ]

    assert [200] * 4 == statuses


async def test_metrics_may_be_public(make_settings: MakeSettings) -> None:
    """If the operator allows it, a scraper needs no key either."""
    fakes = Fakes(make_settings(api_keys=KEYS, public_metrics=True))
    async with open_client(fakes.app()) as client:
        response = await client.get("/metrics")

    assert 200 == response.status_code


async def test_the_description_says_how_a_key_is_sent(keyed: Fakes, fakes: Fakes) -> None:
    """A generated client sends the key exactly if it is required."""
    described, open_ = keyed.app().openapi(), fakes.app().openapi()

    assert [{"apiKey": []}] == described["paths"]["/v1/search"]["post"]["security"]
    assert "401" in described["paths"]["/metrics"]["get"]["responses"]
    assert "security" not in described["paths"]["/healthz"]["get"]
    assert {"type": "http", "scheme": "bearer"} == described["components"]["securitySchemes"][
        "apiKey"
    ]
    assert "401" not in str(open_)
    assert "securitySchemes" not in open_["components"]


async def test_the_description_can_be_switched_off(make_settings: MakeSettings) -> None:
    """Neither the page, which loads scripts from elsewhere, nor the document exists."""
    async with open_client(Fakes(make_settings(enable_docs=False)).app()) as client:
        statuses = [(await client.get(path)).status_code for path in ("/docs", "/openapi.json")]

    assert [404, 404] == statuses


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"reader": "short-secret"}, "key 1 has less than 16 characters"),
        ({"a": OLD, "b": "shorter-secret"}, "key 2 has less than 16 characters"),
        ({"reader": "with space secret-key"}, "key 1 has a character other than ASCII, or a space"),
        ({"reader": "sécret-key-0123456789"}, "key 1 has a character other than ASCII"),
        ({"a": OLD, "b": OLD}, "key 2 has another name already"),
        ({"Reader_1": OLD}, "name 1 must be 1 to 40 lower-case letters, digits and hyphens"),
        ({OLD + "_": "reader"}, "name 1 must be"),
        ({"": OLD}, "name 1 must be"),
    ],
)
def test_a_weak_key_stops_the_start_and_is_not_told(
    keys: dict[str, str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The problem names the position only: names may have been swapped with keys."""
    monkeypatch.setenv("APP_API_KEYS", json.dumps(keys))
    with pytest.raises(ConfigError) as caught:
        load_settings(WholeSettings)

    assert problem in str(caught.value)
    told = str(caught.value)
    assert not [text for text in (*keys, *keys.values()) if len(text) > 10 and text in told]


def test_keys_in_another_form_stop_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list or plain text is not a mapping, and the message does not repeat it."""
    for text in (f"reader:{OLD}", f'["{OLD}"]', f'{{"reader": ["{OLD}"]}}', OLD):
        monkeypatch.setenv("APP_API_KEYS", text)
        with pytest.raises(ConfigError, match="APP_API_KEYS") as caught:
            load_settings(WholeSettings)
        assert OLD not in str(caught.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "localhost.example"])  # noqa: S104 - refused
def test_the_service_does_not_listen_beyond_this_machine_without_a_key(
    host: str, make_settings: MakeSettings, cli: CommandLine
) -> None:
    """It is a settings error, unless the settings name another authentication."""
    with pytest.raises(ConfigError, match="APP_ALLOW_UNAUTHENTICATED"):
        listen(make_settings(host=host, port=0))
    run = cli("serve", "--host", host, "--port", "0")

    assert 2 == run.code
    assert "APP_API_KEYS" in run.err


@pytest.mark.parametrize("network", ["proxy", "10.0.0.1/8", "*", ""])
def test_a_proxy_is_trusted_by_its_network(network: str, make_settings: MakeSettings) -> None:
    """A name, a wild card, or a network with bits beyond its mask is a mistake."""
    with pytest.raises(ValidationError):
        make_settings(trusted_proxies=[network])
