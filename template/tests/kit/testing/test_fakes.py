"""The fakes of the API's tests behave like the real parts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pytest
from starlette.responses import JSONResponse

from app.graph.state import Answer, Question
from app.ingestion.preparation import Outcome
from fixtures.asgi import Call, Event, events
from fixtures.embedder import FakeEmbedder
from fixtures.services import ANSWER, HIT, FakeAnswerer, FakeIndex, FakePipeline, FakeRetriever
from gwkit.errors import DocumentNotFoundError

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send


async def test_the_fake_pipeline_knows_what_is_new() -> None:
    """Added, unchanged, changed; removed only once; a planned failure changes nothing."""
    pipeline = FakePipeline()
    pipeline.failures["bad.md"] = ValueError("planted")

    outcomes = [await pipeline.ingest_upload("a.md", data) for data in (b"1", b"1", b"2")]
    with pytest.raises(ValueError, match="planted"):
        await pipeline.ingest_upload("bad.md", b"1")

    assert [Outcome.ADDED, Outcome.UNCHANGED, Outcome.CHANGED] == outcomes
    assert ["a.md"] == list(pipeline.hashes)
    await pipeline.remove("a.md")
    with pytest.raises(DocumentNotFoundError):
        await pipeline.remove("a.md")


async def test_the_fake_index_lists_what_the_pipeline_took() -> None:
    """Sorted by id, and only below the prefix."""
    pipeline = FakePipeline()
    for name in ("b/2.md", "a/1.md", "b/1.md"):
        await pipeline.ingest_upload(name, b"x")

    index = FakeIndex(pipeline)

    assert ["a/1.md", "b/1.md", "b/2.md"] == [entry.document for entry in await index.documents()]
    assert ["b/1.md", "b/2.md"] == [entry.document for entry in await index.documents("b/")]


async def test_the_fake_answerer_streams_what_it_answers() -> None:
    """The pieces make up the text, and the whole answer comes last."""
    answerer, question = FakeAnswerer(), Question(question="a")

    *pieces, last = [piece async for piece in answerer.stream(question)]

    assert ANSWER == last == await answerer.answer(question)
    assert ANSWER.answer == "".join(piece.text for piece in pieces if not isinstance(piece, Answer))
    assert [question, question] == answerer.questions


async def test_the_fake_retriever_remembers() -> None:
    """The requests that it got are there to be looked at."""
    retriever = FakeRetriever()

    assert [HIT] == await retriever.search("a", k=2)
    assert [("a", 2)] == [search[:2] for search in retriever.searches]


async def test_a_call_is_made_in_pieces_and_waits_for_its_caller() -> None:
    """The body arrives in its pieces, then only the end of the connection."""
    received: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while not received or received[-1]["type"] != "http.disconnect":
            received.append(await receive())
        await JSONResponse({})(scope, receive, send)

    call = Call("/", b"abcdef", pieces=3)
    made = asyncio.create_task(call.of(app))
    await asyncio.sleep(0)
    assert [b"ab", b"cd", b"ef"] == [message["body"] for message in received]
    assert [True, True, False] == [message["more_body"] for message in received]
    assert not made.done()
    call.hang_up.set()
    await made

    assert "http.disconnect" == received[-1]["type"]
    assert (200, b"{}", True) == (call.status, call.answer, call.complete)


def test_events_are_read_as_a_client_reads_them() -> None:
    """Name and data of each block; nothing for an empty body."""
    assert [Event("a", {"x": 1}), Event("b", {})] == events(
        'event: a\ndata: {"x":1}\n\nevent: b\ndata: {}\n\n'
    )
    assert [] == events("")


async def test_the_fake_embedder_embeds_words() -> None:
    """The fake is deterministic, ignores order, and has a zero vector for empty text."""
    embedder = FakeEmbedder(dimension=8)

    batch = await embedder.embed_documents(["a b", "b a", ""])

    assert (3, 8) == batch.shape
    assert np.array_equal(batch[0], batch[1])
    assert [1, 1, 0] == pytest.approx(np.linalg.norm(batch, axis=1).tolist())
    assert ["a b", "b a", ""] == embedder.embedded
