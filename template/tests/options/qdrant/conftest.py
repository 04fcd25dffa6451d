"""A server that speaks Qdrant's REST protocol over Qdrant's own local mode, in memory.

It shows what the local mode cannot: requests over HTTP, several clients, broken connections. What
it does with the points is the vendor's code, but not that of the server.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, TypeAdapter
from qdrant_client import AsyncQdrantClient, models

if TYPE_CHECKING:
    from collections.abc import Iterator


Body = dict[str, Any]

_DONE = {"operation_id": 0, "status": "completed"}


class QdrantStandIn:
    """The stand-in; `fail_next` breaks so many of the next writes of points."""

    def __init__(self) -> None:
        self.url = ""
        self.fail_next = 0
        self._client = AsyncQdrantClient(":memory:", force_disable_check_same_thread=True)

    def application(self) -> FastAPI:
        """Return the application."""
        app = FastAPI()

        @app.api_route("/{path:path}", methods=["GET", "PUT", "POST", "DELETE"])
        async def answer(path: str, request: Request) -> Response:
            body = await request.json() if await request.body() else {}
            parts = path.split("/")
            if request.method == "PUT" and parts[-1] == "points" and self.fail_next:
                self.fail_next -= 1
                return Response(status_code=503)
            try:
                result = await self._answer(request.method, parts, body)
            except ValueError as exc:
                return JSONResponse({"status": {"error": str(exc)}}, status_code=404)
            return JSONResponse({"result": result, "status": "ok", "time": 0.0})

        return app

    async def _answer(self, method: str, parts: list[str], body: Body) -> object:
        client = self._client
        match method, *parts:
            case "GET", "aliases":
                return _json(await client.get_aliases())
            case "POST", "collections", "aliases":
                actions = TypeAdapter(list[models.AliasOperations]).validate_python(body["actions"])
                return await client.update_collection_aliases(actions)
            case "PUT", "collections", _, "index":
                return _DONE
            case _, "collections", name, "points", *rest:
                return await self._points(name, "/".join([method, *rest]), body)
            case _, "collections", name, *_:
                return await self._collection(name, method, body)
            case _:
                raise ValueError(f"{method} {parts}")

    async def _collection(self, name: str, method: str, body: Body) -> object:
        if method == "GET":
            return {"exists": await self._client.collection_exists(name)}
        if method == "DELETE":
            return await self._client.delete_collection(name)
        made = models.CreateCollection.model_validate(body)
        return await self._client.create_collection(
            name, vectors_config=made.vectors, sparse_vectors_config=made.sparse_vectors
        )

    async def _points(self, name: str, what: str, body: Body) -> object:
        client = self._client
        match what:
            case "PUT":
                asked = models.PointsList.model_validate(body)
                await client.upsert(name, asked.points, update_filter=asked.update_filter)
            case "POST/delete":
                selector = TypeAdapter(models.PointsSelector).validate_python(body)
                await client.delete(name, selector)
            case "POST/payload":
                change = models.SetPayload.model_validate(body)
                await client.set_payload(name, change.payload, change.points or change.filter or [])
            case _:
                return await self._read(name, what, body)
        return _DONE

    async def _read(self, name: str, what: str, body: Body) -> object:
        client = self._client
        match what:
            case "POST":
                asked = models.PointRequest.model_validate(body)
                vectors = asked.with_vector or False
                records = await client.retrieve(name, asked.ids, with_vectors=vectors)
                return list(map(_json, records))
            case "POST/scroll":
                page = models.ScrollRequest.model_validate(body)
                records, offset = await client.scroll(
                    name,
                    scroll_filter=page.filter,
                    limit=page.limit or 10,
                    offset=page.offset,
                    with_vectors=page.with_vector or False,
                )
                return {"points": list(map(_json, records)), "next_page_offset": offset}
            case "POST/query/batch":
                batch = models.QueryRequestBatch.model_validate(body)
                return list(map(_json, await client.query_batch_points(name, batch.searches)))
            case _:
                raise ValueError(what)


def _json(value: BaseModel) -> object:
    return value.model_dump(mode="json")


@pytest.fixture(scope="session")
def qdrant_server() -> Iterator[QdrantStandIn]:
    """Yield the stand-in, running."""
    stand_in = QdrantStandIn()
    config = uvicorn.Config(stand_in.application(), port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    stand_in.url = f"http://127.0.0.1:{port}"
    yield stand_in
    server.should_exit = True
    thread.join()
