"""Finds the elements of a page that no reader sees, as far as the page itself says so.

Instructions are hidden from people and shown to programs in this way. What a style sheet or a
script hides cannot be told without a browser.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element  # allow DEP5: its documented name

__all__ = ["SUSPECTS", "is_unseen"]

# fmt: off
_UNSEEN = frozenset({
    "audio", "canvas", "datalist", "embed", "head", "iframe", "nav", "noscript", "object",
    "rp", "rt", "script", "select", "style", "svg", "template", "textarea", "video",
})
# fmt: on
SUSPECTS = _UNSEEN | {"button"}
"""Elements that may be unseen without any attribute."""

_TITLES = ("h1", "h2", "h3", "h4", "h5", "h6")
_TITLED = (*_TITLES, "dt", "legend", "summary", "th")
_MARGINS = ("footer", "header")


def _declares(values: str) -> re.Pattern[str]:
    """Return a pattern for a style, without space, that has one of these declarations."""
    return re.compile(f"(?:^|;)(?:{values})(?:;|$)", re.VERBOSE)


_ZERO = r"(?:0+(?:\.0*)?|\.0+)(?:px|r?em|pt|%)?"
_HIDES = _declares(
    rf"""
    display:none | visibility:collapse | content-visibility:hidden | color:transparent
    | font-size:(?:{_ZERO}|(?:0?\.\d+|1)px)
    # Moved out of the page, or cut away.
    | (?:left|right|top|bottom|margin(?:-left|-top)?):-\d{{4,}}+\w*+ | text-indent:-\d{{3,}}+\w*+
    | clip:rect\((?:0|0px|1px|,)+\) | clip-path:inset\((?:50|100)%\)
    """
)
_FADES = _declares(rf"opacity:{_ZERO} | visibility:hidden")
_CLIPS = _declares("overflow:(?:hidden|clip)")
_TINY = _declares(rf"(?:max-)?(?:width|height):(?:{_ZERO}|1px)")
_COLOUR = re.compile(r"(?:^|;)(background(?:-color)?|color):([^;]+)")
_WHITE = frozenset({"white", "#fff", "#ffffff", "rgb(255,255,255)"})


def is_unseen(element: _Element, *, fades_in: bool = False) -> bool:
    """Return whether an element shows nothing, by its kind, its attributes or its own style.

    With `fades_in`, opacity, visibility and `aria-hidden` count for nothing: a script changes them.
    """
    style = _style(element)
    return (
        element.tag in _UNSEEN
        or (element.tag == "button" and _is_control(element))
        or element.get("hidden") is not None
        or bool(_HIDES.search(style) or (_CLIPS.search(style) and _TINY.search(style)))
        or _blends(element, dict(_COLOUR.findall(style)).get("color"))
        or (not fades_in and (element.get("aria-hidden") == "true" or bool(_FADES.search(style))))
    )


def _style(element: _Element) -> str:
    return "".join((element.get("style") or "").lower().split()).replace("!important", "")


def _is_control(button: _Element) -> bool:
    """Return whether a button is no heading: those of an accordion are, and open what they name."""
    if [*button.iterancestors(*_TITLED), *button.iter(*_TITLES)]:
        return False
    opens = button.get("aria-expanded") or button.get("aria-controls")
    is_panel = opens or "accordion" in (button.get("class") or "").lower()
    return not is_panel or next(button.iterancestors(*_MARGINS), None) is not None


def _blends(element: _Element, colour: str | None) -> bool:
    """Return whether text has the colour of what is behind it, if the page says both.

    A page is white unless it has something that could say otherwise.
    """
    for ancestor in (element, *element.iterancestors()) if colour else ():
        declared = dict(_COLOUR.findall(_style(ancestor)))
        ground = declared.get("background-color") or declared.get("background")
        if ground := ground or (ancestor.get("bgcolor") or "").lower():
            return ground == colour or {ground, colour} <= _WHITE
        if ancestor.get("class"):
            return False
    return colour in _WHITE
