"""Hostile requests against the whole service: it serves others meanwhile, and stops on request."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from itertools import islice, product
from threading import Event
from typing import TYPE_CHECKING, Final

import httpx2
import pytest

from app.graph import answering
from app.ingestion.preparation import DocumentWriter
from app.retrieval.retriever import Retriever
from app.wiring import create_app
from fixtures.asgi import open_client
from fixtures.configuration import REGISTRY
from fixtures.serving import serving
from gwkit.errors import RetrievalError
from gwkit.index.sqlite.connections import Connections
from gwkit.offline import extractive

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.configuration import MakeSettings

TEXT: Final = b"A parcel waits for three days."
UPLOAD: Final = ("/v1/documents", {"files": {"file": ("a.txt", TEXT)}})
ASK: Final = ("/v1/answer", {"json": {"question": "How long does a parcel wait?"}})
SEARCH: Final = ("/v1/search", {"json": {"query": "parcel"}})


@pytest.mark.parametrize(
    ("where", "name", "request_"),
    [
        (DocumentWriter, "read_upload", UPLOAD),
        (Retriever, "_second_look", SEARCH),
        (answering, "check_evidence", ASK),
        (extractive, "_reply_text", ASK),
    ],
)
async def test_the_loop_answers_meanwhile(
    where: object,
    name: str,
    request_: tuple[str, dict[str, object]],
    make_settings: MakeSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Work on a caller's text does not hold the event loop."""
    async with open_client(create_app(make_settings(), REGISTRY)) as client:
        await client.post("/v1/documents", files={"file": ("b.txt", TEXT)})
        started, release = Event(), Event()
        work = getattr(where, name)

        def held(*args: object, **kwargs: object) -> object:
            started.set()
            assert release.wait(30)
            return work(*args, **kwargs)

        monkeypatch.setattr(where, name, held)
        path, arguments = request_
        running = asyncio.create_task(client.post(path, **arguments))  # type: ignore[arg-type]  # any
        await asyncio.to_thread(started.wait, 30)
        probe = await client.get("/healthz")
        assert not running.done()
        release.set()

        assert 200 == probe.status_code
        assert (await running).is_success


async def test_a_search_ends_when_its_caller_has_gone(tmp_path: Path) -> None:
    """SQLite is interrupted, and its thread is available for the next search."""
    connections = Connections(tmp_path / "index.sqlite")
    await connections.write(lambda connection: connection.execute("CREATE TABLE t (x)"))
    started, ended = Event(), []

    def endless(connection: sqlite3.Connection) -> None:
        started.set()
        try:
            connection.execute(
                "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
                "SELECT count(*) FROM n"
            ).fetchone()
        except sqlite3.OperationalError as exc:
            ended.append(str(exc))
            raise

    search = asyncio.create_task(connections.read(endless))
    await asyncio.to_thread(started.wait)
    search.cancel()
    with pytest.raises(asyncio.CancelledError):
        await search

    assert (0,) == await connections.read(
        lambda connection: connection.execute("SELECT count(*) FROM t").fetchone()
    )
    await connections.close()
    assert ["interrupted"] == ended
    with pytest.raises(RetrievalError):
        await connections.read(endless)


def test_crafted_questions_do_not_outlive_the_stop(tmp_path: Path) -> None:
    """Many unknown words against a document of similar words: SIGTERM ends the process."""
    words = ["q" + "".join(end) for end in islice(product("abcdefgh", repeat=7), 8_000)]
    document = tmp_path / "documents" / "a.txt"
    document.parent.mkdir()
    document.write_text("\n\n".join(" ".join(words[at : at + 80]) for at in range(0, 8_000, 80)))
    question = words[0] + " " + " ".join(f"{word}z" for word in words)
    with serving(tmp_path, "--with-samples", APP_SAMPLES_PATH=str(document.parent)) as served:

        async def attack() -> int:
            async with httpx2.AsyncClient(base_url=served.url, timeout=60) as client:
                body = {"question": question, "top_k": 100}
                asked = [
                    asyncio.create_task(client.post("/v1/answer", json=body)) for _ in range(8)
                ]
                await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
                served.process.send_signal(signal.SIGTERM)
                await asyncio.gather(*asked, return_exceptions=True)
            return await asyncio.to_thread(served.process.wait, 90)

        assert 0 == asyncio.run(attack())
