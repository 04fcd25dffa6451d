"""Input and output of the answering pipeline: a question, and an answer with its citations."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import Field, StringConstraints, field_validator

from gwkit.index.store import Filters
from gwkit.models.messages import FinishReason, Prompt, Strict, Usage

__all__ = [
    "Answer",
    "Citation",
    "Located",
    "NearPassage",
    "Question",
    "Quote",
    "Turn",
    "Unsupported",
]

_T = TypeVar("_T")
_IfKnown = Annotated[_T | None, Field(exclude_if=lambda value: value is None)]

_MOST_CONVERSATION = 100_000
_Conversation = Annotated[tuple["Turn", ...], Field(max_length=50)]


class Turn(Strict):
    """What was said before the question, by the user or by the service."""

    role: Literal["user", "assistant"]
    content: Prompt


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

    messages: _Conversation = ()
    """What was said before, oldest first, if this is a follow-up: at most 50 messages with 100,000
    characters together. The service keeps no conversation."""

    @field_validator("messages")
    @classmethod
    def _check_length(cls, messages: tuple[Turn, ...]) -> tuple[Turn, ...]:
        """Refuse a conversation that is too long.

        Raises:
            ValueError: it is.
        """
        if sum(len(turn.content) for turn in messages) > _MOST_CONVERSATION:
            msg = f"the messages have more than {_MOST_CONVERSATION:,} characters together"
            raise ValueError(msg)
        return messages


class Located(Strict, use_attribute_docstrings=True):
    """Where something stands in the original file; what its format does not say is left out."""

    page: _IfKnown[int] = None
    """The page or slide, counted from 1, whatever number is printed on it."""

    sheet: _IfKnown[str] = None
    """The sheet of a workbook."""

    row: _IfKnown[int] = None
    """The row of the sheet, counted from 1."""


class Quote(Located):
    """A part of a passage, `text[start:end]`, counted in Unicode code points from 0."""

    start: int
    end: int
    text: str


class Citation(Located):
    """A retrieved chunk that the answer refers to; the first one is `[1]` in its text."""

    document: str
    title: str = ""
    headings: tuple[str, ...] = ()
    """The headings above the passage, outermost first."""

    chunk: str
    score: Annotated[float, Field(gt=0.0, le=1.0)]
    text: str
    quotes: tuple[Quote, ...] = ()
    """The sentences of the passage that say what the answer says, in their order. The page, sheet
    and row of the citation are those of the first."""


class Unsupported(Strict):
    """A sentence, `answer[start:end]` in code points, that its passages do not bear out.

    `kind` is what they lack and `missing` the words for it, as they stand in the sentence.
    """

    start: int
    end: int
    sentence: str
    citations: tuple[int, ...]
    kind: Literal["quote", "number", "date", "name", "page"]
    missing: str


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
    `question` is the question that was answered: a follow-up as a question of its own.
    `unsupported` has the sentences that failed the check of `APP_CITATIONS`.
    `prompt_hash` is the SHA-256 of the prompt file in hexadecimal. `finish_reason` is
    `length` if the text was cut off at the limit of tokens, and `stop` if it is complete.
    """

    answer: str
    citations: tuple[Citation, ...]
    unsupported: tuple[Unsupported, ...] = ()
    question: str = ""
    model: str
    usage: Usage
    found: bool
    prompt_hash: str
    finish_reason: FinishReason = "stop"
    nearest: tuple[NearPassage, ...] = ()
