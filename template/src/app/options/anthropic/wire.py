"""The parts of Anthropic's answers that are used here, to be looked at before they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gwkit.models.replies import WireModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gwkit.models.replies import RawUsage

__all__ = ["STATUSES", "Change", "Event", "Piece", "Reply", "Start", "Usage"]

STATUSES: Final[Mapping[str, int]] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The statuses of errors that come as an event of a stream, which itself began with 200."""


class Usage(WireModel):
    """Tokens; what was written to the vendor's cache or read from it belongs to the prompt."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None

    def added_to(self, usage: RawUsage) -> RawUsage:
        """Return a usage with what is told here; a stream tells the parts one after the other."""
        prompt, completion = usage["prompt_tokens"], usage["completion_tokens"]
        if self.input_tokens is not None:
            cached = (self.cache_creation_input_tokens or 0) + (self.cache_read_input_tokens or 0)
            prompt = self.input_tokens + cached
        if self.output_tokens is not None:
            completion = self.output_tokens
        return {"prompt_tokens": prompt, "completion_tokens": completion}


class _Block(WireModel):
    type: str
    text: str | None = None


class Reply(WireModel):
    """A message."""

    content: list[_Block]
    stop_reason: str | None = None
    usage: Usage | None = None


class Event(WireModel):
    """An event of a stream; `type` says which of the classes below it is."""

    type: str


class _Text(WireModel):
    type: str
    text: str = ""


class Piece(WireModel):
    """A `content_block_delta`."""

    delta: _Text


class _Message(WireModel):
    usage: Usage | None = None


class Start(WireModel):
    """A `message_start`."""

    message: _Message


class _Stop(WireModel):
    stop_reason: str | None = None


class Change(WireModel):
    """A `message_delta`."""

    delta: _Stop
    usage: Usage | None = None
