"""A parser process serves requests until they end; here without a process."""

from __future__ import annotations

import io
import resource

import pytest

from app.ingestion.loaders import Loaded, LoaderRegistry
from gwkit.errors import IngestError
from gwkit.parsing import worker
from gwkit.parsing.pool import decode_reply
from gwkit.parsing.transport import read_frame, write_frame


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, tuple[int, int]]]:
    """Return the limits, none of which is applied."""
    asked: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda kind, pair: asked.append((kind, pair)))
    return asked


def replies(*requests: tuple[str, bytes], most: int = 1_000) -> list[bytes | None]:
    """Return the replies to documents."""
    given, replied = io.BytesIO(), io.BytesIO()
    for document, data in requests:
        write_frame(given, document.encode())
        write_frame(given, data)
    given.seek(0)
    worker.serve(LoaderRegistry(), given, replied, 5.0, most)
    replied.seek(0)
    return [read_frame(replied) for _ in range(len(requests) + 1)]


def test_documents_are_loaded_one_after_the_other(limits: list[object]) -> None:
    """Each gets its reply, and its own time."""
    good, bad, end = replies(("a.html", b"<p>text"), ("b.html", b"\xff"))

    assert good is not None
    assert "text" == decode_reply("a.html", good).blocks[0].text
    assert bad is not None
    with pytest.raises(IngestError, match=r"b\.html: is not valid UTF-8"):
        decode_reply("b.html", bad)
    assert end is None
    assert [resource.RLIMIT_CPU] * 2 == [limit[0] for limit in limits]  # type: ignore[index]  # a pair


@pytest.mark.usefixtures("limits")
def test_a_document_may_not_hold_more_text_than_is_allowed() -> None:
    """A small file may unpack to any size."""
    (reply, _) = replies(("a.html", "é".encode() * 6), most=11)

    assert reply is not None
    with pytest.raises(IngestError, match=r"12 bytes of text and 11 are allowed"):
        decode_reply("a.html", reply)


@pytest.mark.usefixtures("limits")
@pytest.mark.parametrize("where", ["parser", "registry"])
def test_want_of_memory_is_told_apart(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """The reason names the setting, for any place of the failure."""

    def load(_: LoaderRegistry, document: str, __: bytes) -> Loaded:
        if where == "registry":
            raise MemoryError
        raise IngestError(document, "cannot be parsed") from MemoryError()

    monkeypatch.setattr(LoaderRegistry, "load", load)
    (reply, _) = replies(("a.pdf", b"%PDF-"))

    assert reply is not None
    with pytest.raises(IngestError, match="APP_PARSE_MEMORY_BYTES"):
        decode_reply("a.pdf", reply)
