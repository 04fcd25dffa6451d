"""Prompts: versioned files, hashed, and filled so that retrieved text stays data."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from app.llm.messages import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.llm.messages import Passage

__all__ = ["ANSWER_PROMPT", "PromptFile", "load_prompt"]

ANSWER_PROMPT = "answer.v1"
"""The prompt in force; its file lies in `app/graph/prompts`."""

_SEPARATOR = "\n=====\n"


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A prompt as its file has it: the system message, and the user message's template.

    `digest` is the SHA-256 of the file in hexadecimal: with the model's name and its options it
    says how an answer was asked for.
    """

    name: str
    digest: str
    system: str
    user: Template

    def messages(
        self, question: str, passages: Sequence[Passage], *, mark: str | None = None
    ) -> tuple[Message, ...]:
        """Return the conversation to send.

        Every passage stands between lines that carry `mark`, 128 random bits made for this request
        unless it is given, so that no document can contain the line that would end its passage.
        """
        mark = mark or secrets.token_hex(16)
        fenced = "\n\n".join(_fenced(passage, mark) for passage in passages)
        user = self.user.substitute(mark=mark, passages=fenced, question=question)
        return (
            Message(role="system", content=self.system),
            Message(role="user", content=user),
        )


def load_prompt(name: str) -> PromptFile:
    """Read a prompt file; this blocks, so call it off the event loop and keep the result."""
    text = files("app.graph.prompts").joinpath(f"{name}.md").read_text(encoding="utf-8")
    system, _, user = text.partition(_SEPARATOR)
    return PromptFile(
        name=name,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        system=system.strip(),
        user=Template(user.strip()),
    )


def _fenced(passage: Passage, mark: str) -> str:
    # JSON keeps a document's name on its line, whatever characters it has.
    source = json.dumps(
        {"number": passage.number, "document": passage.document, "heading": passage.heading},
        ensure_ascii=False,
    )
    return f"<passage {mark} {source}>\n{passage.text}\n</passage {mark}>"
