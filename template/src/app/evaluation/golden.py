"""The golden set: questions with the documents that answer them, one JSON object to a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints, ValidationError, field_validator

from app.exceptions import EvaluationError
from app.ingestion.names import document_name
from gwkit.models.messages import Prompt, Strict

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

__all__ = ["GoldenCase", "load_golden", "require_documents"]

_Name = Annotated[str, StringConstraints(min_length=1)]


class GoldenCase(Strict):
    """A question and its judgements: document ids with grades, 0 for irrelevant, more is better.

    Where `relevant` is empty, the documents do not answer the question. `answer` has texts that an
    answer must contain, whatever their case and markup.
    """

    id: _Name
    question: Prompt
    relevant: dict[_Name, Annotated[int, Field(ge=0, le=100, strict=True)]]
    answer: tuple[_Name, ...] = ()

    @field_validator("relevant")
    @classmethod
    def _check_relevant(cls, relevant: dict[str, int]) -> dict[str, int]:
        if relevant and not any(relevant.values()):
            raise ValueError(
                "at least one document must have a grade above 0, or there must be none"
            )
        return {document_name(document): grade for document, grade in relevant.items()}


def load_golden(path: Path) -> tuple[GoldenCase, ...]:
    """Read a golden set; blank lines are skipped. It blocks, so call it off the event loop.

    Raises:
        EvaluationError: the file cannot be read, has no case, or a line is wrong; every wrong line
            is named with its number.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise EvaluationError(f"{path} cannot be read: {exc}") from exc
    cases: dict[str, GoldenCase] = {}
    problems: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            case = GoldenCase.model_validate_json(line)
        except ValidationError as exc:
            problems.append(f"line {number}: {_reasons(exc)}")
            continue
        if case.id in cases:
            problems.append(f"line {number}: the id {case.id!r} is taken by an earlier line")
        cases[case.id] = case
    if problems:
        raise EvaluationError("\n".join((f"{path} is no golden set:", *problems)))
    if not cases:
        raise EvaluationError(f"{path} has no cases")
    return tuple(cases.values())


def require_documents(cases: Sequence[GoldenCase], documents: Collection[str]) -> None:
    """Check that every judged document is indexed; one that is not could never be found.

    Raises:
        EvaluationError: some are not; it names them.
    """
    judged = {document for case in cases for document in case.relevant}
    if missing := sorted(judged - set(documents)):
        names = ", ".join(missing)
        raise EvaluationError(
            f"the golden set names documents that are not in the index: {names}; "
            "ingest the folder that it was written for"
        )


def _reasons(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'the line'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False)
    )
