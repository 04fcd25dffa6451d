"""What people have put on a PDF's pages: values of form fields, and text that was typed on top."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypdf.generic import ArrayObject, DictionaryObject, NameObject, PdfObject, StreamObject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypdf import PageObject

__all__ = ["filled_in"]

_UNSEEN = 0b100010
"""The flags of annotations that are hidden or not viewed (ISO 32000-1, table 165)."""

_PASSWORD = 1 << 13
_MOST_PARENTS = 20


def filled_in(page: PageObject) -> str:
    """Return what was filled in on a page, one line for each field, with the field's name."""
    return "\n".join(dict.fromkeys(_lines(page)))


def _lines(page: PageObject) -> Iterator[str]:
    annotations = _resolved(page.get("/Annots"))
    for one in annotations if isinstance(annotations, ArrayObject) else ():
        annotation = _resolved(one)
        if not isinstance(annotation, DictionaryObject) or _flags(annotation, "/F") & _UNSEEN:
            continue
        kind = annotation.get("/Subtype")
        if kind == "/FreeText":
            value = _text(_resolved(annotation.get("/Contents")))
        else:
            value = _value(annotation) if kind == "/Widget" else ""
        if value.strip():
            name = _text(_inherited(annotation, "/TU") or _inherited(annotation, "/T"))
            # Programs number the fields of a form, as in `topmostSubform[0].f1_02[0]`.
            yield value if not name or "[" in name else f"{name}: {value}"


def _value(field: DictionaryObject) -> str:
    kind = _inherited(field, "/FT")
    if kind == "/Btn":
        state = field.get("/AS")
        return state.removeprefix("/") if isinstance(state, NameObject) and state != "/Off" else ""
    if kind == "/Tx" and _flags(field, "/Ff") & _PASSWORD:
        return ""
    value = _inherited(field, "/V")
    chosen = [_resolved(one) for one in value] if isinstance(value, ArrayObject) else [value]
    return ", ".join(filter(None, (_shown(field, _text(one)) for one in chosen)))


def _shown(field: DictionaryObject, value: str) -> str:
    """Return what a choice shows of a value; options can be pairs of the two."""
    options = _inherited(field, "/Opt")
    for one in options if isinstance(options, ArrayObject) else ():
        option = _resolved(one)
        if isinstance(option, ArrayObject) and option and _text(_resolved(option[0])) == value:
            return _text(_resolved(option[-1]))
    return value


def _inherited(field: DictionaryObject, key: str) -> object:
    at: object = field
    for _ in range(_MOST_PARENTS):
        if not isinstance(at, DictionaryObject):
            break
        if key in at:
            return _resolved(at.get(key))
        at = _resolved(at.get("/Parent"))
    return None


def _flags(field: DictionaryObject, key: str) -> int:
    flags = _inherited(field, key)
    return flags if isinstance(flags, int) else 0


def _resolved(value: object) -> object:
    return value.get_object() if isinstance(value, PdfObject) else value


def _text(value: object) -> str:
    if isinstance(value, StreamObject):
        return value.get_data().decode("utf-8", "replace")
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) and not isinstance(value, NameObject) else ""
