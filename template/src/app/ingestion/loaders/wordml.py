"""Elements of Word files by local name, since strict files differ in their namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

__all__ = [
    "attribute",
    "children",
    "empty_instructions",
    "find",
    "has_any",
    "inside",
    "local_name",
    "number",
]

_UNREAD = frozenset({"del", "moveFrom", "rt"})
"""Deletions, the former place of moved text, and how the base of a ruby is pronounced."""


def local_name(name: str) -> str:
    """Return a name without its namespace, which differs between transitional and strict files."""
    return name.rpartition("}")[2]


def attribute(element: _Element | None, name: str) -> str:
    """Return an attribute in any namespace, or an empty text."""
    found = element.attrib.items() if element is not None else ()
    return next((str(value) for key, value in found if local_name(str(key)) == name), "")


def find(element: _Element | None, name: str) -> _Element | None:
    """Return the first child of this name."""
    return element.find(f"{{*}}{name}") if element is not None else None


def children(parent: _Element) -> Iterator[_Element]:
    """Yield what is shown of an element; of alternatives, the first one that has text."""
    if local_name(parent.tag) == "AlternateContent":
        yield from [branch for branch in parent if has_any(branch, ".//{*}t")][:1]
        return
    for child in parent:
        name = local_name(child.tag)
        if name not in _UNREAD and not name.endswith("Pr"):
            yield child


def inside(parent: _Element, *names: str) -> Iterator[_Element]:
    """Yield the elements of these names that stand in another one, or in its wrappers."""
    for child in children(parent):
        if local_name(child.tag) in names:
            yield child
        else:
            yield from inside(child, *names)


def has_any(element: _Element | None, *paths: str) -> bool:
    """Say whether there is something at one of the paths."""
    return element is not None and any(element.find(path) is not None for path in paths)


def number(element: _Element | None, name: str, default: int) -> int:
    """Return the value of the first child of this name, or `default`; at most four digits."""
    found = attribute(find(element, name), "val")
    return int(found[:4]) if found.isdecimal() else default


def empty_instructions(part: _Element) -> None:
    """Empty the texts in fields' instructions, such as the results of fields inside of them.

    A field without an end is none, so no text is lost by it.
    """
    fields: list[list[_Element]] = []
    instructions: list[list[_Element]] = []  # of the fields that have not come to their result
    for element in part.iter("{*}t", "{*}fldChar"):
        kind = attribute(element, "fldCharType")
        if local_name(element.tag) == "t":
            if instructions:
                instructions[-1].append(element)
        elif kind == "begin":
            texts: list[_Element] = []
            fields.append(texts)
            instructions.append(texts)
        elif fields:
            texts = fields[-1] if kind == "separate" else fields.pop()
            if instructions and instructions[-1] is texts:
                for text in instructions.pop():
                    text.text = ""
