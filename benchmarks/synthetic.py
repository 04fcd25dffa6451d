"""Documents of any number of chunks, and questions about them.

Words are as frequent as those of a language: p(r) ~ 1 / (r + 2.7), the law of Zipf and Mandelbrot.
The most frequent are English function words, all others are made of syllables. A document has a
subject, thirty of the rarer words, which make up a tenth of its text; a question is about some of
them. So the lists of a full-text index are as long and as short as those of real text.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["CHUNKS_OF_A_DOCUMENT", "Synthetic", "documents", "questions"]

CHUNKS_OF_A_DOCUMENT: Final = 20
"""Chunks of every document except the last, which has the rest."""

_VOCABULARY: Final = 60_000
_CHUNK_WORDS: Final = 105
_SENTENCE_WORDS: Final = 15
_SUBJECT_WORDS: Final = 30
_SUBJECT_SHARE: Final = 0.1
_SUBJECT_RANKS: Final = range(200, 20_000)
_FUNCTION_WORDS: Final = """
    the of to and a in is it that for you on be with as this can are or by if an not your from at
    which when will use have all one has but into more we they so its there how what any each do
    only them then other was no also where like than out up does some these would should may after
    before same between because about just most over here their must such both through first too
    under now very even while why however until again
"""
_ONSETS: Final = "b c d f g h j k l m n p r s t v w br ch cl cr dr fl gr pl pr sh sl st str th tr"
_VOWELS: Final = "a e i o u ai ea ie oo ou"
_CODAS: Final = ("", "", "n", "r", "s", "t", "l", "m", "nd", "st", "ck")
_QUESTIONS: Final = (
    "how do I {} the {} of a {}?",
    "what is the {} for {}",
    "why does {} not {} when the {} is {}?",
    "can the {} be used with {} in the {}",
    "{} {}",
    "where should I put the {} after {} has been {}?",
)


@dataclass(frozen=True, slots=True)
class Synthetic:
    """A document: its id, what it is about, and the texts of its chunks, about 850 bytes each."""

    id: str
    subject: Sequence[str]
    chunks: Sequence[str]


def documents(chunks: int) -> Iterator[Synthetic]:
    """Yield documents with this many chunks in total; the same ones every time."""
    draw = random.Random(1)  # noqa: S311 - the same documents every time
    words = _vocabulary()
    weights = list(accumulate(1 / (rank + 2.7) for rank in range(_VOCABULARY)))
    for number, first in enumerate(range(0, chunks, CHUNKS_OF_A_DOCUMENT)):
        subject = [words[rank] for rank in draw.sample(_SUBJECT_RANKS, _SUBJECT_WORDS)]
        texts = []
        for _ in range(min(CHUNKS_OF_A_DOCUMENT, chunks - first)):
            drawn = draw.choices(words, cum_weights=weights, k=_CHUNK_WORDS)
            for place in range(_CHUNK_WORDS):
                if draw.random() < _SUBJECT_SHARE:
                    drawn[place] = draw.choice(subject)
            texts.append(
                "\n".join(
                    f"{' '.join(drawn[place : place + _SENTENCE_WORDS]).capitalize()}."
                    for place in range(0, _CHUNK_WORDS, _SENTENCE_WORDS)
                )
            )
        yield Synthetic(f"{number // 100:03}/{number:06}.md", subject, texts)


def questions(subjects: Sequence[Sequence[str]], count: int) -> list[str]:
    """Return questions, each about the subject of one document."""
    draw = random.Random(3)  # noqa: S311 - the same questions every time
    asked = []
    for place in range(count):
        pattern = _QUESTIONS[place % len(_QUESTIONS)]
        asked.append(pattern.format(*draw.sample(draw.choice(subjects), pattern.count("{}"))))
    return asked


def _vocabulary() -> list[str]:
    draw = random.Random(7)  # noqa: S311 - the same words every time
    words = dict.fromkeys(_FUNCTION_WORDS.split())
    onsets, vowels = _ONSETS.split(), _VOWELS.split()
    while len(words) < _VOCABULARY:
        syllables = (
            draw.choice(onsets) + draw.choice(vowels) + draw.choice(_CODAS)
            for _ in range(draw.randint(1, 3))
        )
        words["".join(syllables)] = None
    return list(words)
