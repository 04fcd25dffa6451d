"""German verbs that a question takes apart: `Wie setze ich es zurück?` asks for *zurücksetzen*."""

from __future__ import annotations

import re
from typing import Final

from gwkit.text.stop_words import STOP_WORDS, guess_language

__all__ = ["with_whole_verb"]

_LOOKED_AT: Final = 4
"""Words in which the verb stands: second, behind what is asked with."""

_WORD = re.compile(r"[^\W\d_]+")
_PARTICLE = re.compile(
    r"(?<=\s)(?:ab|an|auf|aus|bei|durch|ein|fest|fort|frei|her|herunter|hin|hinzu|hoch|los|mit|nach"
    r"|um|vor|weg|weiter|wieder|zu|zurück|zusammen)(?=\s*\?*\s*\Z)"
)


def with_whole_verb(question: str) -> str:
    """Return a German question with the infinitive of a verb whose particle ends it, as texts have.

    Any other text stays as it is.
    """
    particle = _PARTICLE.search(question)
    if not particle or guess_language(question) != "de":
        return question
    for number, word in enumerate(_WORD.finditer(question, 0, particle.start())):
        if number < _LOOKED_AT and word[0].islower() and word[0] not in STOP_WORDS["de"]:
            verb = word[0].removesuffix("n").removesuffix("t").removesuffix("e")
            ending = "n" if verb.endswith(("er", "el")) else "en"
            infinitive = f"{particle[0]}{verb}{ending}"
            return (
                f"{question[: word.start()]}{infinitive}{question[word.end() : particle.start()]}"
            )
    return question
