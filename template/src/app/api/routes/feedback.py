"""`POST /v1/feedback`: feedback on an answer, kept for the golden set."""

from __future__ import annotations

import asyncio

import structlog
from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.api.dependencies import OpenServices
from app.api.documentation import problems
from app.evaluation.feedback import Feedback, FeedbackEntry, FeedbackFile

__all__ = ["give_feedback", "router"]

router = APIRouter(prefix="/v1", tags=["answers"])

_log = structlog.stdlib.get_logger(__name__)


@router.post("/feedback", status_code=204, response_class=Response, responses=problems(400, 422))
async def give_feedback(body: Feedback, request: Request, services: OpenServices) -> None:
    """Keep feedback on an answer; `python -m app feedback` shows and exports it.

    Raises:
        HTTPException: 503, the file is full.
    """
    user = request.scope.get("user")
    entry = FeedbackEntry(**dict(body), client=user.display_name if user else "")
    file = FeedbackFile(services.settings.index_path)
    if not await asyncio.to_thread(file.add, entry):
        raise HTTPException(503, "there is no room for more feedback")
    _log.info("feedback_received", helpful=entry.helpful, answer_id=entry.answer_id)
