"""Question → rewrite → retrieve → check the evidence → ask → compose → check the citations."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import structlog

from app.exceptions import InvalidResponseError, TokenLimitError
from app.graph.cache import AnswerCache, answer_key
from app.graph.composition import NO_USAGE, ReplyText, compose, not_found
from app.graph.evidence import check_evidence, fewer, fitted
from app.graph.followups import standalone_question
from app.graph.recording import recording
from app.graph.refusals import explain
from app.graph.state import Answer
from app.graph.support import find_unsupported, with_unsupported
from gwkit.executor import BoundedExecutor
from gwkit.models.messages import ChatReply, ChatRequest, Delta
from gwkit.telemetry.traces import Attribute, annotate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from app.config.settings import Settings
    from app.graph.cache import AnswerKey
    from app.graph.prompting import PromptFile
    from app.graph.state import Question, Turn
    from app.retrieval.retriever import Retriever
    from app.utils.once import AsyncOnce
    from gwkit.index.store import Hit, Index
    from gwkit.models.protocols import ChatModel
    from gwkit.telemetry.metrics import Metrics

    _Ask = Callable[[ChatRequest], AsyncGenerator[Delta | ChatReply]]
    _RequestWith = Callable[[Sequence[Hit]], ChatRequest]

__all__ = ["Answerer"]

_log = structlog.stdlib.get_logger(__name__)

_FOR_RARITY = 20
"""Hits to search for, at least: among them the rarity of the question's words is counted."""


@dataclass(kw_only=True)
class Answerer:
    """Answers questions from the index, and only from there.

    - Where the hits are no evidence, the model is not asked, and the answer is that nothing was
      found; so it is where the model's reply cites nothing that was sent.
    - A cited sentence that its passages do not bear out is marked, or the answer is withheld
      (`APP_CITATIONS`).
    - Passages that do not fit the window are left out, the lowest-ranked first and each as a whole.
      If the model still takes no prompt of that length, a shorter one is tried, once (ERR6).
    - With `APP_ENABLE_CACHING`, an answer is kept until something that it depends on changes.

    Args:
        retriever: finds the passages.
        model: writes the answers.
        index: says by its version when it has changed.
        metrics: counts the answers.
        settings: the options of a question that it leaves open.
        prompt: what the model is asked with, read at first use.
        window_tokens: most tokens of prompt and answer together, unless a setting says it; `None`
            if not known.
        rewriter: makes a question of its own out of a follow-up and what was said before; by
            default the rules of `app.graph.followups` do.
    """

    retriever: Retriever
    model: ChatModel
    index: Index
    metrics: Metrics
    settings: Settings
    prompt: AsyncOnce[PromptFile]
    window_tokens: int | None = None
    rewriter: Callable[[str, Sequence[Turn]], Awaitable[str]] | None = None

    def __post_init__(self) -> None:
        self._cache = AnswerCache(self.settings.answer_cache_size)
        self._executor = BoundedExecutor(1, name="evidence")

    async def answer(self, question: Question) -> Answer:
        """Return the whole answer.

        Raises:
            UnknownModelError: the question asks for a model that is not set up.
            LLMError: the model could not answer.
            OverloadError: too many questions are being answered already.
            RetrievalError: the index could not answer.
        """
        parts = self._run(question, self._complete)
        (answer,) = [part async for part in parts if isinstance(part, Answer)]
        return answer

    def stream(self, question: Question) -> AsyncGenerator[Delta | Answer]:
        """Return a generator of the answer's text in pieces, and at last of the whole answer.

        The pieces make up the answer's text, but for space around it, unless they cited nothing:
        then the answer is `NOT_FOUND` and takes the place of what was shown. Close the generator
        to end the call of the model early. Raises what `answer` raises, an `LLMError` also after
        the first piece.
        """
        return self._run(question, self.model.stream)

    async def _run(self, question: Question, ask: _Ask) -> AsyncGenerator[Delta | Answer]:
        """Take a question through the steps, and yield what `stream` does."""
        with recording(question, self.model.name, self.metrics) as record:
            question = await self._standalone(question)
            key = await self._cache_key(question)
            if key and (cached := self._cache.get(key)):
                yield Delta(text=cached.answer)
                yield record(cached, outcome="cached")
                return
            async with aclosing(self.steps(question, ask)) as parts:
                async for part in parts:
                    if isinstance(part, Answer):
                        self._keep(key, part)
                        record(part)
                    yield part

    async def steps(self, question: Question, ask: _Ask) -> AsyncGenerator[Delta | Answer]:
        """Yield what `stream` does for a question that needs no conversation and was not kept.

        Another orchestration overrides this: caching, logging and counting are around it. `ask`
        takes a request to the model, and yields the reply whole, or in pieces before it.
        """
        prompt = await self.prompt.get()
        request_with = partial(prompt.request, question, self.settings)
        found = await self._retrieve(question)
        hits = await self._check_evidence(question, found, request_with)
        if not hits:
            answer = self._nothing_found(question, found, prompt)
            yield Delta(text=answer.answer)
            yield answer
            return
        async with aclosing(self._ask(hits, request_with, ask)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Answer):
                    answer = await self._checked(piece, question, found, hits)
                    if self.settings.citations == "refuse":
                        yield Delta(text=answer.answer)
                    yield answer
                else:
                    # An answer that may be refused is checked before any of it is shown.
                    yield Delta(text="") if self.settings.citations == "refuse" else piece

    async def _retrieve(self, question: Question) -> Sequence[Hit]:
        # More than the model gets: they say how rare the words of the question are.
        k = max(self._most_passages(question), _FOR_RARITY)
        return await self.retriever.search(question.question, k=k, filters=question.filters)

    def _most_passages(self, question: Question) -> int:
        return question.top_k or self.settings.top_k

    def _nothing_found(
        self, question: Question, found: Sequence[Hit], prompt: PromptFile
    ) -> Answer:
        text, name = question.question, self.model.name
        return explain(not_found(name, question=text, prompt_hash=prompt.digest), text, found)

    async def _checked(
        self, answer: Answer, question: Question, found: Sequence[Hit], hits: Sequence[Hit]
    ) -> Answer:
        """Return a composed answer with its citations checked, or in words why there is none."""
        if answer.found:
            return await self._check_citations(answer, hits)
        return explain(answer, question.question, found)

    async def _standalone(self, question: Question) -> Question:
        """Return a follow-up as a question of its own, which needs no conversation."""
        if not question.messages:
            return question
        if self.rewriter:
            text = await self.rewriter(question.question, question.messages)
        else:
            text = standalone_question(question.question, question.messages)
        content = {"question": text} if self.settings.log_content else {}
        _log.info("question_rewritten", changed=text != question.question, **content)
        annotate(Attribute.QUESTION, text if self.settings.log_content else None)
        return question.model_copy(update={"question": text, "messages": ()})

    async def _check_evidence(
        self, question: Question, hits: Sequence[Hit], request_with: _RequestWith
    ) -> Sequence[Hit]:
        """Return the hits that are evidence and fit the window, none if there is no evidence."""
        settings = self.settings
        evidence = await self._executor.run(
            check_evidence,
            question.question,
            hits,
            min_grounding=settings.min_grounding,
            max_tokens=settings.max_evidence_tokens,
            most=self._most_passages(question),
        )
        _log.debug(
            "evidence_checked",
            hits=len(hits),
            evidence=len(evidence.hits),
            coverage=round(evidence.coverage, 2),
        )
        return fitted(evidence.hits, request_with, settings.context_tokens or self.window_tokens)

    async def _check_citations(self, answer: Answer, hits: Sequence[Hit]) -> Answer:
        """Return the answer with its unsupported sentences marked, or one that withholds them."""
        if self.settings.citations == "off":
            return answer
        sent = {hit.chunk: hit for hit in hits}
        cited = [sent[citation.chunk] for citation in answer.citations]
        unsupported = await self._executor.run(find_unsupported, answer.answer, cited)
        for each in unsupported:
            self.metrics.count("unsupported_statements_total", kind=each.kind)
        return with_unsupported(answer, unsupported, self.settings.citations)

    async def _complete(self, request: ChatRequest) -> AsyncGenerator[ChatReply]:
        yield await self.model.complete(request)

    async def _ask(
        self, hits: Sequence[Hit], request_with: _RequestWith, ask: _Ask
    ) -> AsyncGenerator[Delta | Answer]:
        """Yield the model's reply in pieces, and at last the answer.

        Raises:
            InvalidResponseError: the stream just ends.
            TokenLimitError: the model takes no prompt of that length.
        """
        for is_last in (False, True):
            request, shown = request_with(hits), False
            text = ReplyText(range(1, len(hits) + 1))
            try:
                async with aclosing(ask(request)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, ChatReply):
                            if rest := text.finish():
                                yield Delta(text=rest)
                            yield await self._executor.run(
                                compose,
                                piece,
                                hits,
                                question=request.question,
                                prompt_hash=request.prompt_hash,
                            )
                            return
                        if certain := text.feed(piece.text):
                            shown = True
                            yield Delta(text=certain)
                raise InvalidResponseError(response="", expected="a stream that ends with a reply")
            except TokenLimitError as exc:
                if shown or is_last:
                    raise
                hits = fewer(hits, exc)

    def _keep(self, key: AnswerKey | None, answer: Answer) -> None:
        # A fallback's answer is not kept: this model may be back for the next request.
        if key and answer.model == self.model.name:
            self._cache.put(key, answer.model_copy(update={"usage": NO_USAGE}))

    async def _cache_key(self, question: Question) -> AnswerKey | None:
        """Return what the answer is kept under, `None` without caching."""
        if not self.settings.enable_caching:
            return None
        # Read before the search: an answer from a newer index is kept under the older version
        # and so never found, not the other way round.
        return answer_key(question, await self.index.version())
