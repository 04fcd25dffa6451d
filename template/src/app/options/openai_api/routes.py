"""`GET /v1/models` and `POST /v1/chat/completions`: the service as one of OpenAI's chat models."""

from __future__ import annotations

import re
from contextlib import aclosing
from datetime import UTC, datetime
from http.client import responses
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.sse import format_sse_event
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.api.dependencies import OpenServices
from app.exceptions import UnknownModelError
from app.graph.state import Question
from app.options.openai_api.errors import OpenAIRoute
from app.options.openai_api.schemas import (
    Annotation,
    Choice,
    Chunk,
    ChunkChoice,
    Completion,
    CompletionRequest,
    Delta,
    ErrorBody,
    Message,
    Model,
    ModelList,
    UrlCitation,
    Usage,
)
from gwkit.http.middleware import unless_disconnected
from gwkit.http.sse import MEDIA_TYPE, EventStream
from gwkit.logging.formatting import request_id
from gwkit.models import messages
from gwkit.text.characters import escape_json

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from app.graph.state import Answer
    from app.services import Services

__all__ = ["complete", "list_models", "router"]

_MARK: Final = re.compile(r"\[([0-9]{1,4})\]")
# Clients send the whole conversation, however long it has become; the last turns say what is meant.
_MOST_TURNS: Final = 20
_END: Final = format_sse_event(data_str="[DONE]")
_STATUSES: Final = (400, 401, 403, 404, 408, 413, 421, 422, 429, 500, 502, 503, 504)

router = APIRouter(
    prefix="/v1",
    tags=["openai"],
    route_class=OpenAIRoute,
    responses={
        status: {"description": responses[status], "model": ErrorBody} for status in _STATUSES
    },
)


@router.get("/models")
async def list_models(services: OpenServices) -> ModelList:
    """Return the service as the only model."""
    settings = services.settings
    model = Model(
        id=settings.service_name,
        created=int(datetime.now(UTC).timestamp()),
        owned_by=settings.default_model,
    )
    return ModelList(data=(model,))


@router.post(
    "/chat/completions",
    response_model=Completion,
    responses={200: {"content": {MEDIA_TYPE: {"schema": Chunk.model_json_schema()}}}},
)
async def complete(
    body: CompletionRequest, request: Request, services: OpenServices
) -> Completion | Response:
    """Answer the last message from the documents, with citations as annotations.

    Raises:
        HTTPException: 422, streaming is switched off.
        RequestValidationError: the conversation is no question to the service.
        UnknownModelError: the service is not called that.
    """
    known = {services.settings.service_name, services.settings.default_model}
    if body.model not in known:
        raise UnknownModelError(body.model, known)
    question = _question(body)
    writer = _Writer(f"{request.base_url}v1/documents/")
    if not body.stream:
        answer = await unless_disconnected(request, services.answerer.answer(question))
        return writer.completion(answer)
    if not services.settings.enable_streaming:
        raise HTTPException(422, "streaming is switched off here (APP_ENABLE_STREAMING)")
    with_usage = body.stream_options is not None and body.stream_options.include_usage
    return EventStream(_events(question, services, writer, with_usage=with_usage))


def _question(body: CompletionRequest) -> Question:
    """Return the question that a conversation ends with, and what was said before it.

    Raises:
        RequestValidationError: the question is empty, or the conversation too long.
    """
    said = [
        {"role": turn.role, "content": turn.text}
        for turn in body.messages[:-1]
        if turn.role in {"user", "assistant"} and turn.text.strip()
    ]
    try:
        return Question.model_validate(
            {
                "question": body.messages[-1].text,
                "messages": said[-_MOST_TURNS:],
                "temperature": body.temperature,
                "max_tokens": body.max_completion_tokens or body.max_tokens,
            }
        )
    except ValidationError as exc:
        errors = [{**error, "loc": ("body", *error["loc"])} for error in exc.errors()]
        raise RequestValidationError(errors) from exc


async def _events(
    question: Question, services: Services, writer: _Writer, *, with_usage: bool
) -> AsyncGenerator[bytes]:
    model, shown = services.settings.default_model, ""
    async with aclosing(services.answerer.stream(question)) as parts:
        async for part in parts:
            if isinstance(part, messages.Delta):
                if part.text:
                    delta: Delta = {"content": part.text}
                    if not shown:
                        delta["role"] = "assistant"
                    shown += part.text
                    yield writer.chunk(model, ChunkChoice(delta=delta))
                continue
            # Some replies turn out to be no answer only at their end. Nothing that was sent can be
            # taken back in this format, so what is true comes after it.
            shift = 0
            if shown.strip() != part.answer:
                shift = len(shown) + 2
                delta = {"content": f"\n\n{part.answer}"}
                yield writer.chunk(model, ChunkChoice(delta=delta))
            if annotations := writer.annotations(part, shift):
                delta = {"annotations": annotations}
                yield writer.chunk(model, ChunkChoice(delta=delta))
            end = ChunkChoice(delta={}, finish_reason=part.finish_reason)
            yield writer.chunk(part.model, end)
            if with_usage:
                yield writer.chunk(part.model, usage=_usage(part))
    yield _END


def _usage(answer: Answer) -> Usage:
    return Usage(
        prompt_tokens=answer.usage.prompt_tokens,
        completion_tokens=answer.usage.completion_tokens,
        total_tokens=answer.usage.total_tokens,
    )


class _Writer:
    """Writes one answer in OpenAI's form, whole or in chunks.

    Args:
        documents_url: the address of a document, without its id.
    """

    def __init__(self, documents_url: str) -> None:
        self._documents_url = documents_url
        self._id = f"chatcmpl-{request_id()}"
        self._created = int(datetime.now(UTC).timestamp())

    def completion(self, answer: Answer) -> Completion:
        """Return the whole answer."""
        message = Message(content=answer.answer, annotations=self.annotations(answer))
        return Completion(
            id=self._id,
            created=self._created,
            model=answer.model,
            choices=(Choice(message=message, finish_reason=answer.finish_reason),),
            usage=_usage(answer),
        )

    def chunk(self, model: str, *choices: ChunkChoice, usage: Usage | None = None) -> bytes:
        """Return an event with a piece of the answer, or with its usage."""
        chunk = Chunk(id=self._id, created=self._created, model=model, choices=choices, usage=usage)
        return format_sse_event(data_str=escape_json(chunk.model_dump_json()))

    def annotations(self, answer: Answer, shift: int = 0) -> tuple[Annotation, ...]:
        """Return one annotation for each `[n]` of the text, which stands `shift` further on."""
        found = []
        for mark in _MARK.finditer(answer.answer):
            if 0 < (number := int(mark[1])) <= len(answer.citations):
                document = answer.citations[number - 1].document
                citation = UrlCitation(
                    start_index=mark.start() + shift,
                    end_index=mark.end() + shift,
                    title=document,
                    url=self._documents_url + quote(document),
                )
                found.append(Annotation(url_citation=citation))
        return tuple(found)
