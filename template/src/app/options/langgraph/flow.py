"""The steps of an answer as a LangGraph graph; a chain of LangChain's runnables asks the model.

    retrieve → check_evidence → ask → compose → check_citations
                      ↓        ↺ once, with fewer passages
               report_nothing

The decisions are those of `app.graph`, step by step. Here stand their order and what they hand on.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypedDict, TypeVar

from langchain_core.runnables import RunnableGenerator, RunnableLambda
from langgraph.graph import END, START, StateGraph

from app.exceptions import InvalidResponseError, TokenLimitError
from app.graph.answering import Answerer
from app.graph.composition import ReplyText, compose
from app.graph.evidence import fewer
from app.graph.state import Answer, Question
from gwkit.index.store import Hit
from gwkit.models.messages import ChatReply, ChatRequest, Delta

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from langchain_core.runnables import Runnable
    from langgraph.graph.state import CompiledStateGraph
    from langgraph.runtime import Runtime

    from app.graph.prompting import PromptFile

__all__ = ["GraphAnswerer"]

_T = TypeVar("_T")

_Hits = Sequence[Hit]
_Part = Delta | Answer
_Piece = Delta | ChatReply


class _State(TypedDict, total=False):
    """The state of the graph: the results of its steps."""

    question: Question
    found: _Hits
    hits: _Hits
    is_shortened: bool
    reply: ChatReply
    answer: Answer


@dataclass(frozen=True, slots=True)
class _Context:
    """What all steps of one question have: the prompt, and how to ask the model."""

    prompt: PromptFile
    ask: Callable[[ChatRequest], AsyncGenerator[_Piece]]


@dataclass(kw_only=True)
class GraphAnswerer(Answerer):
    """An `Answerer` whose steps are the nodes of a graph.

    The pieces of a stream go through a queue of LangGraph's: unlike in the native flow, the model
    is read as fast as it writes, and not as fast as the caller reads.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._graph = self._compiled()

    def _compiled(self) -> CompiledStateGraph[_State, _Context, _State, _State]:
        graph = StateGraph(_State, _Context)
        graph.add_node("retrieve", self._retrieve_passages)
        graph.add_node("check_evidence", self._find_evidence)
        graph.add_node("report_nothing", self._report_nothing)
        graph.add_node("ask", self._ask_model)
        graph.add_node("compose", self._compose)
        graph.add_node("check_citations", self._check_answer)
        graph.add_edge(START, "retrieve")
        graph.add_edge("retrieve", "check_evidence")
        graph.add_conditional_edges("check_evidence", _after_evidence, ["ask", "report_nothing"])
        graph.add_conditional_edges("ask", _after_asking, ["ask", "compose"])
        graph.add_edge("compose", "check_citations")
        graph.add_edge("check_citations", END)
        graph.add_edge("report_nothing", END)
        return graph.compile()

    async def steps(
        self, question: Question, ask: Callable[[ChatRequest], AsyncGenerator[_Piece]]
    ) -> AsyncGenerator[_Part]:
        """Run the graph, and yield what its nodes write."""
        context = _Context(await self.prompt.get(), ask)
        parts = self._graph.astream({"question": question}, context=context, stream_mode="custom")
        async with _closing(parts):
            async for part in parts:
                if isinstance(part, Delta | Answer):  # as everything that the nodes write
                    yield part

    async def _retrieve_passages(self, state: _State) -> _State:
        return {"found": await self._retrieve(state["question"])}

    async def _find_evidence(self, state: _State, runtime: Runtime[_Context]) -> _State:
        question, prompt = state["question"], runtime.context.prompt
        request_with = partial(prompt.request, question, self.settings)
        return {"hits": await self._check_evidence(question, state["found"], request_with)}

    async def _report_nothing(self, state: _State, runtime: Runtime[_Context]) -> _State:
        answer = self._nothing_found(state["question"], state["found"], runtime.context.prompt)
        runtime.stream_writer(Delta(text=answer.answer))
        runtime.stream_writer(answer)
        return {"answer": answer}

    async def _ask_model(self, state: _State, runtime: Runtime[_Context]) -> _State:
        """Write the reply's text in pieces, and hand on the whole reply, or fewer hits.

        Raises:
            InvalidResponseError: the stream just ends.
            TokenLimitError: the model takes no prompt of that length.
        """
        hits, shown = state["hits"], False
        text = ReplyText(range(1, len(hits) + 1))

        def show(piece: str) -> None:
            # An answer that may be refused is checked before any of it is shown.
            runtime.stream_writer(Delta(text="" if self.settings.citations == "refuse" else piece))

        pieces = self._chain(state["question"], runtime.context).astream(hits)
        try:
            async with _closing(pieces):
                async for piece in pieces:
                    if isinstance(piece, ChatReply):
                        if rest := text.finish():
                            show(rest)
                        return {"reply": piece}
                    if certain := text.feed(piece.text):
                        shown = True
                        show(certain)
        except TokenLimitError as exc:
            if shown or state.get("is_shortened"):
                raise
            return {"hits": fewer(hits, exc), "is_shortened": True}
        raise InvalidResponseError(response="", expected="a stream that ends with a reply")

    def _chain(self, question: Question, context: _Context) -> Runnable[_Hits, _Piece]:
        """Return passages → request → model, whose output is a reply in pieces."""

        async def request_with(hits: _Hits) -> ChatRequest:
            return context.prompt.request(question, self.settings, hits)

        async def ask(requests: AsyncIterator[ChatRequest]) -> AsyncGenerator[_Piece]:
            async for request in requests:
                async with aclosing(context.ask(request)) as pieces:
                    async for piece in pieces:
                        yield piece

        return RunnableLambda(request_with) | RunnableGenerator(ask)

    async def _compose(self, state: _State, runtime: Runtime[_Context]) -> _State:
        answer = await self._executor.run(
            compose,
            state["reply"],
            state["hits"],
            question=state["question"].question,
            prompt_hash=runtime.context.prompt.digest,
        )
        return {"answer": answer}

    async def _check_answer(self, state: _State, runtime: Runtime[_Context]) -> _State:
        answer = await self._checked(
            state["answer"], state["question"], state["found"], state["hits"]
        )
        if self.settings.citations == "refuse":
            runtime.stream_writer(Delta(text=answer.answer))
        runtime.stream_writer(answer)
        return {"answer": answer}


def _after_evidence(state: _State) -> str:
    return "ask" if state["hits"] else "report_nothing"


def _after_asking(state: _State) -> str:
    return "compose" if "reply" in state else "ask"


def _closing(parts: AsyncIterator[_T]) -> AsyncExitStack:
    """Return a context manager that closes a stream at its end: it is a generator, says less."""
    stack = AsyncExitStack()
    if isinstance(parts, AsyncGenerator):
        stack.push_async_callback(parts.aclose)
    return stack
