"""What FastAPI hands to the routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from app.services import Services
from gwkit.http.lifecycle import Lifecycle

__all__ = ["OpenServices", "ProcessLifecycle", "lifecycle_of", "services_of"]


async def lifecycle_of(request: Request) -> Lifecycle[Services]:
    """Return the process's lifecycle."""
    lifecycle: Lifecycle[Services] = request.app.state.lifecycle
    return lifecycle


def services_of(request: Request) -> Services:
    """Return the open services; the busiest routes call it, for a dependency costs more than it.

    Raises:
        HTTPException: 503, the service has not started yet, or has stopped.
    """
    lifecycle: Lifecycle[Services] = request.app.state.lifecycle
    if lifecycle.services is None:
        raise HTTPException(503, lifecycle.obstacle)
    return lifecycle.services


async def _services(request: Request) -> Services:
    return services_of(request)


ProcessLifecycle = Annotated[Lifecycle[Services], Depends(lifecycle_of)]
OpenServices = Annotated[Services, Depends(_services)]
