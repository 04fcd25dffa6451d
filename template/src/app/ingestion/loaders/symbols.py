"""Characters that Word keeps as positions in a symbol font."""

from __future__ import annotations

__all__ = ["symbol"]

_NO_CHARACTER = (ValueError, OverflowError)
_PRIVATE = 0xF000
"""Added to a position in a font, so that it is in the private area of Unicode."""

# ruff: noqa: RUF001 - the characters are alike, and meant
_SYMBOL = {
    0x20: " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_",
    0x60: "‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼",
    0xA0: "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑",
    0xF1: "〉∫",
}
_WINGDINGS = {0x6F: "□", 0x9F: "•", 0xA7: "▪", 0xA8: "□", 0xD8: "➢", 0xE0: "→", 0xFB: "✗✓☒☑"}
_FONTS = {
    name: {start + i: one for start, run in runs.items() for i, one in enumerate(run)}
    for name, runs in {"symbol": _SYMBOL, "wingdings": _WINGDINGS}.items()
}


def symbol(font: str, code: str) -> str:
    """Return the character at a hexadecimal position in a font, or nothing where it is not known.

    A position outside of the private area is that of the character in Unicode.
    """
    try:
        position = int(code, 16)
        known = _FONTS.get(font.lower(), {})
        return known.get(position & 0xFF, "") if position >= _PRIVATE or known else chr(position)
    except _NO_CHARACTER:
        return ""
