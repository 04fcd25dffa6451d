"""The steps of the pipeline, timed: parse, chunk, embed and write."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar

import structlog

from gwkit.telemetry.timing import timed

if TYPE_CHECKING:
    from collections.abc import Callable

    from gwkit.telemetry.metrics import Metrics

__all__ = ["timed_step"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

_log = structlog.stdlib.get_logger(__name__)


def timed_step(metrics: Metrics, step: str, function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return the function with each call logged at DEBUG and observed as `ingest_step_seconds`."""

    def observe(_function: str, milliseconds: float) -> None:
        metrics.observe("ingest_step_seconds", milliseconds / 1_000, step=step)
        _log.debug("ingest_step_finished", step=step, latency_ms=round(milliseconds, 3))

    return timed(observe)(function)
