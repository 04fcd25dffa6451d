"""The replies of a parser process are read as data, whatever they hold."""

from __future__ import annotations

import io
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingestion.loaders import Loaded
from gwkit.documents import Block, BlockKind, Place
from gwkit.errors import IngestError, ParseLimitError
from gwkit.parsing.pool import decode_reply
from gwkit.parsing.transport import Refusal, encode_reply, read_frame, write_frame

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["reason", "is_limit", "title", "blocks", "metadata", "x"]), inner
        )
    ),
    max_leaves=12,
)


def test_a_document_comes_back_as_it_was_parsed() -> None:
    """Every field is preserved, in any script, even invalid text."""
    loaded = Loaded(
        "Tïtle",
        (
            Block(BlockKind.HEADING, "漢", 2, (Place(0, 3), Place(1, 0, "Ä 1", 7))),
            Block(BlockKind.CODE, "\ud800\x00\n"),
        ),
        {"type": "pdf", "pages": "2"},
    )

    assert loaded == decode_reply("a.pdf", encode_reply(loaded))


@pytest.mark.parametrize("is_limit", [False, True])
def test_a_refusal_is_raised(*, is_limit: bool) -> None:
    """The service adds the document's id, not the process."""
    with pytest.raises(IngestError, match=r"^a\.pdf: is odd$") as caught:
        decode_reply("a.pdf", encode_reply(Refusal("is odd", is_limit=is_limit)))

    assert is_limit is isinstance(caught.value, ParseLimitError)


@given(st.binary(max_size=40) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_nonsense_is_an_error_of_the_document(frame: bytes) -> None:
    """Any bytes give a document, or raise our error."""
    with suppress(IngestError):
        assert isinstance(decode_reply("a.pdf", frame), Loaded)


@given(st.lists(st.binary(max_size=20), max_size=4))
def test_frames_follow_each_other(frames: list[bytes]) -> None:
    """Each is read as written, and the end of the stream is not a frame."""
    stream = io.BytesIO()
    for frame in frames:
        write_frame(stream, frame)
    stream.seek(0)

    assert [*frames, None] == [read_frame(stream) for _ in range(len(frames) + 1)]


@pytest.mark.parametrize("content", [b"", b"\0\0", b"\xff" * 8, b"\0" * 7 + b"\x05abc"])
def test_a_frame_that_is_cut_off_is_none(content: bytes) -> None:
    """A false length reserves no memory."""
    assert read_frame(io.BytesIO(content)) is None
