"""Detecting hidden parts of a page."""

from __future__ import annotations

import pytest
from lxml import html

from app.ingestion.loaders.visibility import is_unseen


def innermost(markup: str) -> bool:
    """Return whether the innermost element of the markup is hidden."""
    root = html.fromstring(markup)
    return is_unseen(list(root.iter())[-1])


@pytest.mark.parametrize(
    "style",
    [
        "color:#222",
        "color: white; background: #0b5fff",
        "background-color: white; color: black",
        "opacity: 0.9; font-size: 0.8em",
        "margin-top: -100px; padding-top: 100px",
        "width: 0; flex: 1",
        "overflow: hidden; height: 100px",
        "font-size: 10px",
        "display: flex",
        "border-color: transparent",
        "text-shadow: 0 0 1px #fff",
        "",
    ],
)
def test_ordinary_styles_are_seen(style: str) -> None:
    """Usual styles of pages hide nothing."""
    assert not innermost(f'<div><p style="{style}">Text</p></div>')


def test_white_text_is_seen_where_something_may_be_behind_it() -> None:
    """A class may colour the background by a style sheet; only a page without one is white."""
    assert innermost('<div><p style="color:white">Text</p></div>')
    assert not innermost('<div class="dark"><p style="color:white">Text</p></div>')
    assert not innermost('<div style="background:navy"><p style="color:white">Text</p></div>')
    assert not innermost('<div bgcolor="navy"><p style="color:white">Text</p></div>')
    assert innermost('<div bgcolor="#FFF"><p class="x" style="color:white">Text</p></div>') is False
