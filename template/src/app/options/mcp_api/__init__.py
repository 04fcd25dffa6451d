"""The service as tools for assistants and agents, over the Model Context Protocol."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import APIRouter

    from app.registry import Registry

__all__ = ["register"]


def register(registry: Registry) -> None:
    """Add the route."""
    registry.routes.add("mcp", partial(_make_router, registry))


def _make_router(registry: Registry) -> APIRouter:
    from app.options.mcp_api.endpoint import make_router
    from gwkit.http.problems import PROBLEM_RULES

    return make_router((*PROBLEM_RULES, *registry.problems.parts.values()))
