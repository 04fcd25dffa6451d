"""Write blocks into the service's pins, for the answers that need each of them.

`template/requirements/*.in` have blocks around the direct requirements. All of them were resolved
together, once. This script gives every pin the conditions of the packages that need it, so that a
render has the subset that its answers need, with the same versions and hashes. In place the blocks
are comments.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["main"]

FOLDER: Final = Path(__file__).resolve().parents[1] / "template" / "requirements"

BELOW: Final = {"base": (), "dev": ("base",), "docs": ("base", "dev")}
"""For each layer the layers below it, as in the service's `scripts/pins.py`."""

LOWEST_PYTHON: Final = "3.11"

ALWAYS: Final = ""
"""The condition of pins that all answers need."""

_BLOCK = re.compile(r"\s*# \[% (?:if (?P<condition>.+)|endif) %\]")
_NAME = re.compile(r"[\w.-]+")
_VIA = re.compile(r"\s+#(?: via)?\s*(?P<source>\S.*)?")

# For each name the conditions under which it is needed: any one of them is enough.
Conditions = dict[str, frozenset[str]]


@dataclass(slots=True)
class Pin:
    """One exact version: its lines, and the packages that need it."""

    name: str
    lines: list[str] = field(default_factory=list)
    via: list[str] = field(default_factory=list)

    def covers(self, other: Pin) -> bool:
        """Return whether this pin applies whenever the other does, with the same extras."""
        (label, _, marker), (others, _, limit) = (
            pin.lines[0].removesuffix(" \\").partition(" ; ") for pin in (self, other)
        )
        return label == others and (marker == limit or not marker)


def main() -> int:
    """Write the blocks into every layer's pins."""
    wishes = {layer: _wishes(layer) for layer in BELOW}
    pins = {layer: _resolved([*below, layer]) for layer, below in BELOW.items()}
    needed = {layer: _needed(wishes[layer], pins[layer]) for layer in BELOW}
    for layer, below in BELOW.items():
        present = _union([needed[each] for each in (*below, layer)])
        asked = {f"-r requirements/{each}.in": wishes[each] for each in (*below, layer)}
        header = (FOLDER / f"{layer}.txt").read_text(encoding="utf-8").partition("\n")[0]
        blocks = [header]
        for pin in pins[layer]:
            own = needed[layer].get(pin.name, frozenset())
            others = frozenset[str]().union(
                *(
                    needed[each].get(low.name, ())
                    for each in below
                    for low in pins[each]
                    if low.covers(pin)
                )
            )
            if own and ALWAYS not in others and not own <= others:
                text = _text(pin, own, others, present, asked)
                blocks += _wrapped(text, _expression(own, others))
        (FOLDER / f"{layer}.txt").write_text("\n".join(blocks) + "\n", encoding="utf-8")
    return 0


def _wishes(layer: str) -> dict[str, str]:
    """Return the direct requirements of a layer by name, with their conditions."""
    found: dict[str, str] = {}
    condition = ALWAYS
    for line in (FOLDER / f"{layer}.in").read_text(encoding="utf-8").splitlines():
        if block := _BLOCK.fullmatch(line):
            condition = block["condition"] or ALWAYS
        elif name := _NAME.match(line):
            found[_canonical(name[0])] = condition
    return found


def _resolved(layers: list[str]) -> list[Pin]:
    """Return the pins of these layers together, with all packages that need them."""
    with tempfile.TemporaryDirectory() as folder:
        limits, output = Path(folder, "constraints.txt"), Path(folder, "output.txt")
        texts = [(FOLDER / f"{layer}.txt").read_text(encoding="utf-8") for layer in BELOW]
        limits.write_text("".join(texts), encoding="utf-8")
        subprocess.run(
            [
                *(
                    sys.executable,
                    "-m",
                    "uv",
                    "pip",
                    "compile",
                    "--quiet",
                    "--no-config",
                    "--universal",
                ),
                *(f"requirements/{layer}.in" for layer in layers),
                *("--constraints", str(limits), "--output-file", str(output)),
                *(
                    "--python-version",
                    LOWEST_PYTHON,
                    "--fork-strategy",
                    "fewest",
                    "--generate-hashes",
                ),
                *("--no-header", "--no-emit-index-url", "--no-emit-find-links"),
                "--no-strip-extras",
            ],
            check=True,
            cwd=FOLDER.parent,
        )
        return _parsed(output.read_text(encoding="utf-8"))


def _parsed(text: str) -> list[Pin]:
    pins: list[Pin] = []
    for line in text.splitlines():
        if name := _NAME.match(line):
            pins.append(Pin(_canonical(name[0]), [line]))
        elif via := _VIA.fullmatch(line):
            source = via["source"]
            pins[-1].via += [source] if source and not source.startswith("-c ") else []
        elif line:
            pins[-1].lines.append(line)
    return pins


def _needed(wishes: dict[str, str], pins: list[Pin]) -> Conditions:
    """Return the transitive requirements of a layer's wishes."""
    found = {name: frozenset({condition}) for name, condition in wishes.items()}
    while True:
        before = dict(found)
        for pin in pins:
            parents = [found.get(_canonical(source), frozenset()) for source in pin.via]
            if union := found.get(pin.name, frozenset()).union(*parents):
                found[pin.name] = union
        if found == before:
            return found


def _union(parts: list[Conditions]) -> Conditions:
    names = {name for part in parts for name in part}
    return {
        name: frozenset().union(*(part.get(name, frozenset()) for part in parts)) for name in names
    }


def _text(
    pin: Pin,
    own: frozenset[str],
    others: frozenset[str],
    present: Conditions,
    asked: dict[str, dict[str, str]],
) -> list[str]:
    """Return a pin's lines; each package that needs it is named if its own condition holds."""
    sources: list[tuple[str, str]] = []
    for source in pin.via:
        if source in asked:
            conditions = frozenset({asked[source][pin.name]})
        else:
            conditions = present[_canonical(source)]
        if conditions <= others:
            continue  # under that condition, the pin is in a lower layer
        surely = ALWAYS in conditions or (ALWAYS not in own and own <= conditions)
        sources.append((source, "" if surely else _expression(conditions, frozenset())))
    if len(sources) == 1:
        return [*pin.lines, f"    # via {sources[0][0]}"]
    lines = [*pin.lines, "    # via"]
    for source, expression in sources:
        lines += _wrapped([f"    #   {source}"], expression)
    return lines


def _expression(own: frozenset[str], others: frozenset[str]) -> str:
    """Return the condition that one of the first is true and none of the second."""
    wanted = "" if ALWAYS in own else " or ".join(sorted(own))
    if not others:
        return wanted
    unwanted = f"not ({' or '.join(sorted(others))})"
    return f"({wanted}) and {unwanted}" if wanted else unwanted


def _wrapped(lines: list[str], expression: str) -> list[str]:
    return [f"# [% if {expression} %]", *lines, "# [% endif %]"] if expression else lines


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
