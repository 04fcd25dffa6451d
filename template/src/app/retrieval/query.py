"""From a user's text to full-text terms: whatever the text holds, it is data and never syntax."""

from __future__ import annotations

import re
from itertools import chain, islice

__all__ = ["MOST_TERMS", "query_terms"]

MOST_TERMS = 64
"""Terms of a query that are searched for: each costs time, and a question has far fewer."""

_WORD = re.compile(r"[^\W_]+")
_COMPOUND = re.compile(r"[^\W_]+(?:[-_.][^\W_]+)+")


def query_terms(text: str) -> list[str]:
    """Return the distinct terms to search for, at most `MOST_TERMS`.

    A term is a word, or a name of several parts such as `response_model`, which comes besides its
    parts: a chunk that has the parts in a row ranks above one that has them apart. Nothing is left
    out as a stop word here: which words are too frequent to be worth their cost is the index's
    to say, in any language.
    """
    folded = text.casefold()
    found = chain(_WORD.findall(folded), _COMPOUND.findall(folded))
    return list(islice(dict.fromkeys(found), MOST_TERMS))
