"""Hits in a better order, by a cross-encoder on a server."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Self

import httpx2
from pydantic import AliasChoices, Field, FiniteFloat, TypeAdapter, ValidationError

from app.exceptions import InvalidResponseError, LLMError, ProviderError, RetrievalError
from gwkit.resilience.breaker import CircuitBreaker
from gwkit.resilience.current_call import Call
from gwkit.resilience.failures import broken, failed, too_late
from gwkit.resilience.limit import CallLimit
from gwkit.resilience.policy import CallPolicy
from gwkit.resilience.replies import WireModel
from gwkit.resilience.retry import Retry
from gwkit.resilience.timeouts import in_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.options.http_reranker.settings import RerankSettings
    from gwkit.index.store import Hit

__all__ = ["HttpReranker"]

_LONGEST_QUERY: Final = 2_000
"""Characters of a query that are sent: these models read some hundred tokens."""

_LEAST_SCORE: Final = 1e-6
_CIRCUIT_FAILURES: Final = 5
_CIRCUIT_SECONDS: Final = 30.0


class _Result(WireModel):
    """The score of one passage."""

    index: int
    score: FiniteFloat = Field(validation_alias=AliasChoices("relevance_score", "score"))


class _Results(WireModel):
    """The form of most servers; Voyage's has another name for the list."""

    results: list[_Result] = Field(validation_alias=AliasChoices("results", "data"))


_REPLY: Final[TypeAdapter[_Results | list[_Result]]] = TypeAdapter(_Results | list[_Result])


class HttpReranker:
    """A `Reranker` on a server; enter it before use, and its connections are closed at the end.

    The first candidates are scored in batches, at the same time. What the server does not score
    comes after them, in its order. Scores in [0, 1] stay as they are, and others, which are logits,
    go through the logistic function.

    Args:
        name: `http`, or `http:model`; then the model is named in each request.
        settings: the address, and how it is called.
    """

    def __init__(self, name: str, settings: RerankSettings) -> None:
        self._name = name
        self._model = name.partition(":")[2]
        self._settings = settings
        self._url = settings.rerank_url or ""
        key = settings.rerank_api_key
        self._client = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {key.get_secret_value()}"} if key else {},
            timeout=settings.rerank_timeout_seconds,
        )
        self._policy = CallPolicy(
            model=name,
            timeout_seconds=settings.rerank_timeout_seconds,
            retry=Retry(name, attempts=settings.rerank_attempts, base_seconds=0.1),
            breaker=CircuitBreaker(
                name, failures=_CIRCUIT_FAILURES, cooldown_seconds=_CIRCUIT_SECONDS
            ),
            limit=CallLimit(
                name,
                most=settings.rerank_concurrency,
                wait_seconds=settings.rerank_timeout_seconds,
                variable="APP_RERANK_CONCURRENCY",
            ),
        )

    async def __aenter__(self) -> Self:
        """Return the reranker."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def rerank(self, query: str, hits: Sequence[Hit]) -> Sequence[Hit]:
        """Return the hits, best first, with scores in (0, 1].

        Raises:
            RetrievalError: the server could not score all of the candidates in time.
        """
        candidates = hits[: self._settings.rerank_candidates]
        if not candidates:
            return hits
        batches = _batches(candidates, self._settings.rerank_batch)
        try:
            with Call.begin(seconds=self._settings.rerank_timeout_seconds).entered():
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(self._scores(query, batch)) for batch in batches]
        except ExceptionGroup as exc:
            # The first that failed has cancelled the others.
            first = exc.exceptions[0]
            if not isinstance(first, LLMError):
                raise
            raise RetrievalError(f"the reranker could not answer: {first}") from first
        raw = [score for task in tasks for score in task.result()]
        # The order is that of the raw scores, for large logits all become 1.
        order = sorted(range(len(raw)), key=lambda at: -raw[at])
        scores = _comparable(raw)
        scored = [replace(candidates[at], score=scores[at]) for at in order]
        least = scored[-1].score
        rest = [replace(hit, score=min(hit.score, least)) for hit in hits[len(candidates) :]]
        return [*scored, *rest]

    async def _scores(self, query: str, hits: Sequence[Hit]) -> list[float]:
        """Return the score of each hit, tried again where that helps."""
        texts = ["\n".join((*(hit.headings or (hit.title,)), hit.text)).strip() for hit in hits]

        async def attempt() -> list[float]:
            async with self._policy.attempt():
                seconds = self._policy.timeout_seconds
                return await in_time(self._sent(query, texts), seconds, model=self._name)

        return await self._policy.retry.run(attempt)

    async def _sent(self, query: str, texts: Sequence[str]) -> list[float]:
        """Send one request.

        Raises:
            InvalidResponseError: there is not one score for each text.
            ProviderError: the server cannot be reached, or refuses.
        """
        body: dict[str, object] = {
            "query": query[:_LONGEST_QUERY],
            self._settings.rerank_field: texts,
        }
        if self._model:
            body["model"] = self._model
        if self._settings.rerank_field == "texts":
            body["truncate"] = True
        try:
            response = await self._client.post(self._url, json=body)
        except httpx2.TimeoutException as exc:
            error: ProviderError = too_late(self._name)
            raise error from exc
        except httpx2.RequestError as exc:
            error = broken(self._name)
            raise error from exc
        if response.is_error or response.is_redirect:
            error = failed(
                self._name,
                response.status_code,
                response.headers,
                response.text,
                key="APP_RERANK_API_KEY",
                secret=self._settings.rerank_api_key,
            )
            raise error
        return _read(response.content, len(texts))


def _read(body: bytes, count: int) -> list[float]:
    """Return the scores in the order of the texts.

    Raises:
        InvalidResponseError: there is not one finite score for each text.
    """
    expected = f"one finite score for each of {count} passages"
    try:
        reply = _REPLY.validate_json(body)
    except ValidationError as exc:
        raise InvalidResponseError(response="", expected=expected) from exc
    results = reply.results if isinstance(reply, _Results) else reply
    scores = {result.index: result.score for result in results}
    if len(results) != count or scores.keys() != set(range(count)):
        raise InvalidResponseError(response=f"{len(results)} results", expected=expected)
    return [scores[index] for index in range(count)]


def _comparable(scores: Sequence[float]) -> list[float]:
    """Return scores in (0, 1] in the same order of size."""
    if all(0 <= score <= 1 for score in scores):
        return [max(_LEAST_SCORE, score) for score in scores]
    # The form of tanh does not overflow.
    return [max(_LEAST_SCORE, 0.5 + 0.5 * math.tanh(score / 2)) for score in scores]


def _batches(hits: Sequence[Hit], most: int) -> Iterator[Sequence[Hit]]:
    for start in range(0, len(hits), most):
        yield hits[start : start + most]
