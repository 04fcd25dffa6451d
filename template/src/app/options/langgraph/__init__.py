"""The steps of an answer as a LangGraph graph, beside the native flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.graph.answering import Answerer
    from app.registry import Registry

__all__ = ["register"]


def register(registry: Registry) -> None:
    """Add the orchestration."""
    registry.orchestrations.add("langgraph", _load)


def _load() -> type[Answerer]:
    from langsmith import configure

    from app.options.langgraph.flow import GraphAnswerer

    # Variables such as LANGSMITH_TRACING would send questions and answers to LangChain's servers.
    configure(enabled=False)
    return GraphAnswerer
