"""What the styles of a Word file say about its paragraphs and runs, with those they build on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from app.ingestion.loaders.wordml import attribute, find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

__all__ = ["Style", "Styles"]

_HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)
_CODE = re.compile(r"code|preformatted|listing", re.IGNORECASE)
_DEEPEST_HEADING = 6
_BODY_TEXT = 9
"""The outline level of what is no heading; those of headings count from 0."""

_MOST_LAYERS = 20
"""Styles that build on each other; Word allows fewer, and a circle would have no end."""


class _Layer(NamedTuple):
    """What a paragraph, a run or one style says of itself."""

    name: str
    paragraph: _Element | None = None
    run: _Element | None = None


class Style:
    """How a paragraph or run is formatted; the first of the layers that says something counts."""

    def __init__(self, layers: tuple[_Layer, ...]) -> None:
        self.layers = layers

    @property
    def is_title(self) -> bool:
        """Whether this is the title of the document."""
        return any(layer.name == "title" for layer in self.layers)

    @property
    def is_code(self) -> bool:
        """Whether this is source code."""
        return any(_CODE.search(layer.name) for layer in self.layers)

    @property
    def is_contents(self) -> bool:
        """Whether this is a line of a table of contents, which repeats a heading."""
        return any(layer.name.startswith("toc ") for layer in self.layers) and not self.level

    @property
    def level(self) -> int:
        """The level of a heading, 1 to 6; 0 for other paragraphs."""
        for layer in self.layers:
            outline = attribute(find(layer.paragraph, "outlineLvl"), "val")
            if outline.isdecimal():
                above = int(outline)
                return min(above + 1, _DEEPEST_HEADING) if above < _BODY_TEXT else 0
            if match := _HEADING.fullmatch(layer.name):
                return min(int(match[1]), _DEEPEST_HEADING)
        return 0

    @property
    def item_depth(self) -> int | None:
        """How many lists a list item is inside of, from 0; `None` for other paragraphs."""
        for layer in self.layers:
            if (numbering := find(layer.paragraph, "numPr")) is not None:
                depth = attribute(find(numbering, "ilvl"), "val")
                is_item = attribute(find(numbering, "numId"), "val") != "0"
                return int(depth if depth.isdecimal() else 0) if is_item else None
        return 0 if any(layer.name.startswith("list") for layer in self.layers) else None

    @property
    def is_hidden(self) -> bool:
        """Whether the text is not shown."""
        said = (find(layer.run, "vanish") for layer in self.layers)
        hidden = next((one for one in said if one is not None), None)
        return hidden is not None and attribute(hidden, "val") not in {"0", "false", "off"}


class Styles:
    """The styles of a file, by id.

    Args:
        root: the part that holds them, if there is one.
    """

    def __init__(self, root: _Element | None) -> None:
        self._styles: dict[str, _Element] = {}
        self._default = ""
        for style in root.iterfind("{*}style") if root is not None else ():
            id_ = attribute(style, "styleId")
            self._styles[id_] = style
            if attribute(style, "default") in {"1", "true", "on"}:
                is_for_text = attribute(style, "type") == "paragraph"
                self._default = id_ if is_for_text else self._default
        self._known: dict[str, tuple[_Layer, ...]] = {}

    def of_paragraph(self, properties: _Element | None) -> Style:
        """Return the style of a paragraph with these properties."""
        style = attribute(find(properties, "pStyle"), "val") or self._default
        return Style((_Layer("", paragraph=properties), *self._layers(style)))

    def of_run(self, properties: _Element | None, paragraph: Style) -> Style:
        """Return the style of a run with these properties in a paragraph."""
        style = attribute(find(properties, "rStyle"), "val")
        return Style((_Layer("", run=properties), *self._layers(style), *paragraph.layers))

    def _layers(self, style: str) -> tuple[_Layer, ...]:
        if style not in self._known:
            self._known[style] = tuple(self._chain(style))
        return self._known[style]

    def _chain(self, style: str) -> Iterator[_Layer]:
        for _ in range(_MOST_LAYERS):
            element = self._styles.get(style)
            if element is None:
                return
            name = attribute(find(element, "name"), "val").lower()
            yield _Layer(name, find(element, "pPr"), find(element, "rPr"))
            style = attribute(find(element, "basedOn"), "val")
