"""A model with everything around it, and the vendor's bare SDK, which ask the same server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

import openai
from app.options.openai.session import Session
from app.options.openai_chat.completions import OpenAIChatModel
from app.options.providers.guards import ResilientGuards
from app.wiring import build_registry, settings_type
from gwkit.logging.setup import configure_logging
from gwkit.models.messages import ChatRequest, Message
from gwkit.telemetry.metrics import Metrics

from benchmarks.workers import serve

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AsyncExitStack

    from gwkit.models.protocols import ChatModel

_CALLS: Final = 10
_CLIENTS: Final = 50
_CALLS_OF_A_CLIENT: Final = 4
_MODEL: Final = "gpt-4o-mini"
_PROMPT: Final = "How long does a parcel wait?"
_MESSAGES: Final = [{"role": "user", "content": _PROMPT}]


class Sides:
    """The two sides of the comparison."""

    bare: openai.AsyncOpenAI
    port: ChatModel

    def __init__(self) -> None:
        self._request = ChatRequest(
            messages=(Message(role="user", content=_PROMPT),), question=_PROMPT
        )

    async def connect(self, url: str, folder: str, stack: AsyncExitStack) -> None:
        """Open both sides to a server."""
        settings = settings_type(build_registry())(
            log_format="json",
            default_model=f"openai:{_MODEL}",
            openai_base_url=url,
            daily_tokens=10**12,
            llm_concurrency=_CLIENTS,
            paid_path=Path(folder) / "paid.sqlite",
        )
        configure_logging(settings)
        session = Session(f"openai:{_MODEL}", key=None, base_url=url, timeout_seconds=60)
        self.bare = await stack.enter_async_context(
            openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0)
        )
        model = await stack.enter_async_context(OpenAIChatModel(_MODEL, session))
        guards = await stack.enter_async_context(ResilientGuards.open(settings, Metrics()))
        self.port = guards.chat_model([model])

    async def calls(self, side: str) -> float:
        """Return the seconds that a call takes, of several in a row."""
        call = self._call(side)
        started = perf_counter()
        for _ in range(_CALLS):
            await call()
        return (perf_counter() - started) / _CALLS

    async def stream(self, side: str) -> float:
        """Return the seconds that a streamed reply takes."""
        started = perf_counter()
        pieces = await (self._stream_port() if side == "port" else self._stream_bare())
        taken = perf_counter() - started
        assert pieces > 100, pieces
        return taken

    async def crowd(self, side: str) -> float:
        """Return the calls a second that many clients get together."""
        call = self._call(side)

        async def client() -> None:
            for _ in range(_CALLS_OF_A_CLIENT):
                await call()

        started = perf_counter()
        await asyncio.gather(*(client() for _ in range(_CLIENTS)))
        return _CLIENTS * _CALLS_OF_A_CLIENT / (perf_counter() - started)

    def _call(self, side: str) -> Callable[[], Awaitable[object]]:
        if side == "port":
            return lambda: self.port.complete(self._request)
        return lambda: self.bare.chat.completions.create(model=_MODEL, messages=_MESSAGES)

    async def _stream_port(self) -> int:
        return len([piece async for piece in self.port.stream(self._request)])

    async def _stream_bare(self) -> int:
        stream = await self.bare.chat.completions.create(
            model=_MODEL, messages=_MESSAGES, stream=True, stream_options={"include_usage": True}
        )
        async with stream as chunks:
            return len(
                [
                    chunk
                    async for chunk in chunks
                    if chunk.choices and chunk.choices[0].delta.content
                ]
            )


if __name__ == "__main__":
    sides = Sides()
    serve(
        {
            "connect": sides.connect,
            "calls": sides.calls,
            "stream": sides.stream,
            "crowd": sides.crowd,
        }
    )
