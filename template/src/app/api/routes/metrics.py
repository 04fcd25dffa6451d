"""`/metrics`: counters and timings as Prometheus text."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from app.api.dependencies import OpenServices
from app.api.documentation import problems

__all__ = ["router", "scrape"]

router = APIRouter(tags=["operations"])


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **problems(503),
    },
)
async def scrape(services: OpenServices) -> Response:
    """Return every metric in Prometheus's text format."""
    metrics = services.metrics
    return Response(metrics.exposition(), media_type=metrics.content_type)
