"""What people think of answers: a file beside the index, and the golden cases that it suggests."""

from __future__ import annotations

import os
from collections import defaultdict
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Final

import structlog
from pydantic import Field, StrictBool, StringConstraints, ValidationError

from app.evaluation.golden import GoldenCase
from gwkit.models.messages import Prompt, Strict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Feedback", "FeedbackEntry", "FeedbackFile", "golden_candidates"]

_log = structlog.stdlib.get_logger(__name__)

_MOST_BYTES: Final = 100_000_000
_Document = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]


class Feedback(Strict):
    """A person's feedback on an answer; for the same `answer_id`, the last one counts."""

    answer_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,128}$")] = Field(
        description="The `request_id` of the answer."
    )
    question: Prompt
    answer: Annotated[str, StringConstraints(max_length=100_000)] = ""
    documents: Annotated[tuple[_Document, ...], Field(max_length=100)] = Field(
        default=(), description="The documents that the answer cites."
    )
    helpful: StrictBool
    comment: Annotated[str, StringConstraints(max_length=2_000)] = ""


class FeedbackEntry(Feedback):
    """Feedback as it is kept: with its time (UTC, ISO 8601) and the name of the caller's key."""

    at: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    client: str = ""


class FeedbackFile:
    """One JSON object to a line; processes may share it. Its methods block.

    Args:
        index_path: the file lies beside it, so that a rebuild of the index leaves it alone.
    """

    def __init__(self, index_path: Path) -> None:
        self.path = index_path.with_suffix(".feedback.jsonl")

    def add(self, entry: FeedbackEntry) -> bool:
        """Append an entry; return whether there was room for it.

        Raises:
            OSError: the file cannot be written.
        """
        line = entry.model_dump_json().encode() + b"\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # One write at the end of the file: lines of several processes do not mix.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        with os.fdopen(os.open(self.path, flags, 0o600), "ab", buffering=0) as file:
            fits = os.fstat(file.fileno()).st_size + len(line) <= _MOST_BYTES
            return fits and file.write(line) == len(line)

    def entries(self) -> list[FeedbackEntry]:
        """Return the entries, the last for each answer, oldest first; broken lines are skipped.

        Raises:
            OSError: the file cannot be read.
        """
        found: dict[str, FeedbackEntry] = {}
        if self.path.exists():
            with self.path.open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    try:
                        entry = FeedbackEntry.model_validate_json(line)
                    except ValidationError:
                        _log.warning("feedback_skipped", file=str(self.path), line=number)
                        continue
                    found.pop(entry.answer_id, None)
                    found[entry.answer_id] = entry
        return list(found.values())


def golden_candidates(entries: Iterable[FeedbackEntry]) -> list[GoldenCase]:
    """Return a golden case for each question with a helpful answer: what that cites is relevant.

    They are for a person to review: what an answer does not cite may be relevant, too.
    """
    relevant: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for entry in entries:
        if entry.helpful and entry.documents:
            relevant[entry.question] |= dict.fromkeys(entry.documents, 1)
    return [
        GoldenCase(
            id=f"feedback-{sha256(question.encode()).hexdigest()[:8]}",
            question=question,
            relevant=documents,
        )
        for question, documents in relevant.items()
    ]
