"""Requests that make no sense, over the whole application: a clear refusal, and never a 5xx."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.asgi import open_client

if TYPE_CHECKING:
    import httpx2

    from fixtures.services import Fakes


def message(response: httpx2.Response) -> str:
    """Return what the first error of a problem says."""
    return f"{response.json()['errors'][0]['msg']}"


@pytest.mark.parametrize("text", ["", " ", "\t\r\n", "\u2003\u00a0", "\x1c\x1d\x1e\x1f", "\x85"])
@pytest.mark.parametrize(("path", "field"), [("answer", "question"), ("search", "query")])
async def test_a_blank_text_is_refused(fakes: Fakes, path: str, field: str, text: str) -> None:
    """Whatever Python or Unicode takes for space is no question."""
    async with open_client(fakes.app()) as client:
        response = await client.post(f"/v1/{path}", json={field: text})

    assert (422, "invalid_request") == (response.status_code, response.json()["code"])
    assert "at least 1 character" in message(response)


@pytest.mark.parametrize(("path", "field"), [("answer", "question"), ("search", "query")])
async def test_a_text_may_have_so_many_characters(fakes: Fakes, path: str, field: str) -> None:
    """100,000 pass, and of 200,000 the answer says what the bound is and not the text."""
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
    """Neither as the id, nor as a file's name, nor through the prefix."""
    before = (await live_client.get("/v1/documents")).json()["documents"]
    file = {"file": ("a.md", b"# A\n\nText.")}
    responses = [
        await live_client.post("/v1/documents", data={"id": document_id}, files=file),
        await live_client.post("/v1/documents", data={"prefix": f"{document_id}/.."}, files=file),
    ]

    assert {422} == {response.status_code for response in responses}
    assert before == (await live_client.get("/v1/documents")).json()["documents"]
