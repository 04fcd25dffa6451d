"""Requests without meaning for any route: a clear rejection, never a 5xx."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from fixtures.asgi import Call, open_client
from fixtures.services import Fakes

if TYPE_CHECKING:
    import httpx2
    from fastapi import FastAPI

    from fixtures.configuration import MakeSettings


DEEP: Final = 10_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b'{"query": "a"} trailing',
        b"{'query': 'a'}",
        b'{"query": "a", }',
        b"\xff\xfe{\x00}\x00",
        b'\xef\xbb\xbf{"query": "\xff"}',
        b"null",
        b"[]",
        b'"query"',
        b"1e999",
        b'{"query": null}',
        b'{"query": ["a"]}',
        b'{"query": {"a": "b"}}',
        b'{"query": "a", "k": 1e400}',
        b'{"query": "a", "k": NaN}',
        b'{"query": "a", "k": -Infinity}',
        b'{"query": "a", "k": ' + b"9" * 5_000 + b"}",
        b'{"query": "a", "k": 2.5}',
        b'{"query": "a", "k": true}',
        b'{"query": "a", "k": "3"}',
        b'{"query": "a", "mode": "both"}',
        b'{"query": "a", "filters": []}',
        b'{"query": "a", "filters": {"metadata": {"a": 1}}}',
        b'{"query": "a", "unknown": 1}',
        b'{"query": "a", "__proto__": {"k": 1}}',
        b'{"query": "a", "\\ud800": 1}',
        b'{"query": "a", "k": 1, "k": 0}',
        b"[" * DEEP,
        b"[" * DEEP + b"]" * DEEP,
        b'{"query":' * DEEP + b"1" + b"}" * DEEP,
        b'{"query": "a", "filters": {"metadata": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}}",
    ],
    ids=lambda body: body[:40],
)
async def test_what_is_no_search_is_refused(fakes: Fakes, body: bytes) -> None:
    """The response is a short problem, and nothing is searched."""
    call = Call("/v1/search", body)
    await call.of(started(fakes))

    assert call.status in {400, 422}
    problem = json.loads(call.answer)
    assert (call.status, {400: "bad_request", 422: "invalid_request"}[call.status]) == (
        problem["status"],
        problem["code"],
    )
    assert len(call.answer) < 2_000
    assert [] == fakes.retriever.searches


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/xml", "nonsense", "é/ü"],
)
async def test_another_content_type_is_refused(fakes: Fakes, content_type: str) -> None:
    """A browser's form cannot send a question."""
    call = Call("/v1/search", b'{"query": "a"}', headers={"content-type": content_type})
    await call.of(started(fakes))

    problem = json.loads(call.answer)
    assert (422, ["body"]) == (call.status, problem["errors"][0]["loc"])
    assert "set the header `Content-Type: application/json`" in problem["errors"][0]["msg"]
    assert [] == fakes.retriever.searches


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"query": "\xff"}', "the body is not UTF-8"),
        (b"[" * DEEP, "nested too deeply"),
        (b'{"query": "a", "k": ' + b"9" * 5_000 + b"}", "too many digits"),
        (b'{"query": ', "not valid JSON: Expecting value"),
    ],
    ids=["not UTF-8", "deep", "a long number", "no JSON"],
)
async def test_a_body_that_cannot_be_read_is_told_why(fakes: Fakes, body: bytes, told: str) -> None:
    """The problem has the reason."""
    call = Call("/v1/search", body)
    await call.of(started(fakes))

    assert told in call.answer.decode()


@pytest.mark.parametrize(
    "text", ["\ud800", "a\udfffb", "\x00", "\u202e", "\ufeff", "🎉" * 100, "a\u0301" * 500]
)
@pytest.mark.parametrize(("path", "field"), [("answer", "question"), ("search", "query")])
async def test_odd_characters_are_text(
    live_client: httpx2.AsyncClient, path: str, field: str, text: str
) -> None:
    """A text that JSON can hold is searched for, or refused, and comes back as it went in."""
    body = json.dumps({field: f"upload {text}"}).encode()
    response = await live_client.post(
        f"/v1/{path}", content=body, headers={"content-type": "application/json"}
    )

    assert response.status_code in {200, 422}
    response.json()


@pytest.mark.parametrize(
    "path",
    [
        "../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "..%252f..%252fetc%252fpasswd",
        "..%5c..%5cwindows",
        "..\\..\\windows",
        "%2e%2e/%2e%2e/etc/passwd",
        "....//....//etc/passwd",
        "/etc/passwd",
        "C:%5cWindows",
        "a/%00.md",
        "%ff%fe",
        "%c0%ae%c0%ae/",
        "%ed%a0%80",
        "~root/.ssh",
        "%",
        "%zz",
        "a" * 5_000,
        "%0d%0aSet-Cookie:%20a=b",
        "",
    ],
)
async def test_an_id_that_is_none_finds_nothing(
    live_client: httpx2.AsyncClient, live_app: FastAPI, path: str
) -> None:
    """Ids are names in the index, not paths; no encoding of them removes anything."""
    before = (await live_client.get("/v1/documents")).json()["documents"]
    call = Call(f"/v1/documents/{path}", method="DELETE")
    await call.of(live_app)
    response = await live_client.request("DELETE", f"http://localhost/v1/documents/{path}")

    assert call.status in {404, 405, 422}
    assert response.status_code in {404, 405, 422}
    assert "set-cookie" not in response.headers
    assert before == (await live_client.get("/v1/documents")).json()["documents"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/healthz", 405),
        ("OPTIONS", "/v1/search", 405),
        ("TRACE", "/v1/search", 405),
        ("BREW", "/v1/search", 405),
        ("GET", "/nowhere/%ff", 404),
        ("GET", "/v1/documents?limit=1e3", 422),
        ("GET", "/v1/documents?limit=" + "9" * 5_000, 422),
        ("GET", "/v1/documents?prefix=%ff%00&after=%ed%a0%80", 200),
        ("GET", "/v1/documents?unknown=1&limit=1&limit=2", 200),
        ("GET", "/v1/documents?prefix=" + "a" * 2_000, 422),
    ],
)
async def test_odd_methods_and_queries(
    live_client: httpx2.AsyncClient, method: str, path: str, status: int
) -> None:
    """Each has its status, and 405 lists the methods of the path."""
    response = await live_client.request(method, path)

    assert status == response.status_code
    if status == 405:
        assert response.headers["allow"] == ("GET" if path == "/healthz" else "POST")
    both = await live_client.request("PUT", "/v1/documents")
    assert "GET, POST" == both.headers["allow"]


@pytest.mark.parametrize(
    "headers",
    [
        {"x-request-id": "a\tb"},
        {"accept": "x" * 50_000},
        {"content-encoding": "gzip"},
        {"range": "bytes=0-1"},
        {"x-forwarded-for": "a" * 10_000},
    ],
)
async def test_odd_headers_change_nothing(fakes: Fakes, headers: dict[str, str]) -> None:
    """Headers and parameters that the service does not read do no harm."""
    async with open_client(fakes.app()) as client:
        response = await client.post("/v1/search", json={"query": "a"}, headers=headers)

    assert 200 == response.status_code


async def test_many_fields_get_a_short_reply(make_settings: MakeSettings) -> None:
    """A body full of unknown fields gets as short an error as one of them."""
    body = json.dumps({f"field {number}": number for number in range(30_000)}).encode()
    call = Call("/v1/search", body)
    await call.of(started(Fakes(make_settings())))

    assert 422 == call.status
    assert len(call.answer) < 10_000


def started(fakes: Fakes) -> FastAPI:
    """Return an application that is marked as started."""
    app = fakes.app()
    app.state.lifecycle.services = fakes.services()
    return app


def message(response: httpx2.Response) -> str:
    """Return the message of a problem's first error."""
    return f"{response.json()['errors'][0]['msg']}"


@pytest.mark.parametrize("text", ["", " ", "\t\r\n", "\u2003\u00a0", "\x1c\x1d\x1e\x1f", "\x85"])
@pytest.mark.parametrize(("path", "field"), [("answer", "question"), ("search", "query")])
async def test_a_blank_text_is_refused(fakes: Fakes, path: str, field: str, text: str) -> None:
    """Characters that Python or Unicode takes for space are no question."""
    async with open_client(fakes.app()) as client:
        response = await client.post(f"/v1/{path}", json={field: text})

    assert (422, "invalid_request") == (response.status_code, response.json()["code"])
    assert "at least 1 character" in message(response)


@pytest.mark.parametrize(("path", "field"), [("answer", "question"), ("search", "query")])
async def test_a_text_may_have_so_many_characters(fakes: Fakes, path: str, field: str) -> None:
    """100,000 are accepted; for 200,000 the error has the limit and not the text."""
    async with open_client(fakes.app()) as client:
        taken = await client.post(f"/v1/{path}", json={field: "a " * 50_000})
        refused = await client.post(f"/v1/{path}", json={field: "a " * 100_000})

    assert [200, 422] == [taken.status_code, refused.status_code]
    assert "at most 100000 characters" in message(refused)
    assert len(refused.content) < 1_000


@pytest.mark.parametrize(
    "document_id",
    ["../a.md", "a/../../b.md", "/etc/a.md", "..\\a.md", "a\x00.md", ".", "..", "a//b.md"],
)
async def test_an_id_that_climbs_is_not_taken(
    live_client: httpx2.AsyncClient, document_id: str
) -> None:
    """Neither the id, nor a file's name, nor the prefix can leave the folder."""
    before = (await live_client.get("/v1/documents")).json()["documents"]
    file = {"file": ("a.md", b"# A\n\nText.")}
    responses = [
        await live_client.post("/v1/documents", data={"id": document_id}, files=file),
        await live_client.post("/v1/documents", data={"prefix": f"{document_id}/.."}, files=file),
    ]

    assert {422} == {response.status_code for response in responses}
    assert before == (await live_client.get("/v1/documents")).json()["documents"]


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"question": ' + b"9" * 5_000 + b"}", b"\xff"])
async def test_a_body_that_is_made_to_hurt_is_refused(body: bytes, fakes: Fakes) -> None:
    """Deep nesting, endless numbers and broken text are the caller's error."""
    async with open_client(fakes.app()) as client:
        response = await client.post(
            "/v1/answer", content=body, headers={"content-type": "application/json"}
        )

    assert 400 <= response.status_code < 500
    assert "application/problem+json" == response.headers["content-type"]
