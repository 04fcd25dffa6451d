"""Errors in OpenAI's form, also those of the layers around the routes: keys, limits, sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi.routing import APIRoute
from fastapi.sse import format_sse_event
from starlette.responses import Response

from app.options.openai_api.schemas import ErrorBody, ErrorDetails
from gwkit.text.characters import escape_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gwkit.http.problems import Problem

__all__ = ["OpenAIRoute"]

_SERVER_ERROR: Final = 500
_TOO_MANY_REQUESTS: Final = 429
# Clients look for these; every other status and code is that of the problem.
_STATUSES: Final = {"invalid_request": 400, "unknown_model": 404}
_CODES: Final = {"unknown_model": "model_not_found", "unauthorized": "invalid_api_key"}


class OpenAIRoute(APIRoute):
    """A route whose errors have OpenAI's form."""

    def error_response(self, problem: Problem, headers: Mapping[str, str]) -> Response:
        """Return the problem as a response."""
        return Response(
            _body(problem),
            status_code=_STATUSES.get(problem.code, problem.status),
            headers=dict(headers),
            media_type="application/json",
        )

    def error_event(self, problem: Problem) -> bytes:
        """Return the problem as the last event of a stream."""
        return format_sse_event(data_str=escape_json(_body(problem)))


def _body(problem: Problem) -> str:
    message, param = problem.detail, None
    if problem.errors:
        places = [".".join(map(str, error.loc[1:])) for error in problem.errors]
        param = places[0] or None
        found = zip(places, problem.errors, strict=True)
        message = "; ".join(f"{place or 'body'}: {error.msg}" for place, error in found)
    details = ErrorDetails(
        message=message,
        type="invalid_request_error",
        param=param,
        code=_CODES.get(problem.code, problem.code),
    )
    if problem.status == _TOO_MANY_REQUESTS:
        details.type = "rate_limit_error"
    elif problem.status >= _SERVER_ERROR:
        details.type = "server_error"
    return ErrorBody(error=details).model_dump_json()
