"""Styles of a Word file: its paragraphs, lists and symbols."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from app.ingestion.loaders.package import number, value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element  # allow DEP5: its documented name

__all__ = ["Numbering", "Style", "Styles", "symbol"]

_HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)
_CODE = re.compile(r"code|preformatted|listing", re.IGNORECASE)
_DEEPEST_HEADING = 6
_BODY_TEXT = 9
"""The outline level of what is no heading; those of headings count from 0."""

_MOST_LAYERS = 20
"""Styles that build on each other; Word allows fewer, and a circle would have no end."""

_PLACE = re.compile(r"%([1-9])")
_ONES = ("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix")
_MOST_ROMAN = 39
_LONGEST_PATTERN = 100
_LETTERS = 26

# ruff: noqa: RUF001 - the characters are alike, and meant
_PRIVATE = 0xF000
"""Added to a position in a symbol font, so that it is in the private area of Unicode."""

_FONTS = {
    "symbol": (
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz£¥®°±³´¹»",
        "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖαβχδεφγηιϕκλμνοπθρστυϖωξψζ≤∞→°±≥×≠≈",
    ),
    "wingdings": ("o¨àûüýþ", "□□→✗✓☒☑"),
}
"""Characters at some positions in symbol fonts, and what they look like there."""


class Style:
    """The format of a paragraph; the first of the layers that says something counts.

    Args:
        layers: the paragraph, its style and those that the style builds on.
    """

    def __init__(self, layers: tuple[_Element, ...]) -> None:
        self.layers = layers
        self._names = [value(layer, "name").lower() for layer in layers]
        self.is_title = "title" in self._names
        self.is_code = any(map(_CODE.search, self._names))
        self.level = self._level()
        self.is_contents = not self.level and any(name.startswith("toc ") for name in self._names)

    def _level(self) -> int:
        """Return the level of a heading, 1 to 6; 0 for other paragraphs."""
        for layer, name in zip(self.layers, self._names, strict=True):
            if (outline := value(layer, "pPr/outlineLvl")).isdecimal():
                above = int(outline)
                return min(above + 1, _DEEPEST_HEADING) if above < _BODY_TEXT else 0
            if match := _HEADING.fullmatch(name):
                return min(int(match[1]), _DEEPEST_HEADING)
        return 0

    @property
    def numbering(self) -> tuple[str, int] | None:
        """The list that a list item or numbered heading is in, and its depth there, from 0."""
        for layer in self.layers:
            if layer.find("pPr/numPr") is not None:
                id_ = value(layer, "pPr/numPr/numId")
                return None if id_ == "0" else (id_, number(layer, "pPr/numPr/ilvl", 0))
        return ("", 0) if any(name.startswith("list") for name in self._names) else None


class Styles:
    """The styles of a file, by id.

    Args:
        root: the part that holds them.
    """

    def __init__(self, root: _Element) -> None:
        self._styles: dict[str, _Element] = {}
        self._default = ""
        for style in root.iterfind("style"):
            self._styles[style.get("styleId", "")] = style
            if style.get("type") == "paragraph" and style.get("default") in {"1", "true", "on"}:
                self._default = style.get("styleId", "")

    def of_paragraph(self, paragraph: _Element) -> Style:
        """Return the style of a paragraph."""
        return Style((paragraph, *self._layers(value(paragraph, "pPr/pStyle") or self._default)))

    def hides(self, run: _Element, paragraph: Style) -> bool:
        """Return whether a run in a paragraph is not shown."""
        for layer in (run, *self._layers(value(run, "rPr/rStyle")), *paragraph.layers):
            if layer.find("rPr/vanish") is not None:
                return value(layer, "rPr/vanish") not in {"0", "false", "off"}
        return False

    def _layers(self, style: str) -> Iterator[_Element]:
        for _ in range(_MOST_LAYERS):
            if (element := self._styles.get(style)) is None:
                return
            yield element
            style = value(element, "basedOn")


class Numbering:
    """Counts the paragraphs of each list: Word shows their numbers and does not write them down.

    Args:
        root: the part that defines the lists.
    """

    def __init__(self, root: _Element) -> None:
        self._lists = {one.get("numId", ""): one for one in root.iterfind("num")}
        self._levels = {
            one.get("abstractNumId", ""): {
                int(level.get("ilvl") or 0): level for level in one.iterfind("lvl")
            }
            for one in root.iterfind("abstractNum")
        }
        self._counts: defaultdict[str, dict[int, int]] = defaultdict(dict)
        self._restarted: set[tuple[str, int]] = set()

    def label(self, id_: str, depth: int) -> str:
        """Count a paragraph, and return its number as Word shows it; bullets have none."""
        one = self._lists.get(id_)
        definition = value(one, "abstractNumId")
        levels = self._levels.get(definition, {})
        if one is None or depth not in levels:
            return ""
        # Lists of one definition go on with its count, unless they say where they begin.
        counts = self._counts[definition]
        override = f"lvlOverride[@ilvl='{depth}']/startOverride"
        if (id_, depth) not in self._restarted and one.find(override) is not None:
            self._restarted.add((id_, depth))
            counts[depth] = number(one, override, 1)
        else:
            counts[depth] = counts.get(depth, number(levels[depth], "start", 1) - 1) + 1
        for deeper in [other for other in counts if other > depth]:
            del counts[deeper]
        if value(levels[depth], "numFmt") in {"bullet", "none"}:
            return ""

        def shown(match: re.Match[str]) -> str:
            above = int(match[1]) - 1
            return _written(value(levels.get(above), "numFmt"), counts.get(above, 1))

        return _PLACE.sub(shown, value(levels[depth], "lvlText")[:_LONGEST_PATTERN]).strip()


def symbol(font: str, code: str) -> str:
    """Return the character at a hexadecimal position in a font, nothing if it is not known.

    A position outside of the private area is that of the character in Unicode.
    """
    try:
        position = int(code, 16)
    except ValueError:
        return ""
    characters, looks = _FONTS.get(font.lower(), ("", ""))
    if 0 <= position < _PRIVATE and not looks:
        return chr(position)
    return dict(zip(characters, looks, strict=True)).get(chr(position & 0xFF), "")


def _written(style: str, count: int) -> str:
    text = str(count)
    if style.endswith("Letter") and 0 < count <= _LETTERS:
        text = chr(ord("a") + count - 1)
    elif style.endswith("Roman") and 0 < count <= _MOST_ROMAN:
        text = "x" * (count // 10) + _ONES[count % 10]
    return text.upper() if style.startswith("upper") else text
