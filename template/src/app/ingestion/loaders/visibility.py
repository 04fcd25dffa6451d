"""Which elements of a page no reader sees, as far as the page itself says so.

Instructions are hidden from people and shown to programs in this way. What a style sheet or a
script hides cannot be told without a browser.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element  # allow DEP5: its documented name

__all__ = ["UNSEEN", "is_unseen"]

# fmt: off
UNSEEN = frozenset({
    "audio", "canvas", "datalist", "embed", "head", "iframe", "nav", "noscript", "object",
    "rp", "rt", "script", "select", "style", "svg", "template", "textarea", "video",
})
# fmt: on
_TITLES = ("h1", "h2", "h3", "h4", "h5", "h6")
_TITLED = (*_TITLES, "dt", "legend", "summary", "th")
_MARGINS = ("footer", "header")
_ZERO = r"(?:0+(?:\.0*)?|\.0+)(?:px|r?em|pt|%)?"
_CUT = re.compile(
    rf"(?=.*(?:^|;)\s*overflow\s*:\s*(?:hidden|clip)).*(?:^|;)\s*(?:max-)?(?:width|height)\s*:"
    rf"\s*(?:{_ZERO}|1px)\s*(?:;|$)",
    re.IGNORECASE | re.DOTALL,
)
_HIDES = re.compile(
    r"(?:^|;)\s*(?:"
    r"display\s*:\s*none|visibility\s*:\s*collapse|content-visibility\s*:\s*hidden"
    rf"|font-size\s*:\s*{_ZERO}|font-size\s*:\s*(?:0?\.\d+|1)px|color\s*:\s*transparent"
    # Moved out of the page, or cut away.
    r"|(?:left|right|top|bottom|margin(?:-left|-top)?)\s*:\s*-\d{4,}+\w*+|text-indent\s*:\s*-\d{3,}+\w*+"
    r"|clip\s*:\s*rect\((?:0|0px|1px|[\s,])+\)|clip-path\s*:\s*inset\((?:50|100)%\)"
    r")\s*(?:!\s*important\s*)?(?:;|$)",
    re.IGNORECASE,
)
_FADES = re.compile(
    rf"(?:^|;)\s*(?:opacity\s*:\s*{_ZERO}|visibility\s*:\s*hidden)\s*(?:!\s*important\s*)?(?:;|$)",
    re.IGNORECASE,
)
_COLOUR = re.compile(
    r"(?:^|;)\s*(?P<ground>background(?:-color)?|color)\s*:\s*(?P<value>[^;!]+)", re.IGNORECASE
)
_WHITE = frozenset({"white", "#fff", "#ffffff", "rgb(255,255,255)"})


def is_unseen(element: _Element, *, fades_in: bool = False) -> bool:
    """Return whether an element shows nothing, by its kind, its attributes or its own style.

    With `fades_in`, opacity, visibility and `aria-hidden` count for nothing: a script changes them.
    """
    style = element.get("style") or ""
    return (
        element.tag in UNSEEN
        or (element.tag == "button" and _is_control(element))
        or element.get("hidden") is not None
        or _HIDES.search(style) is not None
        or _CUT.match(style) is not None
        or ("color" in style.lower() and _blends(element, style))
        or (not fades_in and (element.get("aria-hidden") == "true" or bool(_FADES.search(style))))
    )


def _is_control(button: _Element) -> bool:
    """Return whether a button is no heading: those of an accordion are, and open what they name."""
    if next(button.iterancestors(*_TITLED), None) is not None:
        return False
    if next(button.iter(*_TITLES), None) is not None:
        return False
    opens = button.get("aria-expanded") or button.get("aria-controls")
    is_panel = opens or "accordion" in (button.get("class") or "").lower()
    return not is_panel or next(button.iterancestors(*_MARGINS), None) is not None


def _blends(element: _Element, style: str) -> bool:
    """Return whether text has the colour of what is behind it, if the page says both.

    A page is white unless it has something that could say otherwise.
    """
    colour = _colours(style).get("color")
    if colour is None:
        return False
    for ancestor in (element, *element.iterancestors()):
        declared = _colours(ancestor.get("style") or "")
        ground = declared.get("background-color") or declared.get("background")
        if ground := ground or _normal(ancestor.get("bgcolor") or ""):
            return ground == colour
        if ancestor.get("class"):
            return False
    return colour == "white"


def _colours(style: str) -> dict[str, str]:
    return {match["ground"].lower(): _normal(match["value"]) for match in _COLOUR.finditer(style)}


def _normal(colour: str) -> str:
    plain = "".join(colour.split()).lower()
    return "white" if plain in _WHITE else plain
