"""Dependencies that FastAPI passes to the routes."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import Depends

from app.services import Services
from gwkit.http.middleware import open_services

__all__ = ["OpenServices"]

OpenServices: TypeAlias = Annotated[Services, Depends(open_services)]
"""The open services; until the service has started there are none, and the answer is a 503."""
