"""Verify with the files and installed packages only that the pins are exact and complete."""

from __future__ import annotations

from collections import defaultdict
from importlib import metadata
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.findings import Finding
from scripts.pins import BELOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from scripts.pins import Layer, Pin

    Lookup = Callable[[str], tuple[str, Sequence[str]] | None]

__all__ = ["installed", "prove"]


def installed(name: str) -> tuple[str, Sequence[str]] | None:
    """Return the version and the requirements of an installed distribution."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    return found.version, found.requires or ()


def prove(layers: Sequence[Layer], lookup: Lookup = installed) -> Iterator[Finding]:
    """Yield the faults in the pins of a service's layers."""
    for layer in layers:
        yield from _read_whole(layer)
        yield from _exact(layer)
        below = [lower for lower in layers if lower.name in BELOW[layer.name]]
        yield from _wanted(layer, below)
        yield from _needed(layer, below)
        yield from _closed(layer, below, lookup)
    yield from _agreed(layers)


def _finding(file: str, line: int, code: str, message: str) -> Finding:
    relock = "make lock" if file.startswith("app.") else "make lock ARGS=--all"
    return Finding(f"requirements/{file}", line, code, f"{message}; run `{relock}`")


def _read_whole(layer: Layer) -> Iterator[Finding]:
    """DEP1: `.in` files contain requirements and `.txt` files exact pins, and nothing else."""
    for file, line, text in layer.unread:
        kind = "a requirement" if file.endswith(".in") else "an exact pin"
        yield _finding(file, line, "DEP1", f"`{text}` is not {kind} such as `name==1.2.3`")


def _exact(layer: Layer) -> Iterator[Finding]:
    """DEP1: every pin has the hashes of its files."""
    for pin in layer.pins:
        if not any(value.startswith("sha256:") for value in pin.hashes):
            message = f"{pin.name} is pinned without a hash"
            yield _finding(f"{layer.name}.txt", pin.line, "DEP1", message)


def _wanted(layer: Layer, below: Iterable[Layer]) -> Iterator[Finding]:
    """DEP1: each requirement of an `.in` file is pinned, within its bounds."""
    pins = _by_name([*below, layer])
    for wish in layer.wishes:
        asked = f"{wish.requirement.name}{wish.requirement.specifier}"
        if not pins[wish.name]:
            message = f"{asked} is not pinned"
            yield _finding(f"{layer.name}.in", wish.line, "DEP1", message)
        for pin in pins[wish.name]:
            if not wish.requirement.specifier.contains(pin.version, prereleases=True):
                message = f"{asked} is pinned at {pin.version}"
                yield _finding(f"{layer.name}.in", wish.line, "DEP1", message)


def _needed(layer: Layer, below: Iterable[Layer]) -> Iterator[Finding]:
    """DEP3: each pin names the packages that need it, and they still do."""
    wishes = {wish.name for wish in layer.wishes}
    own = {pin.name: pin for pin in layer.pins}
    lower = set(_by_name(below))
    alive = {name for name in own if name in wishes}
    while added := {
        name
        for name, pin in own.items()
        if name not in alive and (alive | lower).intersection(map(canonicalize_name, pin.via))
    }:
        alive |= added
    for name, pin in own.items():
        if name not in alive:
            message = f"{name} is no longer needed"
        elif (layer.source in pin.via) != (name in wishes):
            message = f"`# via` of {name} does not match {layer.name}.in"
        else:
            continue
        yield _finding(f"{layer.name}.txt", pin.line, "DEP3", message)


def _closed(layer: Layer, below: Sequence[Layer], lookup: Lookup) -> Iterator[Finding]:
    """DEP1: the dependencies of each installed package are pinned, too."""
    pins = _by_name([*below, layer])
    own = {pin.name: pin for pin in layer.pins}
    queue = [
        (wish.name, extra)
        for part in (*below, layer)
        for wish in part.wishes
        for extra in ("", *wish.requirement.extras)
    ]
    seen = set(queue)
    while queue:
        name, extra = queue.pop()
        found = lookup(name)
        if found is None or found[0] not in {pin.version for pin in pins[name]}:
            continue
        for requirement in map(Requirement, found[1]):
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            needed = canonicalize_name(requirement.name)
            applying = [pin for pin in pins[needed] if pin.applies]
            # Check the extras, too: pip does not count a pin of `coverage` as one of
            # `coverage[toml]`, and rejects the whole file once there is a newer release.
            fits = any(
                requirement.specifier.contains(pin.version, prereleases=True) for pin in applying
            ) and requirement.extras <= {extra for pin in applying for extra in pin.extras}
            if name in own and not fits:
                pinned = ", ".join(f"{pin.label}=={pin}" for pin in pins[needed]) or "nowhere"
                message = f"{name} needs {_without_marker(requirement)}, pinned {pinned}"
                yield _finding(f"{layer.name}.txt", own[name].line, "DEP1", message)
            steps = {(needed, wanted) for wanted in ("", *requirement.extras)} - seen
            seen |= steps
            queue.extend(steps)


def _without_marker(requirement: Requirement) -> str:
    return str(requirement).partition(";")[0].strip()


def _agreed(layers: Iterable[Layer]) -> Iterator[Finding]:
    """DEP2: environments share their versions, so that the tested versions are those that run."""
    first: dict[str, tuple[str, set[str]]] = {}
    for layer in layers:
        for name, pins in _by_name([layer]).items():
            versions = {pin.version for pin in pins}
            place, expected = first.setdefault(name, (layer.name, versions))
            if versions != expected:
                message = (
                    f"{name} is {', '.join(sorted(versions))} here and "
                    f"{', '.join(sorted(expected))} in {place}.txt"
                )
                yield _finding(f"{layer.name}.txt", pins[0].line, "DEP2", message)


def _by_name(layers: Iterable[Layer]) -> defaultdict[str, list[Pin]]:
    pins: defaultdict[str, list[Pin]] = defaultdict(list)
    for layer in layers:
        for pin in layer.pins:
            pins[pin.name].append(pin)
    return pins
