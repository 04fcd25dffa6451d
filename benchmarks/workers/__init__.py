"""Measurements that run in another environment than the benchmarks.

A worker is a module that calls `serve` with its commands. It receives one at a time on its
standard input, and replies on its standard output, in lines of JSON.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
import traceback
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["serve"]


def serve(commands: Mapping[str, Callable[..., object]]) -> None:
    """Run commands until the input ends.

    Args:
        commands: what can be asked for, by name; plain functions, or coroutine functions, which
            all run on one event loop. What a command returns is JSON. A command that has a
            parameter `stack` is given an `AsyncExitStack`, closed at the end.
    """
    # Output of libraries must not be mistaken for a reply.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            for line in sys.stdin:
                try:
                    reply = {"value": runner.run(_done(commands, json.loads(line), stack))}
                except Exception:  # noqa: BLE001 - the caller gets any error
                    reply = {"error": traceback.format_exc()}
                replies.write(json.dumps(reply) + "\n")
                replies.flush()
        finally:
            runner.run(stack.aclose())


async def _done(
    commands: Mapping[str, Callable[..., object]], asked: dict[str, object], stack: AsyncExitStack
) -> object:
    command = commands[str(asked.pop("command"))]
    if "stack" in inspect.signature(command).parameters:
        asked["stack"] = stack
    value = command(**asked)
    return await value if inspect.isawaitable(value) else value
