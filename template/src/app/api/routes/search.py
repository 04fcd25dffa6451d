"""`POST /v1/search`: the chunks that fit a query."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.dependencies import OpenServices
from app.api.documentation import problems
from app.api.schemas import FoundChunk, SearchRequest, SearchResponse

__all__ = ["router", "search_chunks"]

router = APIRouter(prefix="/v1", tags=["search"])


@router.post("/search", responses=problems(400, 422, 502))
async def search_chunks(body: SearchRequest, services: OpenServices) -> SearchResponse:
    """Return the chunks that fit the query, best first."""
    hits = await services.retriever.search(
        body.query, k=body.k, filters=body.filters, mode=body.mode
    )
    return SearchResponse(hits=tuple(FoundChunk.of(hit) for hit in hits))
