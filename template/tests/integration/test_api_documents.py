"""`/v1/documents`, over fakes for the errors and over a real index for the rest."""

from __future__ import annotations

import errno
import os
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

import pytest
from structlog.testing import capture_logs

from fixtures.asgi import open_client
from fixtures.files import make_pdf
from fixtures.services import Fakes
from gwkit.errors import IngestError, LLMError, UnsupportedTypeError

if TYPE_CHECKING:
    import httpx2

    from fixtures.configuration import MakeSettings

    Part = tuple[str, tuple[str, bytes]]


def part(name: str, data: bytes = b"# Title\n\nSome text.", field: str = "files") -> Part:
    """Return a form part with a file."""
    return (field, (name, data))


def code_of(response: httpx2.Response) -> tuple[int, str]:
    """Return the status and the code of a problem."""
    assert response.headers["content-type"] == "application/problem+json"
    return (response.status_code, response.json()["code"])


@pytest.mark.parametrize("name", [b"", b'; filename=""'])
async def test_a_file_without_a_name_is_told(fakes: Fakes, name: bytes) -> None:
    """The problem names the missing field and its place, for an empty and a missing name."""
    form = b'--x\r\nContent-Disposition: form-data; name="file"%s\r\n\r\ntext\r\n--x--\r\n' % name
    async with open_client(fakes.app()) as client:
        response = await client.post(
            "/v1/documents",
            content=form,
            headers={"content-type": "multipart/form-data; boundary=x"},
        )

    assert (422, "invalid_request") == code_of(response)
    told = response.json()["errors"][0]["msg"]
    assert "a file has no name: send one as its `filename`" == told


@pytest.mark.parametrize(
    ("number", "expected", "event"),
    [
        (errno.ENOSPC, (503, "unavailable"), "upload_not_kept"),
        (errno.ENOENT, (503, "unavailable"), "upload_not_kept"),
        (errno.EIO, (500, "internal_error"), "request_failed"),
    ],
)
async def test_an_upload_that_finds_no_room_is_told_so(
    fakes: Fakes,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    expected: tuple[int, str],
    event: str,
) -> None:
    """A full folder of temporary files is a passing problem; other causes are logged only."""

    def fail(_spool: object, _data: bytes) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(SpooledTemporaryFile, "write", fail)
    with capture_logs() as lines:
        async with open_client(fakes.app()) as client:
            response = await client.post("/v1/documents", files=[part("a.md")])

    assert expected == code_of(response)
    assert (503 == expected[0]) == ("there is no room here" in response.json()["detail"])
    assert [event] == [line["event"] for line in lines if line["log_level"] in {"warning", "error"}]
    assert {} == fakes.pipeline.hashes


async def test_a_document_is_added_changed_listed_found_and_removed(
    live_client: httpx2.AsyncClient,
) -> None:
    """The life of a document, on a real index."""
    guide = b"# Quokkas\n\nA quokka weighs three kilograms."

    added = await live_client.post("/v1/documents", files=[part("quokka.md", guide)])
    again = await live_client.post("/v1/documents", files=[part("quokka.md", guide)])
    changed = await live_client.post(
        "/v1/documents", files=[part("quokka.md", guide + b" Or two.")]
    )
    listed = await live_client.get("/v1/documents", params={"prefix": "quokka"})
    found = await live_client.post("/v1/search", json={"query": "How much does a quokka weigh?"})
    removed = await live_client.delete("/v1/documents/quokka.md")
    gone = await live_client.delete("/v1/documents/quokka.md")

    assert [(201, "added"), (200, "unchanged"), (200, "changed")] == [
        (response.status_code, response.json()["documents"][0]["outcome"])
        for response in (added, again, changed)
    ]
    (entry,) = listed.json()["documents"]
    assert ("quokka.md", 1, 64) == (
        entry["document"],
        entry["chunks"],
        len(entry["content_hash"]),
    )
    assert "quokka.md#0" == found.json()["hits"][0]["chunk"]
    assert (204, b"") == (removed.status_code, removed.content)
    assert (404, "document_not_found") == code_of(gone)


async def test_a_name_with_a_line_break_can_be_removed(fakes: Fakes) -> None:
    """A folder may have such a file, so removing it has to be possible."""
    name = "two\nlines\n.md\n"
    fakes.pipeline.hashes[name] = "hash"
    async with open_client(fakes.app()) as client:
        removed = await client.delete("/v1/documents/two%0Alines%0A.md%0A")

    assert 204 == removed.status_code
    assert {} == fakes.pipeline.hashes


async def test_several_files_are_taken_at_once(fakes: Fakes) -> None:
    """Each file has its outcome, in order, from either of the two fields."""
    fakes.pipeline.hashes["guides/b.md"] = "old"
    files = [part("a.md"), part("b.md"), part("c.md", field="file")]
    async with open_client(fakes.app()) as client:
        response = await client.post("/v1/documents", files=files, data={"prefix": "guides"})

    assert 201 == response.status_code
    assert [
        {"document": "guides/c.md", "outcome": "added"},
        {"document": "guides/a.md", "outcome": "added"},
        {"document": "guides/b.md", "outcome": "changed"},
    ] == response.json()["documents"]


async def test_a_folder_may_stand_in_the_id(fakes: Fakes) -> None:
    """A given id with slashes is listed and removed under that id."""
    async with open_client(fakes.app()) as client:
        await client.post("/v1/documents", files=[part("x")], data={"id": "a/b c/d#1.md"})
        listed = await client.get("/v1/documents")
        removed = await client.delete("/v1/documents/a/b%20c/d%231.md")

    assert ["a/b c/d#1.md"] == [entry["document"] for entry in listed.json()["documents"]]
    assert 204 == removed.status_code


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("../a.md", {}, (422, "unreadable_document")),
        ("/etc/a.md", {}, (422, "unreadable_document")),
        ("a.md", {"id": "a\\b.md"}, (422, "unreadable_document")),
        ("a.md", {"id": "b.md", "prefix": "c"}, (422, "invalid_request")),
        ("a.md", {"idd": "b.md"}, (422, "invalid_request")),
    ],
)
async def test_what_cannot_be_an_id_is_refused(
    name: str, fields: dict[str, str], expected: tuple[int, str], fakes: Fakes
) -> None:
    """The pipeline never gets the file."""
    async with open_client(fakes.app()) as client:
        response = await client.post("/v1/documents", files=[part(name)], data=fields)

    assert expected == code_of(response)
    assert {} == fakes.pipeline.hashes


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (UnsupportedTypeError("bad.md", "no loader reads .exe"), (415, "unsupported_type")),
        (IngestError("bad.md", "it is encrypted"), (422, "unreadable_document")),
        (LLMError("a secret"), (502, "model_failed")),
    ],
)
async def test_a_document_that_fails_is_told(
    error: Exception, expected: tuple[int, str], fakes: Fakes
) -> None:
    """The response is the problem with the reason; the older version is kept."""
    fakes.pipeline.failures["bad.md"] = error
    async with open_client(fakes.app()) as client:
        response = await client.post("/v1/documents", files=[part("a.md"), part("bad.md")])

    assert expected == code_of(response)
    assert expected[0] == 502 or str(error) == response.json()["detail"]
    assert ["a.md"] == list(fakes.pipeline.hashes)


async def test_real_files_that_cannot_be_read_are_told(live_client: httpx2.AsyncClient) -> None:
    """A type without a loader gives 415; a broken file 422 with its name."""
    unsupported = await live_client.post("/v1/documents", files=[part("a.exe", b"MZ")])
    broken = await live_client.post("/v1/documents", files=[part("a.pdf", b"no PDF")])

    assert (415, "unsupported_type") == code_of(unsupported)
    assert (422, "unreadable_document") == code_of(broken)
    assert "a.pdf" in broken.json()["detail"]


@pytest.mark.parametrize("sizes", [(1_001,), (10, 1_001), (200_000,)])
async def test_a_document_above_the_limit_is_refused(
    sizes: tuple[int, ...], make_settings: MakeSettings
) -> None:
    """The size of the file or of the whole body is checked before any document is accepted."""
    fakes = Fakes(make_settings(max_document_bytes=1_000))
    files = [part(f"{number}.md", b"x" * size) for number, size in enumerate(sizes)]
    async with open_client(fakes.app()) as client:
        response = await client.post("/v1/documents", files=files)

    assert (413, "too_large") == code_of(response)
    assert {} == fakes.pipeline.hashes


async def test_a_document_may_be_larger_than_a_json_body(make_settings: MakeSettings) -> None:
    """Uploads have their own limit."""
    fakes = Fakes(make_settings(max_body_bytes=1_000, max_document_bytes=50_000))
    async with open_client(fakes.app()) as client:
        response = await client.post("/v1/documents", files=[part("a.md", b"x" * 50_000)])

    assert 201 == response.status_code


@pytest.mark.parametrize(
    "request_parts",
    [
        {"json": {"files": []}},
        {"data": {"prefix": "a"}},
        {"data": {"files": "a text and no file"}},
        {"content": b"--x\r\nbroken", "headers": {"content-type": "multipart/form-data"}},
        {
            "content": b"--x\r\nbroken",
            "headers": {"content-type": "multipart/form-data; boundary=x"},
        },
    ],
)
async def test_a_body_without_files_is_refused(request_parts: dict[str, Any], fakes: Fakes) -> None:
    """JSON, a form without files, and a broken form have their own messages."""
    async with open_client(fakes.app()) as client:
        response = await client.post("/v1/documents", **request_parts)

    assert code_of(response) in {(422, "invalid_request"), (400, "bad_request")}


async def test_the_list_comes_in_pages(fakes: Fakes) -> None:
    """Following `next` gives every document once, in order, also if some are added meanwhile."""
    fakes.pipeline.hashes |= {f"{number:03}.md": "x" for number in range(25)}
    seen: list[str] = []
    async with open_client(fakes.app()) as client:
        after: str | None = ""
        while after is not None:
            page = (await client.get("/v1/documents", params={"limit": 10, "after": after})).json()
            seen += [entry["document"] for entry in page["documents"]]
            after = page["next"]
            fakes.pipeline.hashes["000a.md"] = "x"

    assert [f"{number:03}.md" for number in range(25)] == seen


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1_001}, {"limit": "x"}])
async def test_a_page_has_bounds(query: dict[str, str], fakes: Fakes) -> None:
    """A limit outside them is rejected."""
    async with open_client(fakes.app()) as client:
        response = await client.get("/v1/documents", params=query)

    assert (422, "invalid_request") == code_of(response)
    assert ["query", "limit"] == response.json()["errors"][0]["loc"]


async def test_an_empty_index_has_an_empty_list(fakes: Fakes) -> None:
    """No documents, and no next page."""
    async with open_client(fakes.app()) as client:
        page = (await client.get("/v1/documents")).json()

    assert ([], None) == (page["documents"], page["next"])


async def test_a_name_is_one_document_in_either_spelling(live_client: httpx2.AsyncClient) -> None:
    """An upload in NFD is listed, searched, replaced and removed in NFC, and vice versa."""
    nfc, nfd = (normalize(form, "Größe.md") for form in ("NFC", "NFD"))
    first = await upload(live_client, nfd, b"The zebra stands in hall three.")
    again = await upload(live_client, nfc, b"The zebra stands in hall four.")
    listed = await live_client.get("/v1/documents", params={"prefix": nfd[:4]})
    query = {"query": "zebra", "filters": {"prefix": nfd}}
    hits = (await live_client.post("/v1/search", json=query)).json()["hits"]
    removed = await live_client.delete(f"/v1/documents/{nfd}")

    assert [(nfc, "added"), (nfc, "changed")] == [first, again]
    assert [nfc] == [each["document"] for each in listed.json()["documents"]]
    assert [nfc] == [hit["document"] for hit in hits]
    assert 204 == removed.status_code


async def upload(client: httpx2.AsyncClient, name: str, data: bytes) -> tuple[str, str]:
    """Upload a file; return its id and outcome."""
    response = await client.post("/v1/documents", files=[part(name, data)])
    (done,) = response.json()["documents"]
    return done["document"], done["outcome"]


async def test_a_document_can_be_read(live_client: httpx2.AsyncClient) -> None:
    """On the real index: all that is known of it, and its passages page by page."""
    pages = ["The first page.\n\n" + "Words. " * 300, "The second page says something."]
    await live_client.post("/v1/documents", files=[part("a/b.pdf", make_pdf(pages, title="B"))])

    whole = (await live_client.get("/v1/documents/a/b.pdf")).json()
    some = (await live_client.get("/v1/documents/a/b.pdf?first=1&limit=1")).json()
    last = whole["chunks"] - 1
    url = f"/v1/documents/a/b.pdf/passages/{last}"
    passage = (await live_client.get(url)).json()

    assert ("a/b.pdf", "B", "") == (whole["document"], whole["title"], whole["incomplete"])
    assert {"type": "pdf", "pages": "2", "title": "B"} == whole["metadata"]
    assert list(range(whole["chunks"])) == [each["number"] for each in whole["passages"]]
    assert whole["passages"][1:2] == some["passages"]
    assert (None, 2) == (whole["next"], some["next"])
    assert (1, f"a/b.pdf#{last}") == (whole["passages"][0]["page"], passage["passage"]["chunk"])
    assert "The second page" in passage["passage"]["text"]
    assert ([last - 1], []) == ([each["number"] for each in passage["before"]], passage["after"])


@pytest.mark.parametrize("path", ["missing.md", "missing.md/passages/0", "a.md/passages/1"])
async def test_what_is_not_there_cannot_be_read(path: str, live_client: httpx2.AsyncClient) -> None:
    """On the real index: neither another document nor a passage beyond the last."""
    await live_client.post("/v1/documents", files=[part("a.md")])

    assert 404 == code_of(await live_client.get(f"/v1/documents/{path}"))[0]
