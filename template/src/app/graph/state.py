"""Input and output of the answering pipeline: a question, and an answer with its citations."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from gwkit.index.store import Filters
from gwkit.models.messages import FinishReason, Prompt, Strict, Usage

__all__ = ["Answer", "Citation", "NearPassage", "Question"]


class Question(Strict, use_attribute_docstrings=True):
    """A question to some of the documents; an option that is `None` is as the settings say."""

    question: Prompt = Field(examples=["How do I upload a file?"])
    """The first 10,000 characters are looked for in the documents, and at most 64 different words
    of them; a model gets all of it."""

    top_k: Annotated[int, Field(strict=True, ge=1, le=100)] | None = None
    """Chunks that the answer may draw on."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """Chat model, in the form `provider:model`."""

    temperature: Annotated[float, Field(strict=True, ge=0.0, le=2.0)] | None = None
    """Sampling temperature of the model."""

    max_tokens: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = None
    """Most tokens in the answer."""

    filters: Filters = Field(default_factory=Filters)


class Citation(Strict):
    """A retrieved chunk that the answer refers to; the first one is `[1]` in its text.

    `heading` is where in the document the text stands; it is for people, and not in the JSON.
    """

    document: str
    chunk: str
    score: Annotated[float, Field(gt=0.0, le=1.0)]
    text: str
    heading: str = Field(default="", exclude=True)


class NearPassage(Strict):
    """A passage that came near the question; `heading` is where in the document it stands."""

    document: str
    chunk: str
    heading: str
    text: str


class Answer(Strict):
    """An answer whose every `[n]` is the n-th of its citations.

    Without evidence `found` is false, the text says so in the question's language, there are no
    citations, and `nearest` has the passages that came nearest, best first.
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
    nearest: tuple[NearPassage, ...] = ()
