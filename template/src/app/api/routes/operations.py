"""`/healthz`, `/readyz` and `/metrics`: for monitoring, orchestrators and load balancers."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.api.dependencies import OpenServices
from app.api.documentation import problems
from app.api.schemas import Health
from gwkit.http.lifecycle import Lifecycle

__all__ = ["live", "ready", "router", "scrape"]

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def live() -> Health:
    """Say that the process is alive; it answers, so it is."""
    return Health(status="live")


@router.get("/readyz", responses=problems(503))
async def ready(request: Request) -> Health:
    """Say whether the service should get traffic: its index can be read and a search has been made.

    Raises:
        HTTPException: 503, it should not, and why.
    """
    lifecycle: Lifecycle = request.app.state.lifecycle
    if (obstacle := await lifecycle.check()) is not None:
        raise HTTPException(503, obstacle)
    return Health(status="ready")


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems(503)},
)
async def scrape(services: OpenServices) -> Response:
    """Return every metric in Prometheus's text format."""
    metrics = services.metrics
    return Response(metrics.exposition(), media_type=metrics.content_type)
