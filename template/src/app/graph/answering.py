"""Question → retrieve → ground → answer with citations."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from time import perf_counter
from typing import TYPE_CHECKING

import structlog

from app.exceptions import InvalidResponseError, TokenLimitError, UnknownModelError
from app.graph.cache import AnswerCache, AnswerKey
from app.graph.composition import NO_USAGE, compose, not_found
from app.graph.fitting import fitted, shortened
from app.graph.grounding import ground, passages
from app.graph.replies import ReplyText
from app.graph.state import Answer
from gwkit.models.messages import NOT_FOUND, ChatReply, ChatRequest, Delta

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from app.config.settings import Settings
    from app.graph.prompting import PromptFile
    from app.graph.state import Question
    from app.retrieval.retriever import Retriever
    from gwkit.index.ports import Hit, Index
    from gwkit.models.ports import ChatModel
    from gwkit.telemetry.metrics import Metrics

    _Ask = Callable[[ChatRequest], AsyncGenerator[Delta | ChatReply]]

__all__ = ["Answerer"]

_log = structlog.stdlib.get_logger(__name__)


class Answerer:
    """Answers questions from the index, and only from there.

    - Where the hits are no evidence, the model is not asked and the answer is `NOT_FOUND`.
    - Where the model's reply cites nothing that was sent, the answer is `NOT_FOUND` as well.
    - Passages that do not fit the window are left out, the lowest-ranked first and each as a whole.
      If the model still takes no prompt of that length, a shorter one is tried, once (ERR6).
    - With `APP_ENABLE_CACHING`, an answer is kept until something that it depends on changes.

    Args:
        retriever: finds the passages.
        model: writes the answers.
        index: says by its version when it has changed.
        metrics: counts the answers.
        settings: the options of a question that it leaves open.
        prompt: what the model is asked with.
        window_tokens: most tokens of prompt and answer together, `None` where nobody knows.
    """

    def __init__(
        self,
        *,
        retriever: Retriever,
        model: ChatModel,
        index: Index,
        metrics: Metrics,
        settings: Settings,
        prompt: PromptFile,
        window_tokens: int | None = None,
    ) -> None:
        self._retriever = retriever
        self._model = model
        self._index = index
        self._metrics = metrics
        self._settings = settings
        self._window_tokens = settings.context_tokens or window_tokens
        self._prompt = prompt
        self._cache = AnswerCache(settings.answer_cache_size)

    @property
    def known_models(self) -> frozenset[str]:
        """The names that a question may ask for."""
        return frozenset({self._model.name})

    async def answer(self, question: Question) -> Answer:
        """Return the whole answer.

        Raises:
            UnknownModelError: the question asks for a model that is not set up.
            LLMError: the model could not answer.
            RetrievalError: the index could not answer.
        """
        pieces = self._observed(question, self._complete)
        (answer,) = [piece async for piece in pieces if isinstance(piece, Answer)]
        return answer

    async def stream(self, question: Question) -> AsyncGenerator[Delta | Answer]:
        """Yield the answer's text in pieces, and at last the whole answer.

        The pieces make up the answer's text, but for space around it, unless they cited nothing:
        then the answer is `NOT_FOUND` and takes the place of what was shown. Close the generator
        to end the call of the model early. Raises what `answer` raises, an `LLMError` also after
        the first piece.
        """
        async with aclosing(self._observed(question, self._model.stream)) as pieces:
            async for piece in pieces:
                yield piece

    async def _complete(self, request: ChatRequest) -> AsyncGenerator[Delta | ChatReply]:
        yield await self._model.complete(request)

    async def _observed(self, question: Question, ask: _Ask) -> AsyncGenerator[Delta | Answer]:
        if question.model not in {None, *self.known_models}:
            raise UnknownModelError(str(question.model), self.known_models)
        try:
            async with aclosing(self._answered(question, ask)) as pieces:
                async for piece in pieces:
                    yield piece
        except Exception as exc:
            self._metrics.count("answers_total", outcome="failed")
            _log.error("question_failed", error=type(exc).__name__)
            raise

    async def _answered(self, question: Question, ask: _Ask) -> AsyncGenerator[Delta | Answer]:
        started = perf_counter()
        prompt = self._prompt
        key = await self._key(question, prompt) if self._settings.enable_caching else None
        if key and (cached := self._cache.get(key)):
            self._report(cached, "cached", started)
            yield Delta(text=cached.answer)
            yield cached.model_copy(update={"usage": NO_USAGE})
            return
        async with aclosing(self._made(question, prompt, ask)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Answer):
                    self._report(piece, "answered" if piece.found else "not_found", started)
                    # What another model wrote, as this one failed, is not the answer to keep.
                    if key and piece.model == self._model.name:
                        self._cache.put(key, piece)
                yield piece

    def _report(self, answer: Answer, outcome: str, started: float) -> None:
        self._metrics.count("answers_total", outcome=outcome)
        _log.info(
            "question_answered",
            found=answer.found,
            cached=outcome == "cached",
            citations=len(answer.citations),
            finish_reason=answer.finish_reason,
            model=answer.model,
            prompt_hash=answer.prompt_hash,
            latency_ms=round((perf_counter() - started) * 1000, 1),
        )

    async def _made(
        self, question: Question, prompt: PromptFile, ask: _Ask
    ) -> AsyncGenerator[Delta | Answer]:
        hits = await self._evidence(question)
        if not hits:
            yield Delta(text=NOT_FOUND)
            yield not_found(self._model.name, prompt_hash=prompt.digest)
            return
        hits = fitted(hits, lambda kept: self._request(question, kept, prompt), self._window_tokens)
        shown = False
        try:
            async with aclosing(self._asked(question, hits, prompt, ask)) as pieces:
                async for piece in pieces:
                    shown = True
                    yield piece
        except TokenLimitError as exc:
            if shown or len(hits) == 1:
                raise
            hits = shortened(hits, exc)
        else:
            return
        async with aclosing(self._asked(question, hits, prompt, ask)) as pieces:
            async for piece in pieces:
                yield piece

    async def _evidence(self, question: Question) -> Sequence[Hit]:
        settings = self._settings
        hits = await self._retriever.search(
            question.question, k=question.top_k or settings.top_k, filters=question.filters
        )
        evidence = await asyncio.to_thread(
            ground,
            question.question,
            hits,
            min_grounding=settings.min_grounding,
            max_tokens=settings.max_evidence_tokens,
        )
        _log.debug(
            "question_grounded",
            hits=len(hits),
            evidence=len(evidence.hits),
            coverage=round(evidence.coverage, 2),
        )
        return evidence.hits

    async def _asked(
        self, question: Question, hits: Sequence[Hit], prompt: PromptFile, ask: _Ask
    ) -> AsyncGenerator[Delta | Answer]:
        request = self._request(question, hits, prompt)
        shown = ReplyText(range(1, len(hits) + 1))
        replied = False
        async with aclosing(ask(request)) as pieces:
            async for piece in pieces:
                if isinstance(piece, ChatReply):
                    replied = True
                    if rest := shown.finish():
                        yield Delta(text=rest)
                    yield compose(piece, hits, prompt_hash=prompt.digest)
                elif text := shown.feed(piece.text):
                    yield Delta(text=text)
        if not replied:
            raise InvalidResponseError(response="", expected="a stream that ends with a reply")

    def _request(self, question: Question, hits: Sequence[Hit], prompt: PromptFile) -> ChatRequest:
        sent = passages(hits)
        return ChatRequest(
            messages=prompt.messages(question.question, sent),
            question=question.question,
            passages=sent,
            temperature=self._temperature(question),
            max_tokens=question.max_tokens or self._settings.max_tokens,
            prompt_hash=prompt.digest,
        )

    def _temperature(self, question: Question) -> float | None:
        return self._settings.temperature if question.temperature is None else question.temperature

    async def _key(self, question: Question, prompt: PromptFile) -> AnswerKey:
        settings = self._settings
        return AnswerKey(
            question=question.question,
            prefix=question.filters.prefix,
            metadata=frozenset(question.filters.metadata.items()),
            top_k=question.top_k or settings.top_k,
            min_grounding=settings.min_grounding,
            evidence_tokens=settings.max_evidence_tokens,
            prompt_hash=prompt.digest,
            # Read before the search: an answer from a newer index is kept under the older version
            # and so never found, not the other way round.
            index_version=await self._index.version(),
            model=self._model.name,
            temperature=self._temperature(question),
            max_tokens=question.max_tokens or settings.max_tokens,
            window_tokens=self._window_tokens,
        )
