"""`python -m app`: the command line."""

from __future__ import annotations

import os
import signal
import sys

__all__: list[str] = []

_INTERRUPTED = 128 + signal.SIGINT


def _leave(_number: int, _frame: object) -> None:
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    # Ctrl-C while the command line is imported has nothing to end well, and would show where in the
    # imports it was. What ignores it, as a job in the background does, goes on so.
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        signal.signal(signal.SIGINT, _leave)
    from app.cli.commands import main

    if interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
