"""A provider without faults, from the service's own tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fixtures.provider import Step, serve_provider

from benchmarks.workers import serve

if TYPE_CHECKING:
    from contextlib import AsyncExitStack


def start(text: str, stack: AsyncExitStack) -> str:
    """Serve replies with this text; return the address."""
    provider = stack.enter_context(serve_provider())
    provider.always(Step(text=text))
    return str(provider.openai_url)


if __name__ == "__main__":
    serve({"start": start})
