"""A server that speaks Pinecone's REST protocol for indexes of vectors, in memory.

It keeps the vendor's documented rules: limits of sizes, kinds of values and vectors, and filters.
It is consistent at once, which the service is not, and exact, where that may be approximate.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Body = dict[str, Any]

_MOST_BYTES: Final = 2_000_000
_MOST_METADATA_BYTES: Final = 40_960
_MOST_RECORDS: Final = 1_000
_MOST_TERMS: Final = 1_000
_LONGEST_ID: Final = 512

_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "$eq": lambda value, asked: asked in value if isinstance(value, list) else value == asked,
    "$in": lambda value, asked: value in asked,
    "$lt": lambda value, asked: value < asked,
    "$lte": lambda value, asked: value <= asked,
}


class RefusedError(Exception):
    """A request breaks a rule of the service."""


@dataclass
class PineconeStandIn:
    """The stand-in; `fail_next` breaks so many of the next writes of records."""

    metric: str = "dotproduct"
    dimension: int | None = None
    url: str = ""
    key: str = "planted-key"
    fail_next: int = 0
    most_of_a_page: int = 7
    namespaces: dict[str, dict[str, Body]] = field(default_factory=dict)

    def application(self) -> FastAPI:
        """Return the application."""
        app = FastAPI()

        @app.api_route("/{path:path}", methods=["GET", "POST", "DELETE"])
        async def answer(path: str, request: Request) -> Response:
            if request.headers.get("api-key") != self.key:
                return _error(401, "Invalid API Key")
            text = await request.body()
            if len(text) > _MOST_BYTES:
                return _error(413, "the request is too large")
            if path == "vectors/upsert" and self.fail_next:
                self.fail_next -= 1
                return Response(status_code=503, headers={"Retry-After": "0"})
            body = json.loads(text) if text else dict(request.query_params)
            if path == "vectors/fetch":
                body["ids"] = request.query_params.getlist("ids")
            try:
                return JSONResponse(self._answer(path, body))
            except RefusedError as exc:
                return _error(400, str(exc))
            except KeyError as exc:
                return _error(404, str(exc))

        return app

    def _answer(self, path: str, body: Body) -> object:
        space = self.namespaces.setdefault(body.get("namespace", ""), {})
        answers: dict[str, Callable[[dict[str, Body], Body], object]] = {
            "vectors/upsert": self._upsert,
            "vectors/fetch": _fetch,
            "vectors/fetch_by_metadata": self._page,
            "vectors/update": _update,
            "vectors/delete": _delete,
            "query": self._query,
        }
        if path in answers:
            return answers[path](space, body)
        if path.startswith("namespaces/"):
            del self.namespaces[path.removeprefix("namespaces/")]
            return {}
        if path != "describe_index_stats":
            raise RefusedError(path)
        kind = "dense" if self.dimension else "sparse"
        sizes = {"dimension": self.dimension} if self.dimension else {}
        return {"vectorType": kind, "metric": self.metric, "namespaces": {}, **sizes}

    def _upsert(self, space: dict[str, Body], body: Body) -> object:
        records = body["vectors"]
        if len(records) > _MOST_RECORDS:
            raise RefusedError("too many records")
        for record in records:
            id_, dense = record["id"], record.get("values") or []
            sparse = record.get("sparseValues")
            if not id_.isascii() or not 0 < len(id_) <= _LONGEST_ID:
                raise RefusedError(f"the id {id_!r}")
            if len(dense) != (self.dimension or 0):
                raise RefusedError(f"a vector of {len(dense)} dimensions")
            if dense and not any(dense):
                raise RefusedError("dense vectors must contain a non-zero value")
            if not dense and not sparse:
                raise RefusedError("sparse vectors must contain a value")
            if sparse and (
                not 0 < len(sparse["indices"]) <= _MOST_TERMS or not all(sparse["values"])
            ):
                raise RefusedError("sparse vectors have 1 to 1,000 values, and no zeros")
        for record in records:
            values = np.array(record.get("values") or [], dtype=np.float32).tolist()
            kept = record | {"values": values, "metadata": _stored(record["metadata"])}
            space[record["id"]] = kept
        return {"upsertedCount": len(records)}

    def _page(self, space: dict[str, Body], body: Body) -> object:
        found = [(id_, record) for id_, record in space.items() if _is_met(record, body)]
        start = int(body.get("paginationToken", 0))
        end = start + min(body["limit"], self.most_of_a_page)
        more = {"pagination": {"next": str(end)}} if end < len(found) else {}
        return {"vectors": dict(found[start:end]), **more}

    def _query(self, space: dict[str, Body], body: Body) -> object:
        dense, sparse = body.get("vector"), body.get("sparseVector")
        if len(dense or []) != (self.dimension or 0):
            raise RefusedError("the query has another dimension than the index")
        if sparse and self.metric != "dotproduct":
            raise RefusedError("the index does not support sparse values")
        asked = dict(zip(sparse["indices"], sparse["values"], strict=True)) if sparse else {}
        scored = []
        for record in space.values():
            if _is_met(record, body):
                known = record.get("sparseValues") or {"indices": [], "values": []}
                pairs = zip(known["indices"], known["values"], strict=True)
                score = sum(value * asked.get(index, 0.0) for index, value in pairs)
                if dense:
                    score += float(np.dot(np.float32(dense), np.float32(record["values"])))
                scored.append((score, record))
        scored.sort(key=lambda each: -each[0])
        return {
            "matches": [
                {"id": record["id"], "score": score, "metadata": record["metadata"]}
                for score, record in scored[: body["topK"]]
            ]
        }


def _fetch(space: dict[str, Body], body: Body) -> object:
    return {"vectors": {id_: space[id_] for id_ in body["ids"] if id_ in space}}


def _update(space: dict[str, Body], body: Body) -> object:
    record = space[body["id"]]
    space[body["id"]] = record | {"metadata": record["metadata"] | _stored(body["setMetadata"])}
    return {}


def _delete(space: dict[str, Body], body: Body) -> object:
    for id_ in [id_ for id_, record in space.items() if _is_met(record, body)]:
        del space[id_]
    return {}


def _stored(metadata: Body) -> Body:
    """Return metadata as the service keeps it: numbers are floating-point."""
    if len(json.dumps(metadata).encode()) > _MOST_METADATA_BYTES:
        raise RefusedError("metadata size exceeds the limit of 40960 bytes per vector")
    stored: Body = {}
    for name, value in metadata.items():
        is_list = isinstance(value, list) and all(isinstance(each, str) for each in value)
        if not is_list and not isinstance(value, (str, bool, int, float)):
            raise RefusedError(f"the metadata value of {name} must be text, a number or a list")
        stored[name] = float(value) if type(value) is int else value
    return stored


def _is_met(record: Body, body: Body) -> bool:
    metadata = record["metadata"]
    for name, asked in body.get("filter", {}).items():
        if name == "$and":
            if not all(_is_met(record, {"filter": each}) for each in asked):
                return False
            continue
        comparisons = asked if isinstance(asked, dict) else {"$eq": asked}
        if name not in metadata or not all(
            _COMPARISONS[operator](metadata[name], value) for operator, value in comparisons.items()
        ):
            return False
    return True


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": {"code": "X", "message": message}, "status": status}, status)


@pytest.fixture(scope="session")
def pinecone_server() -> Iterator[PineconeStandIn]:
    """Yield the stand-in, running."""
    stand_in = PineconeStandIn()
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
