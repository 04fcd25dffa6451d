"""What the port costs: a model with everything around it beside the vendor's bare SDK.

Both sides ask the same server over loopback, by turns, in one run; the server has a process of its
own. "Everything" is what a service has: adapter, timeouts, retries, circuit breaker, limit of
calls, budget, prices, log events as JSON, metrics and idle spans. With the service's environment:

    template/.venv/bin/python benchmarks/port.py [--quick]
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import statistics
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, NamedTuple

TEMPLATE = Path(__file__).resolve().parents[1] / "template"
sys.path[:0] = [str(TEMPLATE / "src"), str(TEMPLATE / "tests")]

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from multiprocessing.connection import Connection

    from app.llm.messages import ChatRequest
    from app.llm.ports import ChatModel
    from openai import AsyncOpenAI

PIECES = 1_000
CLIENTS = 50
MODEL = "gpt-4o-mini"
PROMPT = "How long does a parcel wait?"


class Sides(NamedTuple):
    """What is compared."""

    bare: AsyncOpenAI
    port: ChatModel


def serve(text: str | None, pipe: Connection) -> None:
    """Serve a provider that behaves, until the pipe says something."""
    from fixtures.provider import Step, serve_provider

    with serve_provider() as provider:
        if text is not None:
            provider.always(Step(text=text))
        pipe.send(provider.openai_url)
        pipe.recv()


@asynccontextmanager
async def opened(text: str | None) -> AsyncIterator[Sides]:
    """Start a server, and open both sides to it."""
    import openai
    from app.config.logging import configure_logging
    from app.config.settings import Settings
    from app.llm.openai.chat import OpenAIChatModel
    from app.llm.openai.session import Session
    from app.llm.resilience.guards import Guards
    from app.telemetry.metrics import Metrics

    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(text, theirs))
    process.start()
    try:
        url = await asyncio.to_thread(ours.recv)
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(
                log_format="json",
                default_model=f"openai:{MODEL}",
                openai_base_url=url,
                daily_tokens=10**12,
                llm_concurrency=CLIENTS,
                paid_path=Path(folder) / "paid.sqlite",
            )
            configure_logging(settings)
            session = Session(f"openai:{MODEL}", key=None, base_url=url, timeout_seconds=60)
            async with (
                openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as bare,
                OpenAIChatModel(MODEL, session) as model,
                Guards.open(settings, Metrics()) as guards,
            ):
                yield Sides(bare, guards.chat_model([model]))
    finally:
        ours.send("stop")
        process.join(10)


def request() -> ChatRequest:
    """Return what the port is asked."""
    from app.llm.messages import ChatRequest, Message

    return ChatRequest(messages=(Message(role="user", content=PROMPT),), question=PROMPT)


def messages() -> list[dict[str, str]]:
    """Return what the bare SDK is asked."""
    return [{"role": "user", "content": PROMPT}]


class Taken(NamedTuple):
    """What some work takes, in seconds: by the clock, and of this process's processor time."""

    wall: float
    cpu: float


async def timed(work: Callable[[], Awaitable[object]]) -> Taken:
    """Return what the work takes."""
    started = perf_counter(), process_time()
    await work()
    return Taken(perf_counter() - started[0], process_time() - started[1])


async def by_turns(
    bare: Callable[[], Awaitable[object]], port: Callable[[], Awaitable[object]], rounds: int
) -> tuple[float, float, Taken]:
    """Return the medians of both sides, and those of the differences, in seconds."""
    for work in (bare, port):  # connections, caches
        for _ in range(max(3, rounds // 20)):
            await work()
    pairs = [(await timed(bare), await timed(port)) for _ in range(rounds)]
    return (
        statistics.median(one.wall for one, _ in pairs),
        statistics.median(two.wall for _, two in pairs),
        Taken(
            statistics.median(two.wall - one.wall for one, two in pairs),
            statistics.median(two.cpu - one.cpu for one, two in pairs),
        ),
    )


async def calls(rounds: int) -> None:
    """Compare whole replies, one after the other, and 50 at a time."""
    asked = request()
    async with opened(None) as sides:

        async def bare() -> None:
            await sides.bare.chat.completions.create(model=MODEL, messages=messages())  # type: ignore[arg-type]

        async def port() -> None:
            await sides.port.complete(asked)

        one, two, added = await by_turns(bare, port, rounds)
        print(
            f"call            bare {one * 1e3:8.3f} ms   port {two * 1e3:8.3f} ms   "
            f"added {added.wall * 1e3:6.3f} ms, {added.cpu * 1e3:6.3f} ms of it CPU (aim < 1)   "
            f"ratio {two / one:.2f}"
        )

        async def crowd(work: Callable[[], Awaitable[None]]) -> None:
            async def client() -> None:
                for _ in range(4):
                    await work()

            await asyncio.gather(*(client() for _ in range(CLIENTS)))

        one, two, _ = await by_turns(lambda: crowd(bare), lambda: crowd(port), max(5, rounds // 40))
        count = CLIENTS * 4
        print(
            f"{CLIENTS} at a time    bare {count / one:8.0f} /s   port {count / two:8.0f} /s   "
            f"ratio {one / two:.2f} (aim >= 0.9)"
        )


async def streams(rounds: int) -> None:
    """Compare streams of a thousand pieces."""
    asked = request()
    async with opened("word " * PIECES) as sides:

        async def bare() -> None:
            pieces = 0
            stream = await sides.bare.chat.completions.create(
                model=MODEL,
                messages=messages(),  # type: ignore[arg-type]
                stream=True,
                stream_options={"include_usage": True},
            )
            async with stream as chunks:
                async for chunk in chunks:
                    pieces += bool(chunk.choices and chunk.choices[0].delta.content)
            assert pieces >= PIECES, pieces

        async def port() -> None:
            pieces = [piece async for piece in sides.port.stream(asked)]
            assert len(pieces) > PIECES, len(pieces)

        one, two, added = await by_turns(bare, port, rounds)
        print(
            f"streamed piece  bare {one / PIECES * 1e6:8.2f} µs   port {two / PIECES * 1e6:8.2f} µs"
            f"   added {added.wall / PIECES * 1e6:6.2f} µs, {added.cpu / PIECES * 1e6:6.2f} µs "
            f"of it CPU (aim < 20)   ratio {two / one:.2f}"
        )


def main() -> None:
    """Run both comparisons and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a look, not a measurement")
    quick = parser.parse_args().quick
    sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - the log's end
    asyncio.run(calls(60 if quick else 400))
    asyncio.run(streams(10 if quick else 40))


if __name__ == "__main__":
    main()
