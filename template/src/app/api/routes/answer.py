"""`POST /v1/answer`: a question, answered from the documents with citations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.api.dependencies import OpenServices
from app.api.documentation import event_stream, problems
from app.api.schemas import AnswerRequest, AnswerResponse, Citations
from gwkit.http.middleware import unless_disconnected
from gwkit.http.problems import Problem
from gwkit.http.sse import MEDIA_TYPE, EventStream, event
from gwkit.models.messages import Delta

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from pydantic import BaseModel

    from app.graph.state import Answer

__all__ = ["answer_question", "router"]

router = APIRouter(prefix="/v1", tags=["answers"])

_DESCRIPTION: Final = (
    "The answer. With `stream` its events: `token` with a piece of the text in `text`, as often as "
    "there are pieces; then `citations`, and `done` with the whole answer; or `error` with a "
    "problem."
)
# An answer has been validated already; the request's id is added.
_response: Final = AnswerResponse.model_construct
_EVENTS: Final[Mapping[str, type[BaseModel]]] = {
    "token": Delta,
    "citations": Citations,
    "done": AnswerResponse,
    "error": Problem,
}


@router.post(
    "/answer",
    response_model=AnswerResponse,
    responses={
        200: {
            "description": _DESCRIPTION,
            "content": {MEDIA_TYPE: event_stream(_EVENTS)},
        },
        **problems(400, 422, 502),
    },
)
async def answer_question(
    body: AnswerRequest, request: Request, services: OpenServices
) -> AnswerResponse | Response:
    """Answer a question from the documents, or say that they do not have the answer.

    Raises:
        HTTPException: 422, streaming is switched off.
    """
    if not body.stream:
        work = services.answerer.answer(body)
        return _response(**dict(await unless_disconnected(request, work)))
    if not services.settings.enable_streaming:
        raise HTTPException(422, "streaming is switched off here (APP_ENABLE_STREAMING)")
    return EventStream(_events(services.answerer.stream(body)))


async def _events(parts: AsyncIterator[Delta | Answer]) -> AsyncGenerator[bytes]:
    async for part in parts:
        if isinstance(part, Delta):
            yield event("token", part)
        else:
            yield event("citations", Citations(citations=part.citations))
            yield event("done", _response(**dict(part)))
