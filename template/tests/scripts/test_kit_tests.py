"""`make test KIT=1` reports in one line why the kit's tests cannot be fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts import kit_tests

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ("", "has no _commit"),
        ("_commit: v0.1.0\n", "has no _src_path"),
        ("_src_path: gone\n_commit: v0.1.0\n", "cannot fetch the template from gone: "),
    ],
)
def test_what_cannot_be_fetched_is_said_in_one_line(
    answers: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A checkout without a release, and an unreachable template, give no traceback."""
    (tmp_path / ".copier-answers.yml").write_text(answers, encoding="utf-8")
    monkeypatch.setattr(kit_tests, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)

    assert 1 == kit_tests.main([])
    error = capsys.readouterr().err
    assert message in error
    assert 1 == error.count("\n")
