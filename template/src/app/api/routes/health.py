"""`/healthz` and `/readyz`: for whoever restarts the process or sends it traffic."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.exceptions import HTTPException

from app.api.dependencies import ProcessLifecycle
from app.api.documentation import problems
from app.api.schemas import Health

__all__ = ["live", "ready", "router"]

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def live() -> Health:
    """Say that the process is alive; it answers, so it is."""
    return Health(status="live")


@router.get("/readyz", responses=problems(503))
async def ready(lifecycle: ProcessLifecycle) -> Health:
    """Say whether the service should get traffic: its index can be read and a search has been made.

    Raises:
        HTTPException: 503, it should not, and why.
    """
    if (obstacle := await lifecycle.check()) is not None:
        raise HTTPException(503, obstacle)
    return Health(status="ready")
