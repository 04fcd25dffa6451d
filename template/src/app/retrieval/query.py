"""From a user's text to full-text terms: whatever the text holds, it is data and never syntax."""

from __future__ import annotations

import re
from itertools import chain, islice

from gwkit.text.words import WORD, word_parts

__all__ = ["MOST_TERMS", "query_terms"]

MOST_TERMS = 64
"""Terms of a query that are searched for: each costs time, and a question has far fewer."""

_LONGEST_TERM = 100
_MOST_COMPOUNDS = 4
_MOST_PARTS = 6
_WORD = re.compile(WORD)
# It begins where a run of letters begins and gives nothing back, so that the time is linear.
_COMPOUND = re.compile(r"(?<![^\W_])[^\W_]++(?:[-_.][^\W_]++)++")
_JOINT = re.compile(r"[-_.]")


def query_terms(text: str) -> list[str]:
    """Return the distinct terms to search for, at most `MOST_TERMS`.

    A term is a word, a pair of characters where a script has no spaces, or a name of several parts
    such as `response_model`, which comes besides its parts: a chunk that has the parts in a row
    ranks above one that has them apart. Nothing is left out as a stop word here: which words are
    too frequent to be worth their cost is the index's to say, in any language.

    What is longer than 100 characters is no term, nor is a name of more than 6 parts, nor the fifth
    of such names: to look for one takes time in proportion to its parts.
    """
    folded = text.casefold()
    parts = chain.from_iterable(map(word_parts, _WORD.findall(folded)))
    words = dict.fromkeys(part for part in parts if len(part) <= _LONGEST_TERM)
    names = dict.fromkeys(
        name
        for name in _COMPOUND.findall(folded)
        if len(name) <= _LONGEST_TERM and len(_JOINT.findall(name)) < _MOST_PARTS
    )
    return list(islice(chain(words, islice(names, _MOST_COMPOUNDS)), MOST_TERMS))
