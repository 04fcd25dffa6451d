"""The same answers of the whole service by each orchestration, in one process."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from app.graph.state import Answer, Question
from app.wiring import build_registry, open_services, settings_type
from gwkit.logging.setup import configure_logging
from gwkit.models.messages import Delta

from benchmarks.workers import serve

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from app.graph.answering import Answerer


class Answering:
    """Asks answerers that share an index and differ in their orchestration."""

    async def open(
        self, index: str, orchestrations: list[str], questions: list[str], stack: AsyncExitStack
    ) -> None:
        """Open the service once for each orchestration.

        Args:
            index: an index file with documents.
            orchestrations: the values of `APP_ORCHESTRATION`.
            questions: all of them are asked each time.
            stack: closes everything.
        """
        registry = build_registry()
        self._questions = [Question(question=text) for text in questions]
        self._answerers: dict[str, Answerer] = {}
        for name in orchestrations:
            settings = settings_type(registry)(
                log_level="ERROR", index_path=Path(index), orchestration=name
            )
            configure_logging(settings)
            services = await stack.enter_async_context(open_services(settings, registry))
            await services.warm_up()
            self._answerers[name] = services.answerer

    async def answer(self, orchestration: str) -> float:
        """Return the seconds of an answer, each question asked once."""
        started = perf_counter()
        for question in self._questions:
            await self._answerers[orchestration].answer(question)
        return (perf_counter() - started) / len(self._questions)

    async def stream(self, orchestration: str) -> float:
        """Return the seconds of a streamed answer, each question asked once."""
        started = perf_counter()
        for question in self._questions:
            async for part in self._answerers[orchestration].stream(question):
                assert isinstance(part, Answer | Delta)
        return (perf_counter() - started) / len(self._questions)


if __name__ == "__main__":
    answering = Answering()
    serve({"open": answering.open, "answer": answering.answer, "stream": answering.stream})
