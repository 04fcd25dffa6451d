"""What goes into the graph, what its steps hand on, and what comes out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, InstanceOf

from gwkit.index.store import Filters
from gwkit.models.messages import FinishReason, Prompt, Strict, Usage

__all__ = ["Answer", "Citation", "Question"]


class Question(Strict):
    """A question to the documents; an option that is `None` is as the settings say."""

    question: Prompt
    filters: InstanceOf[Filters] = Field(default_factory=Filters)
    top_k: Annotated[int, Field(ge=1, le=100)] | None = None
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    model: str | None = None


class Citation(Strict):
    """A retrieved chunk that the answer refers to; the first one is `[1]` in its text.

    `heading` is where in the document the text stands; it is for people, and not in the JSON.
    """

    document: str
    chunk: str
    score: Annotated[float, Field(gt=0.0, le=1.0)]
    text: str
    heading: str = Field(default="", exclude=True)


class Answer(Strict):
    """An answer whose every `[n]` is the n-th of its citations.

    Without evidence `found` is false, the text is `NOT_FOUND` and there are no citations.
    `prompt_hash` is the SHA-256 of the prompt file in hexadecimal. `finish_reason` is
    `length` if the text was cut off at the limit of tokens, and `stop` if it is complete.
    """

    answer: str
    citations: tuple[Citation, ...]
    model: str
    usage: Usage
    found: bool
    prompt_hash: str
    finish_reason: FinishReason = "stop"
