"""Log events.

An event of eight fields, one of them the request id, as the service logs it: through structlog's
interface, with secrets masked in three ways and control characters escaped, as a JSON line. It is
compared with standard logging and a formatter of a few lines, which masks nothing and calls
`json.dumps`. The second line is a call below the current level. Neither side writes anywhere.
Private interfaces of structlog and of standard logging had made the event cheaper, 0.65 of the
other's time; the service no longer uses them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.findings import Aim, Findings, compared
from benchmarks.measure import alternate

if TYPE_CHECKING:
    from benchmarks.measure import Pairs
    from benchmarks.workshop import Bench

__all__ = ["measure"]

_OTHER: Final = "`json.dumps`"


def measure(bench: Bench) -> Findings:
    """Compare an event that is written, and one below the level."""
    python = bench.service() / ".venv/bin/python"
    with bench.worker(python, "events") as worker:
        worker.ask("set_up")

        def pairs(command: str, count: int) -> Pairs:
            return alternate(
                lambda: worker.figure(command, side="ours", count=count),
                lambda: worker.figure(command, side="theirs", count=count),
                bench.size(60, 5),
                warm=3,
                told=lambda told: bench.say(f"{command}, {told}"),
            )

        written = pairs("event", 2_000)
        off = pairs("filtered", 20_000)
    return Findings(
        [
            compared(
                "an event of eight fields",
                written,
                "µs",
                scale=1e6,
                other=_OTHER,
                aim=Aim("<=", 1.1),
                remedy="log less at INFO: `APP_LOG_LEVEL=WARNING`.",
            ),
            compared(
                "a call whose level is off",
                off,
                "µs",
                scale=1e6,
                other=_OTHER,
                aim=Aim("<", 1, of="ours"),
                remedy="move the call out of the loop, and count inside it.",
            ),
        ]
    )
