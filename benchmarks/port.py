"""A model behind the port.

The cost of everything around a model, compared with the vendor's SDK alone: adapter, timeouts,
retries, circuit breaker, limit of calls, budget, prices, log events as JSON, metrics and spans
without an exporter. Both sides use the same SDK and call the same server over loopback, a
separate process that replies at once; a real provider takes a thousand times as long. The
subjects are ten calls, one after the other; a reply streamed in a thousand pieces; and fifty
clients at a time on one event loop.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from benchmarks.findings import Aim, Findings, compared
from benchmarks.measure import alternate

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.workshop import Bench, Worker

__all__ = ["measure"]

_ANSWERS: Final = {"llm_providers": ["openai"]}
_PIECES: Final = 1_000
_OTHER: Final = "the bare SDK"


def measure(bench: Bench) -> Findings:
    """Compare calls, streams and throughput."""
    service = bench.service(_ANSWERS)
    with bench.scratch() as folder, ExitStack() as stack:
        python = service / ".venv/bin/python"
        fixtures = {"PYTHONPATH": str(service / "tests")}

        def opened(text: str, name: str) -> Worker:
            provider = stack.enter_context(bench.worker(python, "provider", fixtures))
            port = stack.enter_context(bench.worker(python, "port"))
            port.ask("connect", url=provider.ask("start", text=text), folder=str(folder / name))
            return port

        whole = opened("It waits for three days.", "whole")
        streaming = opened("word " * _PIECES, "streaming")

        def side(worker: Worker, command: str, name: str) -> Callable[[], float]:
            return lambda: worker.figure(command, side=name)

        calls = alternate(
            side(whole, "calls", "port"),
            side(whole, "calls", "bare"),
            bench.size(100, 1),
            warm=bench.size(3, 0),
            told=lambda told: bench.say(f"calls, {told}"),
        )
        streams = alternate(
            side(streaming, "stream", "port"),
            side(streaming, "stream", "bare"),
            bench.size(60, 1),
            warm=bench.size(2, 0),
            told=lambda told: bench.say(f"streams, {told}"),
        )
        crowds = alternate(
            side(whole, "crowd", "port"),
            side(whole, "crowd", "bare"),
            bench.size(30, 1),
            warm=bench.size(2, 0),
            told=lambda told: bench.say(f"50 at a time, {told}"),
        )
    return Findings(
        [
            compared(
                "a call",
                calls,
                "ms",
                scale=1e3,
                other=_OTHER,
                aim=Aim("<", 1, of="added"),
                remedy="`APP_LOG_LEVEL=WARNING` saves the log event of each call.",
            ),
            compared(
                "a streamed piece",
                streams,
                "µs",
                scale=1e6 / _PIECES,
                other=_OTHER,
                aim=Aim("<", 20, of="added"),
                remedy="most of the time of a piece is the SDK's, which builds a model of every "
                "event.",
            ),
            compared(
                "50 at a time",
                crowds,
                "calls/s",
                other=_OTHER,
                aim=Aim(">=", 0.9),
                remedy="serve from several processes: the SDK alone keeps one core busy.",
            ),
        ]
    )
