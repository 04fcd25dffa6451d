"""The offline embedder."""

from __future__ import annotations

import subprocess
import sys
from threading import get_ident
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwkit.offline import hashing
from gwkit.offline.hashing import DIMENSION, HashingEmbedder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwkit.models.protocols import Vectors

EMBEDDER = HashingEmbedder()

GOLDEN_PLACES = [362, 178, 366, 478, 12]
GOLDEN_VALUES = [-0.330676, 0.292954, 0.195303, 0.195303, -0.165338]


async def likeness(one: str, other: str) -> float:
    """Return the scalar product of two texts' vectors."""
    left, right = await EMBEDDER.embed_documents([one, other])
    return float(left @ right)


def test_it_describes_itself() -> None:
    """An index's manifest records its name and dimension."""
    assert ("offline:hashing", DIMENSION) == (EMBEDDER.name, EMBEDDER.dimension)
    assert 0 < EMBEDDER.rank_weight <= 1


async def test_vectors_are_those_of_older_indexes() -> None:
    """A text has the same vector in every release; otherwise the name must change."""
    vector = await EMBEDDER.embed_query("Uploading files, twice: files. Café")
    places = np.argsort(-np.abs(vector), kind="stable")[:5]

    assert GOLDEN_PLACES == places.tolist()
    assert pytest.approx(GOLDEN_VALUES, abs=1e-6) == vector[places].tolist()


async def test_vectors_do_not_depend_on_the_process() -> None:
    """Python's hash seed does not matter."""
    program = (
        "import asyncio, hashlib; from gwkit.offline.hashing import HashingEmbedder as E;"
        "vector = asyncio.run(E().embed_query('some words and pieces of words'));"
        "print(hashlib.sha256(vector.tobytes()).hexdigest())"
    )
    digests = {
        subprocess.run(  # noqa: S603, ASYNC221 - this interpreter with the text above; nothing else runs in this loop
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert 1 == len(digests)


@given(texts=st.lists(st.text(max_size=200), max_size=5))
async def test_a_batch_is_its_texts_one_by_one(texts: list[str]) -> None:
    """A text's vector depends neither on the other texts nor on its role."""
    batch = await EMBEDDER.embed_documents(texts)

    assert (len(texts), DIMENSION) == batch.shape
    assert np.float32 == batch.dtype
    for row, text in zip(batch, texts, strict=True):
        assert np.array_equal(row, await EMBEDDER.embed_query(text))


async def test_a_long_batch_is_its_texts_one_by_one() -> None:
    """It does not depend on its place in a batch either, also if others have no words."""
    texts = [f"parcel {number} in locker {number % 7}" * (number % 3) for number in range(100)]
    batch = await EMBEDDER.embed_documents(texts)

    for row, text in zip(batch, texts, strict=True):
        assert np.array_equal(row, await EMBEDDER.embed_query(text))


@given(text=st.text(st.characters(codec="ascii"), max_size=200))
async def test_ascii_is_embedded_as_any_other_text(text: str) -> None:
    """Punctuation outside ASCII changes nothing."""
    one, other = await EMBEDDER.embed_documents([text, f"{text} \u2014"])

    assert np.array_equal(one, other)


@given(text=st.text(max_size=200))
async def test_vectors_have_length_one_or_none(text: str) -> None:
    """A vector's length is 1, or 0 for a text without content words."""
    vector = await EMBEDDER.embed_query(text)

    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5) or not vector.any()


@pytest.mark.parametrize("text", ["", "?!", "what is it", "\ud800"])
async def test_a_text_without_content_has_no_direction(text: str) -> None:
    """Punctuation and function words have no subject."""
    assert not (await EMBEDDER.embed_query(text)).any()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("upload a file", "file, UPLOAD"),
        ("Café crème", "cafe creme"),
        ("the parcels of a depot", "parcels depot"),
    ],
)
async def test_case_accents_order_and_function_words_do_not_matter(one: str, other: str) -> None:
    """Such texts have the same vector."""
    assert 1 == pytest.approx(await likeness(one, other), abs=1e-5)


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("websokets conection", "how websockets connect", "returning a parcel"),
        ("deliveries", "a delivery", "a deposit"),
        ("authentification", "authentication", "application"),
        ("uploading pictures", "upload a picture", "download a list"),
    ],
)
async def test_misspelt_words_and_forms_of_words_are_near(text: str, near: str, far: str) -> None:
    """Parts of words match where exact words do not."""
    assert await likeness(text, near) > 1.5 * max(0.1, await likeness(text, far))


async def test_a_long_query_is_embedded_alike() -> None:
    """A text embedded in a thread, because of its length, has the same vector."""
    text = "parcel locker " * 1_000

    assert np.array_equal(
        (await EMBEDDER.embed_documents([text]))[0], await EMBEDDER.embed_query(text)
    )


async def test_documents_are_embedded_in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """ASY2: the event loop is left to others, however many texts there are."""
    used: set[int] = set()
    embed = hashing._embed

    def recorded(texts: Sequence[str]) -> Vectors:
        used.add(get_ident())
        return embed(texts)

    monkeypatch.setattr(hashing, "_embed", recorded)
    assert (100, DIMENSION) == (await EMBEDDER.embed_documents(["a text"] * 100)).shape
    assert used
    assert get_ident() not in used
