"""Prompts: versioned files, hashed, and filled so that retrieved text stays data."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING

from app.exceptions import ConfigError
from app.graph.evidence import passages
from gwkit.models.messages import ChatRequest, Message
from gwkit.text.characters import escape_controls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from app.config.settings import Settings
    from app.graph.state import Question
    from gwkit.index.store import Hit
    from gwkit.models.messages import Passage

__all__ = ["PromptFile", "load_prompt"]

_SEPARATOR = "\n=====\n"
_PLACEHOLDERS = frozenset({"passages", "question"})

# What chat templates of open models begin a turn with. Some servers read these also where a message
# has them in its text, so a space takes them apart.
_TURN = re.compile(
    r"<(?=[|\uff5c][^<>\n]{1,60}[|\uff5c]>|/?s>|</?SYS>>|(?:start|end)_of_turn>|[be]os>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A prompt as its file has it: the system message, and the user message's template.

    `digest` is the SHA-256 of the file in hexadecimal: with the model's name and its options it
    says how an answer was asked for.
    """

    digest: str
    system: str
    user: Template

    def request(self, question: Question, settings: Settings, hits: Sequence[Hit]) -> ChatRequest:
        """Return what is sent to a model: the question with these hits, best first."""
        sent = passages(hits)
        temperature = question.temperature
        return ChatRequest(
            messages=self.messages(question.question, sent),
            question=question.question,
            passages=sent,
            temperature=settings.temperature if temperature is None else temperature,
            max_tokens=question.max_tokens or settings.max_tokens,
            prompt_hash=self.digest,
        )

    def messages(
        self, question: str, passages: Sequence[Passage], *, mark: str | None = None
    ) -> tuple[Message, ...]:
        """Return the conversation to send.

        Every passage stands between lines that carry `mark`, 128 random bits made for this request
        unless it is given, which neither the passages nor the question have: no document can
        contain the line that would end its passage. Nor can anything begin a turn of its own.
        """
        mark = mark or _unused_mark(question, passages)
        fenced = "\n\n".join(_fenced(passage, mark) for passage in passages)
        return self.filled({"mark": mark, "passages": fenced, "question": question})

    def filled(self, values: Mapping[str, str]) -> tuple[Message, ...]:
        """Return the conversation with these values in it, of which none begins a turn."""
        inert = {name: _TURN.sub(r"\g<0> ", text) for name, text in values.items()}
        user = self.user.substitute(inert)
        return (Message(role="system", content=self.system), Message(role="user", content=user))


def load_prompt(path: Path, placeholders: frozenset[str] = _PLACEHOLDERS) -> PromptFile:
    """Read a prompt file; this blocks, so call it off the event loop and keep the result.

    Args:
        path: the file.
        placeholders: what its second part must have, beside `$mark`, which it may have.

    Raises:
        ConfigError: the file cannot be read, or is no prompt.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"the prompt {path} cannot be read: {exc}") from exc
    system, separator, user = text.partition(_SEPARATOR)
    template = Template(user.strip())
    names = set(template.get_identifiers())
    if not separator or not template.is_valid() or names - {"mark"} != placeholders:
        needed = ", ".join(f"${name}" for name in sorted(placeholders))
        raise ConfigError(
            f"the prompt {path} must have two parts with a line ===== between them, and in the "
            f"second one {needed} and no other placeholder but $mark"
        )
    return PromptFile(
        digest=hashlib.sha256(text.encode()).hexdigest(),
        system=system.strip(),
        user=template,
    )


def _unused_mark(question: str, passages: Sequence[Passage]) -> str:
    data = "\n".join((question, *(passage.model_dump_json() for passage in passages)))
    while (mark := secrets.token_hex(16)) in data:
        pass
    return mark


def _fenced(passage: Passage, mark: str) -> str:
    # JSON keeps a document's name on its line, and shows what cannot be seen.
    source = json.dumps(
        {"number": passage.number, "document": passage.document, "heading": passage.heading},
        ensure_ascii=False,
    )
    return f"<passage {mark} {escape_controls(source)}>\n{passage.text}\n</passage {mark}>"
