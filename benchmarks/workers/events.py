"""An event as the service logs it, and as standard logging with `json.dumps` does."""

from __future__ import annotations

import json
import logging
import os
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import structlog
from app.config.settings import Settings
from gwkit.logging.setup import configure_logging
from structlog.contextvars import bound_contextvars

from benchmarks.workers import serve

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

_naive = logging.getLogger("naive")
_ours = structlog.stdlib.get_logger("ours")
_id: ContextVar[str] = ContextVar("_id")


class _Naive(logging.Formatter):
    """A typical formatter for JSON lines: every field in one `json.dumps`."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(
            {
                "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
                "level": record.levelname.lower(),
                "logger": record.name,
                "event": record.getMessage(),
                "request_id": _id.get(),
                **getattr(record, "fields", {}),
            },
            default=str,
        )


def set_up(stack: AsyncExitStack) -> None:
    """Configure both sides, at INFO, to write to nowhere."""
    nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - the stack closes it
    stack.enter_context(nowhere)
    sys.stderr = nowhere
    configure_logging(Settings(log_format="json", log_level="INFO"))
    handler = logging.StreamHandler(nowhere)
    handler.setFormatter(_Naive())
    _naive.addHandler(handler)
    _naive.propagate = False


def event(side: str, count: int) -> float:
    """Return the seconds that an event takes, of many in a row."""
    request_id = "0b5ff1e2c7e54f2f9d3e6a8b7c6d5e4f"
    _id.set(request_id)
    with bound_contextvars(request_id=request_id):
        started = perf_counter()
        if side == "ours":
            for number in range(count):
                _ours.info(
                    "request_served",
                    method="POST",
                    route="/v1/search",
                    path="/v1/search",
                    status=200,
                    latency_ms=number / 7,
                    bytes=number,
                    found=True,
                )
        else:
            for number in range(count):
                _naive.info(
                    "request_served",
                    extra={
                        "fields": {
                            "method": "POST",
                            "route": "/v1/search",
                            "path": "/v1/search",
                            "status": 200,
                            "latency_ms": number / 7,
                            "bytes": number,
                            "found": True,
                        }
                    },
                )
        return (perf_counter() - started) / count


def filtered(side: str, count: int) -> float:
    """Return the seconds that a call takes whose level is off."""
    started = perf_counter()
    if side == "ours":
        for number in range(count):
            _ours.debug("chunk_made", document="a.md", chunk="a.md#1", tokens=number, heading="A")
    else:
        for number in range(count):
            _naive.debug(
                "chunk_made",
                extra={
                    "fields": {
                        "document": "a.md",
                        "chunk": "a.md#1",
                        "tokens": number,
                        "heading": "A",
                    }
                },
            )
    return (perf_counter() - started) / count


if __name__ == "__main__":
    serve({"set_up": set_up, "event": event, "filtered": filtered})
