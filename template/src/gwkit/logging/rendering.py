"""How a log event looks: one line for people, or one line of JSON for machines."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, TypeAlias

import orjson

from gwkit.logging.redaction import Plain, escape_controls, escape_json

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Event", "Renderer", "console_renderer", "render_json"]

Event: TypeAlias = dict[str, Plain]
"""A log event without secrets: `timestamp`, `level`, `logger`, `event`, `service`, then fields."""

Renderer: TypeAlias = "Callable[[Event], str]"
"""Turns an event into what a handler writes, without the line end."""

_LEVEL_COLOURS: Final = {
    "debug": "\x1b[2m",
    "info": "\x1b[32m",
    "warning": "\x1b[33m",
    "error": "\x1b[31m",
    "critical": "\x1b[1;31m",
}
_DIM = "\x1b[2m"
_BOLD = "\x1b[1m"
_RESET = "\x1b[0m"

_HEAD = frozenset({"timestamp", "level", "logger", "event", "service", "exception", "stack"})
# Everything else stands in quotes, so that no value can look like two fields.
_BARE = re.compile(r"[\w./:@%+,*~-]+")


def render_json(event: Event) -> str:
    """Return the event as one line of JSON, in which nothing steers a terminal or is unseen."""
    try:
        return escape_json(orjson.dumps(event).decode())
    except orjson.JSONEncodeError:
        # Lone surrogates, which UTF-8 cannot say and JSON can.
        return json.dumps(event, separators=(",", ":"))


def console_renderer(*, colour: bool) -> Renderer:
    """Return a renderer for people: time, level, event, fields, logger; then any traceback.

    Whatever a value contains, the event takes one line, and every line of a traceback is indented:
    no text can forge an event, move the cursor, or turn the direction of reading. The service's
    name is left out, for a terminal shows one service.
    """

    def paint(text: str, code: str) -> str:
        return f"{code}{text}{_RESET}" if colour else text

    def render(event: Event) -> str:
        level = str(event["level"])
        parts = [
            paint(str(event["timestamp"]), _DIM),
            paint(f"{level:<8}", _LEVEL_COLOURS.get(level, "")),
            paint(escape_controls(str(event["event"])), _BOLD),
            *(
                f"{paint(escape_controls(name) + '=', _DIM)}{_value(value)}"
                for name, value in event.items()
                if name not in _HEAD
            ),
            paint(f"[{escape_controls(str(event['logger']))}]", _DIM),
        ]
        trace = "".join(
            f"\n    {escape_controls(line)}"
            for name in ("stack", "exception")
            for line in str(event.get(name) or "").splitlines()
        )
        return " ".join(parts) + trace

    return render


def _value(value: Plain) -> str:
    if isinstance(value, str):
        if _BARE.fullmatch(value):
            return value
        return escape_controls(json.dumps(value, ensure_ascii=False))
    return escape_controls(json.dumps(value, ensure_ascii=False))
