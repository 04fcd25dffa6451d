"""The page and the description as files: who gets them, from where, and what a browser may do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from app.api import page
from fixtures.asgi import open_client
from fixtures.services import Fakes

if TYPE_CHECKING:
    from fixtures.configuration import MakeSettings

_KEYS = {"reader": SecretStr("a-key-of-sixteen-characters")}
_NAMED = re.compile(r"""(?:src|href|url)(?:=|: )"([^#"]+)""")
_FOLDER = Path(page.__file__).parent
_FILES = [file for file in sorted(_FOLDER.rglob("*")) if file.is_file() and file.suffix != ".pyc"]


async def test_a_browser_gets_the_page_without_a_key(make_settings: MakeSettings) -> None:
    """Every file of the page, and each that a file names, is there; the API still wants a key."""
    paths = {"/", "/docs", *(f"/static/{file.name}" for file in _FILES if "static" in file.parts)}
    for file in _FILES:
        if file.suffix in {".html", ".js"}:
            paths |= {f"/{name}" for name in _NAMED.findall(file.read_text(encoding="utf-8"))}
    async with open_client(Fakes(make_settings(api_keys=_KEYS)).app()) as client:
        statuses = {path: (await client.get(path)).status_code for path in paths}
        locked = await client.get("/v1/documents")

    assert dict.fromkeys(paths, 200) == statuses
    assert {"/static/page.css", "/static/swagger-ui-bundle.js", "/openapi.json"} <= paths
    assert 401 == locked.status_code


async def test_a_browser_may_load_and_run_nothing_else(fakes: Fakes) -> None:
    """Both pages are confined to this service's own files; the page makes markup of no text."""
    async with open_client(fakes.app()) as client:
        front, docs = await client.get("/"), await client.get("/docs")
        script = await client.get("/static/page.js")
        again = await client.get(
            "/static/page.js", headers={"If-None-Match": script.headers["etag"]}
        )

    for response in (front, docs):
        rules = dict(
            rule.split(" ", 1) for rule in response.headers["content-security-policy"].split("; ")
        )
        assert "'none'" == rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"]
        assert "'self'" == rules["script-src"] == rules["connect-src"]
    assert "trusted-types 'none'" in front.headers["content-security-policy"]
    assert "nosniff" == script.headers["x-content-type-options"]
    assert (304, "no-cache") == (again.status_code, again.headers["cache-control"])


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.name)
def test_no_file_names_another_address(file: Path) -> None:
    """The page works where there is no network: the only address is the name of a format."""
    addresses = re.findall(r"\w*://[^\s\"']+|[\"'(]//[^\s\"']+", file.read_text(encoding="utf-8"))

    assert set(addresses) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize(
    ("page_on", "docs_on", "expected"),
    [
        (True, True, (200, "", 200, 200)),
        (True, False, (200, "", 404, 200)),
        (False, True, (307, "docs", 200, 200)),
        (False, False, (404, "", 404, 404)),
    ],
)
async def test_each_page_can_be_switched_off(
    page_on: bool,
    docs_on: bool,
    expected: tuple[int, str, int, int],
    make_settings: MakeSettings,
) -> None:
    """Without the page `/` leads to the description, where that is on; no file stays behind."""
    settings = make_settings(enable_page=page_on, enable_docs=docs_on)
    async with open_client(Fakes(settings).app()) as client:
        front, docs = await client.get("/"), await client.get("/docs")
        file = await client.get("/static/page.js")

    location = front.headers.get("location", "")
    assert expected == (front.status_code, location, docs.status_code, file.status_code)


async def test_a_name_stays_text(make_settings: MakeSettings) -> None:
    """The service's name stands in the page as it was written, whatever it is."""
    settings = make_settings(service_name='<b>"&$streaming', enable_streaming=False)
    async with open_client(Fakes(settings).app()) as client:
        text = (await client.get("/")).text

    assert "<title>&lt;b&gt;&quot;&amp;$streaming</title>" in text
    assert 'data-streaming="false"' in text
