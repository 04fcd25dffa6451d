"""API keys in the kit: comparison, names in the log, and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from pydantic import SecretStr
from starlette.datastructures import Headers
from structlog.testing import capture_logs

from fixtures.asgi import Call, open_client
from fixtures.services import Fakes
from gwkit.http.keys import ApiKeys

if TYPE_CHECKING:
    from fixtures.configuration import MakeSettings


OLD: Final = "old-key-0123456789"


NEW: Final = "new-key-0123456789"


OTHER: Final = "other-key-0123456789"


KEYS: Final = {"reader": OLD, "reader-2": NEW, "writer": OTHER}


SEARCH: Final = {"query": "a"}


def bearer(key: str) -> dict[str, str]:
    """Return the header of a key."""
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def keyed(make_settings: MakeSettings) -> Fakes:
    """Return a service that requires a key."""
    return Fakes(make_settings(api_keys=KEYS, requests_per_minute=3))


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        ({}, "Bearer"),
        ({"Authorization": OLD}, "Bearer"),
        ({"Authorization": f"Basic {OLD}"}, "Bearer"),
        ({"X-API-Key": OLD}, "Bearer"),
        ({"Authorization": "Bearer"}, 'Bearer error="invalid_token"'),
        (bearer(OLD[:-1]), 'Bearer error="invalid_token"'),
        (bearer(OLD.upper()), 'Bearer error="invalid_token"'),
        (bearer(f"{OLD},{NEW}"), 'Bearer error="invalid_token"'),
        (bearer("reader"), 'Bearer error="invalid_token"'),
        (bearer("\xe9" * 20), 'Bearer error="invalid_token"'),
        (bearer("x" * 50_000), 'Bearer error="invalid_token"'),
    ],
)
async def test_no_other_header_is_a_key(
    make_settings: MakeSettings, headers: dict[str, str], challenge: str
) -> None:
    """A missing key and a wrong one get different challenges (RFC 6750, section 3)."""
    keyed = Fakes(make_settings(api_keys=KEYS))
    app = keyed.app()
    app.state.lifecycle.services = keyed.services()
    call = Call("/v1/search", b"{")
    call.headers = {
        name.lower(): value.encode("utf-8").decode("latin-1") for name, value in headers.items()
    }
    await call.of(app)

    answered = {name.decode(): value.decode() for name, value in call.sent[0]["headers"]}
    assert (401, challenge) == (call.status, answered["www-authenticate"])


async def test_the_log_has_the_name_and_never_the_key(keyed: Fakes) -> None:
    """The name tells which of two keys is still in use."""
    async with open_client(keyed.app()) as client:
        with capture_logs() as lines:
            await client.post("/v1/search", json=SEARCH, headers=bearer(NEW))
            await client.post("/v1/search", json=SEARCH, headers=bearer("guess-" + NEW))
            await client.get("/healthz", headers=bearer(NEW))

    served = [line for line in lines if line["event"] == "request_served"]
    assert ["reader-2", None, None] == [line.get("client") for line in served]
    assert NEW not in str(lines)


async def test_each_key_has_an_allowance_and_strangers_share_one(keyed: Fakes) -> None:
    """A client that guesses keys is slowed down, and takes nothing from those who have one."""
    async with open_client(keyed.app()) as client:

        async def search(key: str) -> int:
            response = await client.post("/v1/search", json=SEARCH, headers=bearer(key))
            return response.status_code

        strangers = [await search(f"guess-{number}") for number in range(5)]
        readers = [await search(OLD) for _ in range(4)]
        writers = [await search(OTHER) for _ in range(4)]

    assert [401, 401, 401, 429, 429] == strangers
    assert [200, 200, 200, 429] == readers == writers


async def test_a_websocket_is_closed(keyed: Fakes) -> None:
    """Only requests are checked for keys, so websockets are closed."""
    sent: list[object] = []

    async def send(message: object) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/v1/search", "headers": []}
    await keyed.app()(scope, None, send)  # type: ignore[arg-type]  # nothing is received

    assert [{"type": "websocket.close", "code": 1008}] == sent


async def test_the_keys_are_compared_whole_and_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Digests of equal length are compared in constant time, without stopping at a match."""
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr("gwkit.http.keys.compare_digest", compare)
    keys = ApiKeys({name: SecretStr(key) for name, key in KEYS.items()})
    assert "reader" == await keys(Headers({"authorization": f"Bearer {OLD}"}))
    assert 3 == len(compared)
    assert {32} == {len(digest) for pair in compared for digest in pair}
    assert OLD not in repr(vars(keys))
