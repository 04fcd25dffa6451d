"""How a question ended, in the log and in the metrics."""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

import structlog

from app.exceptions import UnknownModelError
from app.graph.composition import WITHHELD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.graph.state import Answer, Question
    from gwkit.telemetry.metrics import Metrics

    _Record = Callable[..., Answer]

__all__ = ["recording"]

_log = structlog.stdlib.get_logger(__name__)


@contextmanager
def recording(question: Question, model: str, metrics: Metrics) -> Iterator[_Record]:
    """Return a context manager that counts a failure, and a function that records an answer.

    Raises:
        UnknownModelError: the question asks for a model that is not set up.
    """
    if question.model not in {None, model}:
        raise UnknownModelError(str(question.model), {model})
    started = perf_counter()

    def record(answer: Answer, outcome: str = "") -> Answer:
        withheld = "withheld" if answer.answer == WITHHELD else "not_found"
        outcome = outcome or ("answered" if answer.found else withheld)
        metrics.count("answers_total", outcome=outcome)
        _log.info(
            "question_answered",
            found=answer.found,
            cached=outcome == "cached",
            citations=len(answer.citations),
            unsupported=len(answer.unsupported),
            finish_reason=answer.finish_reason,
            model=answer.model,
            prompt_hash=answer.prompt_hash,
            latency_ms=round((perf_counter() - started) * 1000, 1),
        )
        return answer

    try:
        yield record
    except Exception as exc:
        metrics.count("answers_total", outcome="failed")
        _log.error("question_failed", error=type(exc).__name__)
        raise
