"""Full stops within a sentence are distinguished from those at its end."""

from __future__ import annotations

import pytest

from app.ingestion.splitting import sentences
from gwkit.text.sentences import is_inner_stop, quotes


@pytest.mark.parametrize(
    "sentence",
    [
        "Goods go to gate No. 7 before noon.",
        "We sell paint, e.g. Alpha solvents and i.e. Beta.",
        "The offer of Dr. Müller ends on 31. März 2025.",
        "Die Frist läuft am 31. 12. 2025 ab.",
        "Gäste im 2. Stock zahlen z. B. Zuschläge nach Abs. 3.",
        "See Fig. 3, pp. 4 and vol. 2 of St. John's.",
        "La Sra. García y el Dr. Ruiz llegan el 3. 4. 2025 a Sta. Cruz.",
        "M. Dupont part le 3 mars, cf. p. 4 et art. 2.",
        "Acme Inc. Europe opens on Sept. 5 near J. R. Road.",
    ],
)
def test_a_sentence_is_never_cut_within(sentence: str) -> None:
    """`gate No.` does not end a sentence, and `7` does not begin one."""
    text = f"{sentence} The next one follows."
    found = [text[quote.start : quote.end] for quote in quotes(text)]

    assert [sentence, "The next one follows."] == found
    assert [len(sentence) + 1, len(text)] == [span.end for span in sentences(text)]


@pytest.mark.parametrize(
    "sentence",
    [
        "The limit is 20.",
        "The roof is at 7 m.",
        "It weighs 80 kg.",
        "It opens at 5 p.m.",
        "So it is.",
    ],
)
def test_a_sentence_ends_at_numbers_and_units(sentence: str) -> None:
    """These are not abbreviations, so another sentence follows."""
    assert not is_inner_stop(f"{sentence} Another one.", len(sentence))
