"""The content of the cassettes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.provider.cassettes import CASSETTES, scrubbed
from gwkit.logging.redaction import Redactor

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("file", CASSETTES, ids=lambda file: file.stem)
def test_the_cassettes_say_where_they_are_from(file: Path) -> None:
    """The first line has the source; scrubbing a cassette again changes nothing."""
    text = file.read_text(encoding="utf-8")
    places = ("the faulty provider", "the vendor, api.", "another server than the vendor's")
    assert text.startswith(tuple(f"# Recorded at {place}" for place in places))
    assert text == scrubbed(text)


def test_no_recording_has_a_key() -> None:
    """No text looks like a key."""
    for cassette in CASSETTES:
        text = cassette.read_text(encoding="utf-8")
        assert text == Redactor().text(text), cassette.name
        assert "authorization" not in text.lower()
        assert "x-api-key" not in text.lower()
