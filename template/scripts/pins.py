"""The requirements files: direct requirements (`.in`) and pins (`.txt`).

Each environment is a layer on top of others, and contains only what these lack:

    base   dependencies of the service                         owned by the template
    app    dependencies of your own code                       owned by you: never updated
    dev    dependencies of checks and tests                    owned by the template
    docs   dependencies of the documentation, if there is any  owned by the template
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["BELOW", "Layer", "Pin", "Wish", "parse_layer", "read_layer", "render"]

BELOW = {"base": (), "app": ("base",), "dev": ("base",), "docs": ("base", "dev")}
"""For each layer the layers below it. `app` may repeat pins of `dev` and `docs`."""

HEADER = """\
# Written by scripts/lock.py from {name}.in: change that file, not this one.
"""

_PIN = re.compile(
    r"(?P<name>[\w.-]+)(\[(?P<extras>[\w.,-]+)\])?==(?P<version>[\w.!+]+)"
    r"\s*(;\s*(?P<marker>[^\\]*?))?\s*\\?"
)
_VIA = re.compile(r"\s+#\s+(via$|via )?\s*(?P<source>.*)")


@dataclass(frozen=True)
class Wish:
    """A requirement from an `.in` file."""

    requirement: Requirement
    line: int

    @property
    def name(self) -> str:
        """The distribution's name in its canonical spelling."""
        return canonicalize_name(self.requirement.name)


@dataclass
class Pin:
    """One exact version, with the hashes of its files and the packages that need it."""

    name: str
    version: str
    marker: str = ""
    extras: tuple[str, ...] = ()
    line: int = 0
    hashes: list[str] = field(default_factory=list)
    via: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the version, and the marker if there is one."""
        return f"{self.version} ; {self.marker}" if self.marker else self.version

    @property
    def label(self) -> str:
        """The name with the required extras: `coverage[toml]`."""
        return f"{self.name}[{','.join(self.extras)}]" if self.extras else self.name

    @property
    def applies(self) -> bool:
        """Whether it applies to the running interpreter and platform."""
        return not self.marker or Marker(self.marker).evaluate()


@dataclass(frozen=True)
class Layer:
    """An environment's two files; `unread` has the lines that are neither wish nor pin."""

    name: str
    wishes: tuple[Wish, ...]
    pins: tuple[Pin, ...]
    unread: tuple[tuple[str, int, str], ...]

    @property
    def source(self) -> str:
        """The name of this layer's `.in` file in `# via` notes."""
        return f"-r requirements/{self.name}.in"


def read_layer(folder: Path, name: str) -> Layer:
    """Read `<name>.in` and `<name>.txt` of the requirements folder, empty if they are missing."""
    files = (folder / f"{name}.{suffix}" for suffix in ("in", "txt"))
    return parse_layer(
        name, *(file.read_text(encoding="utf-8") if file.exists() else "" for file in files)
    )


def parse_layer(name: str, wanted: str, pinned: str) -> Layer:
    """Parse the texts of a layer's two files.

    A line that cannot be parsed goes to `unread` with its file and number.
    """
    wishes: list[Wish] = []
    pins: list[Pin] = []
    unread: list[tuple[str, int, str]] = []
    for number, line in enumerate(wanted.splitlines(), start=1):
        if wish := re.sub(r"(^|\s)#.*", "", line).strip():
            try:
                wishes.append(Wish(Requirement(wish), number))
            except InvalidRequirement:
                unread.append((f"{name}.in", number, wish))
    for number, text in enumerate(pinned.splitlines(), start=1):
        if text.lstrip().startswith("--hash=") and pins:
            pins[-1].hashes.append(text.strip(" \\").removeprefix("--hash="))
        elif text.startswith(" ") and (via := _VIA.fullmatch(text)) and pins:
            pins[-1].via += [via["source"]] if via["source"] else []
        elif (match := _PIN.fullmatch(text)) is not None:
            pins.append(
                Pin(
                    name=canonicalize_name(match["name"]),
                    version=match["version"],
                    marker=match["marker"] or "",
                    extras=tuple(sorted(filter(None, (match["extras"] or "").split(",")))),
                    line=number,
                )
            )
        elif text.strip() and not text.lstrip().startswith("#"):
            unread.append((f"{name}.txt", number, text.strip()))
    return Layer(name, tuple(wishes), tuple(pins), tuple(unread))


def render(name: str, pins: Iterable[Pin]) -> str:
    """Return the text of a layer's `.txt` file."""
    parts = [HEADER.format(name=name)]
    for pin in sorted(pins, key=lambda pin: (pin.name, pin.marker)):
        lines = [f"{pin.label}=={pin}"]
        lines += [f"    --hash={value}" for value in sorted(pin.hashes)]
        parts.append(" \\\n".join(lines))
        match pin.via:
            case [source]:
                parts.append(f"\n    # via {source}\n")
            case sources:
                parts.append(
                    "\n    # via" + "".join(f"\n    #   {text}" for text in sources) + "\n"
                )
    return "".join(parts)
