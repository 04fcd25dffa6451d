"""The parts of Anthropic's answers that are used here, to be looked at before they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from gwkit.resilience.replies import Lenient, Text, Tokens, WireModel

if TYPE_CHECKING:
    from gwkit.resilience.replies import RawUsage

__all__ = ["Event", "Reply", "Usage"]


class Usage(WireModel):
    """Tokens; what was written to the vendor's cache or read from it belongs to the prompt."""

    input_tokens: Tokens = None
    cache_creation_input_tokens: Tokens = None
    cache_read_input_tokens: Tokens = None
    output_tokens: Tokens = None

    def added_to(self, usage: RawUsage) -> RawUsage:
        """Return a usage with what is told here; a stream tells the parts one after the other."""
        prompt, completion = usage["prompt_tokens"], usage["completion_tokens"]
        if self.input_tokens is not None:
            cached = (self.cache_creation_input_tokens or 0) + (self.cache_read_input_tokens or 0)
            prompt = self.input_tokens + cached
        if self.output_tokens is not None:
            completion = self.output_tokens
        return {"prompt_tokens": prompt, "completion_tokens": completion}


class Reply(WireModel):
    """A message, or an error; its content is the text of the blocks: thoughts have none."""

    content: Text = ""
    stop_reason: str | None = None
    usage: Annotated[Usage | None, Lenient] = None
    error: object = None


class _Delta(WireModel):
    text: Text = ""
    stop_reason: str | None = None


class _Message(WireModel):
    usage: Annotated[Usage | None, Lenient] = None


class Event(WireModel):
    """An event of a stream, of any type."""

    type: str
    content_block: Text = ""
    delta: _Delta | None = None
    message: _Message | None = None
    usage: Annotated[Usage | None, Lenient] = None
    error: object = None

    @property
    def text(self) -> str:
        """The text that it adds to the reply."""
        return self.content_block + (self.delta.text if self.delta else "")
