"""Reading a golden set, and rejecting an invalid one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.evaluation.golden import GoldenCase, load_golden, require_documents
from gwkit.errors import EvaluationError

if TYPE_CHECKING:
    from pathlib import Path

GOOD = '{"id": "a", "question": "How long?", "relevant": {"x.md": 2, "y.md": 0}}'


def written(folder: Path, *lines: str) -> Path:
    """Return a file with these lines."""
    path = folder / "golden.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_cases_are_read_in_order(tmp_path: Path) -> None:
    """Blank lines and a byte order mark are skipped."""
    path = written(tmp_path, "\ufeff" + GOOD, "", GOOD.replace('"a"', '"b"'), "  ")
    first = GoldenCase(id="a", question="How long?", relevant={"x.md": 2, "y.md": 0})
    assert (first, first.model_copy(update={"id": "b"})) == load_golden(path)


def test_a_case_may_have_no_relevant_document(tmp_path: Path) -> None:
    """Its question is one to refuse; another may have texts that its answer must contain."""
    refused = '{"id": "b", "question": "Who?", "relevant": {}}'
    keyed = GOOD.replace("}}", '}, "answer": ["72 hours"]}')
    first, second = load_golden(written(tmp_path, keyed, refused))
    assert (("72 hours",), {}) == (first.answer, second.relevant)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line 2: .*JSON"),
        ("[]", "line 2: the line: .*object"),
        (GOOD.replace("How long?", " "), "line 2: question: .*at least 1 character"),
        (GOOD.replace('"a"', '""'), "line 2: id: "),
        (GOOD.replace('"id"', '"name"'), "line 2: id: Field required; name: Extra"),
        (GOOD.replace("}}", '}, "answer": [""]}'), "line 2: answer.0: .*at least 1 character"),
        (GOOD.replace("2", "0"), "line 2: relevant: .*above 0"),
        (GOOD.replace("2", "-1"), "line 2: relevant.x.md: "),
        (GOOD.replace("2", "1.5"), "line 2: relevant.x.md: .*integer"),
        (GOOD.replace("2", '"2"'), "line 2: relevant.x.md: .*integer"),
        (GOOD.replace('"x.md"', '""'), "line 2: relevant"),
        (GOOD, "line 2: the id 'a' is taken by an earlier line"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    """The error names the line and the fault."""
    with pytest.raises(EvaluationError, match=reason):
        load_golden(written(tmp_path, GOOD, line))


def test_all_wrong_lines_are_named(tmp_path: Path) -> None:
    """One run lists all faults."""
    with pytest.raises(EvaluationError, match=r"line 1: .*\nline 3: "):
        load_golden(written(tmp_path, "{", GOOD, "{"))


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_a_blank_file_is_no_golden_set(tmp_path: Path, text: str) -> None:
    """A gate over no cases would always pass."""
    with pytest.raises(EvaluationError, match="has no cases"):
        load_golden(written(tmp_path, text))


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """The file is missing, or not text."""
    with pytest.raises(EvaluationError, match="cannot be read"):
        load_golden(tmp_path / "absent.jsonl")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EvaluationError, match="cannot be read"):
        load_golden(tmp_path / "binary")


def test_unknown_documents_are_named() -> None:
    """Documents that are not indexed cannot be found, so the measures would blame the search."""
    cases = [GoldenCase(id="a", question="How long?", relevant={"x.md": 2, "z.md": 1, "y.md": 1})]
    require_documents(cases, {"x.md", "y.md", "z.md"})
    with pytest.raises(EvaluationError, match=r"not in the index: y\.md, z\.md;"):
        require_documents(cases, {"x.md"})
