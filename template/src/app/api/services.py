"""What the routes work with, made once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import APIRouter

    from app.config.settings import Settings
    from app.graph.answering import Answerer
    from app.ingestion.pipeline import Pipeline
    from app.retrieval.ports import Index
    from app.retrieval.retriever import Retriever
    from app.telemetry.metrics import Metrics

__all__ = ["Services"]


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a running service; `routers` are those of the team's extensions."""

    settings: Settings
    index: Index
    retriever: Retriever
    answerer: Answerer
    pipeline: Pipeline
    metrics: Metrics
    routers: tuple[APIRouter, ...] = ()
