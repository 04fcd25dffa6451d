"""The service as a model for clients of OpenAI: SDKs, Open WebUI, frameworks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import APIRouter

    from app.registry import Registry

__all__ = ["register"]


def register(registry: Registry) -> None:
    """Add the routes."""
    registry.routes.add("openai", _make_router)


def _make_router() -> APIRouter:
    from app.options.openai_api.routes import router

    return router
