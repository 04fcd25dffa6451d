"""Two FastAPI routes over the service's own search and answers, with nothing around them.

The server has the settings of the service. It logs nothing below WARNING, and requests have no id,
limits or metrics.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import uvicorn
from app.graph.state import Question
from app.wiring import build_registry, load_settings, open_services
from fastapi import FastAPI
from gwkit.logging.setup import configure_logging
from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Search(BaseModel):
    """What is searched for."""

    query: str
    k: int = 8


class Found(BaseModel):
    """A chunk."""

    document: str
    chunk: str
    score: float
    title: str
    headings: tuple[str, ...]
    text: str
    metadata: dict[str, str]


class Hits(BaseModel):
    """The chunks."""

    hits: list[Found]


class Asked(BaseModel):
    """A question."""

    question: str


class Cited(BaseModel):
    """A citation."""

    document: str
    chunk: str
    score: float
    text: str


class Answered(BaseModel):
    """An answer."""

    answer: str
    citations: list[Cited]
    model: str


def build() -> FastAPI:
    """Return the application."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services(settings) as services:
            app.state.services = services
            yield

    async def search(body: Search) -> Hits:
        hits = await app.state.services.retriever.search(body.query, k=body.k)
        return Hits(
            hits=[
                Found(
                    document=hit.document,
                    chunk=hit.chunk,
                    score=hit.score,
                    title=hit.title,
                    headings=hit.headings,
                    text=hit.text,
                    metadata=dict(hit.metadata),
                )
                for hit in hits
            ]
        )

    async def answer(body: Asked) -> Answered:
        found = await app.state.services.answerer.answer(Question(question=body.question))
        return Answered(
            answer=found.answer,
            citations=[
                Cited(document=each.document, chunk=each.chunk, score=each.score, text=each.text)
                for each in found.citations
            ],
            model=found.model,
        )

    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    app = FastAPI(lifespan=lifespan)
    app.add_api_route("/v1/search", search, methods=["POST"])
    app.add_api_route("/v1/answer", answer, methods=["POST"])
    app.add_api_route("/readyz", ready)
    return app


if __name__ == "__main__":
    settings = load_settings(build_registry())
    configure_logging(settings)
    uvicorn.run(
        build(),
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        server_header=False,
        http="h11",
        ws="none",
        proxy_headers=False,
    )
