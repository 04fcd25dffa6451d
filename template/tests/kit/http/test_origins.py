"""Requests of a browser for a page of another site are refused: `gwkit.http.limits`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from fixtures.asgi import Call
from fixtures.services import Fakes

if TYPE_CHECKING:
    from fixtures.configuration import MakeSettings

NAMED: dict[str, object] = {"allowed_hosts": ["Answers.example.org"]}
KEYS: dict[str, object] = {"api_keys": {"reader": "a-key-of-many-characters"}}


async def refusal(settings: dict[str, object], make_settings: MakeSettings, **call: object) -> str:
    """Return the code with which a whole application rejects a request, or an empty string."""
    headers = {name.replace("_", "-"): value for name, value in call.items() if name != "method"}
    method = str(call.get("method", "GET"))
    request = Call("/nowhere", method=method, headers={k: str(v) for k, v in headers.items()})
    with capture_logs() as lines:
        app = Fakes(make_settings(**settings)).app()
        async with app.router.lifespan_context(app):
            await request.of(app)
    problem = json.loads(request.answer)
    (served,) = [line for line in lines if line["event"] == "request_served"]
    assert (problem["code"], "127.0.0.1") == (served["code"], served["address"])
    return "" if problem["code"] in {"not_found", "unauthorized"} else str(problem["code"])


@pytest.mark.parametrize(
    ("settings", "host", "code"),
    [
        ({}, "localhost:8000", ""),
        ({}, "LOCALHOST", ""),
        ({}, "127.0.0.1:8000", ""),
        ({}, "[::1]:8000", ""),
        ({}, "", ""),
        ({}, "evil.example:8000", "foreign_host"),
        ({}, "localhost.evil.example", "foreign_host"),
        ({}, "127.0.0.1.evil.example", "foreign_host"),
        ({}, "localhost@evil.example", "foreign_host"),
        ({}, "[evil", "foreign_host"),
        ({}, "answers.example.org", "foreign_host"),
        (NAMED, "answers.example.org:8000", ""),
        (NAMED, "localhost", ""),
        (NAMED, "evil.example", "foreign_host"),
        (KEYS, "evil.example", ""),
        (KEYS | NAMED, "evil.example", "foreign_host"),
        ({"host": "::1"}, "evil.example", "foreign_host"),
        ({"host": "0.0.0.0"}, "evil.example", ""),  # noqa: S104 - only a setting here
        ({"host": "0.0.0.0"} | NAMED, "evil.example", "foreign_host"),  # noqa: S104 - as above
    ],
)
async def test_a_foreign_host_is_refused(
    settings: dict[str, object], host: str, code: str, make_settings: MakeSettings
) -> None:
    """On loopback without keys, and always if hosts are configured; the log has it."""
    assert code == await refusal(settings, make_settings, host=host)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, ""),
        ({"origin": "http://localhost:8000"}, ""),
        ({"origin": "https://answers.example.org"}, ""),
        ({"origin": "http://localhost:3000"}, "forbidden"),
        ({"origin": "https://evil.example"}, "forbidden"),
        ({"origin": "null"}, "forbidden"),
        ({"origin": "http://[evil"}, "forbidden"),
        ({"sec_fetch_site": "none"}, ""),
        ({"sec_fetch_site": "same-origin", "origin": "https://public.example"}, ""),
        ({"sec_fetch_site": "cross-site"}, "forbidden"),
        ({"sec_fetch_site": "same-site", "origin": "http://localhost:3000"}, "forbidden"),
        ({"sec_fetch_site": "cross-site", "origin": "https://answers.example.org"}, ""),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_pages_of_other_sites_change_nothing(
    headers: dict[str, str], code: str, method: str, make_settings: MakeSettings
) -> None:
    """Either header of browsers is enough; programs send none, and CORS covers reading."""
    call = {"method": method, "host": "localhost:8000"} | headers
    expected = "" if method == "GET" else code
    assert expected == await refusal(NAMED, make_settings, **call)


@pytest.mark.parametrize("name", ["https://answers.example.org", "answers.example.org:8000", "*"])
def test_a_host_has_no_port(name: str, make_settings: MakeSettings) -> None:
    """A host has no scheme and no wildcard either: it would never match."""
    with pytest.raises(ValidationError):
        make_settings(allowed_hosts=[name])
