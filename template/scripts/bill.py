"""A bill of materials (CycloneDX 1.6) from the pins, and a check of their licences.

    python -m scripts.bill             the dependencies of the service, as JSON on stdout
    python -m scripts.bill --all       also those of checks, tests and documentation
    python -m scripts.bill --check     list each pin whose licence is not in pyproject.toml

Neither needs a network: versions, hashes and dependencies come from requirements/*.txt, licences
from the installed packages.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from scripts.pins import BELOW, Pin, read_layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["bill", "declared_licence", "main", "problems"]

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ("base", "app")
_NO_LICENCES = frozenset({"", "UNKNOWN", "OSI Approved"})


class Rules(TypedDict):
    """The table `tool.bill` of pyproject.toml."""

    licences: list[str]
    exceptions: dict[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bill", description=__doc__)
    parser.add_argument("--all", action="store_true", help="also the dependencies for development")
    parser.add_argument("--check", action="store_true", help="check the licences of all pins")
    options = parser.parse_args(arguments)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = {name: read_layer(ROOT / "requirements", name).pins for name in BELOW}
    if options.check:
        found = list(problems(sum(layers.values(), ()), project["tool"]["bill"]))
        for line in found:
            print(line)
        return int(bool(found))
    chosen = layers if options.all else {name: layers[name] for name in SHIPPED}
    print(json.dumps(bill(project["project"]["name"], chosen), indent=2))
    return 0


def bill(project: str, layers: Mapping[str, Sequence[Pin]]) -> dict[str, object]:
    """Return the bill of materials, with an entry for each pin of each platform and Python."""
    shipped = {pin.name for name in SHIPPED for pin in layers.get(name, ())}
    pins = {_purl(pin): pin for layer in layers.values() for pin in layer}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": project, "name": project}},
        "components": [
            {
                "type": "library",
                "bom-ref": purl,
                "name": pin.name,
                "version": pin.version,
                "scope": "required" if pin.name in shipped else "excluded",
                "hashes": [
                    {"alg": "SHA-256", "content": each.removeprefix("sha256:")}
                    for each in pin.hashes
                ],
                "licenses": [{"license": {"name": declared_licence(pin.name) or "unknown"}}],
                "purl": purl,
            }
            for purl, pin in pins.items()
        ],
        "dependencies": [
            {
                "ref": purl,
                "dependsOn": [other for other, each in pins.items() if pin.name in each.via],
            }
            for purl, pin in pins.items()
        ],
    }


def problems(pins: Iterable[Pin], rules: Rules) -> Iterable[str]:
    """Yield a line for each installed pin whose licence is not allowed."""
    for pin in pins:
        licence = declared_licence(pin.name)
        if licence is None or pin.name in rules["exceptions"]:
            continue
        if not _is_allowed(licence, frozenset(rules["licences"])):
            yield (
                f"requirements: {pin.name} {pin.version} has the licence {licence or 'unknown'}: "
                "replace it, or add the licence or the package, with the reason, to [tool.bill] "
                "in pyproject.toml"
            )


def declared_licence(name: str) -> str | None:
    """Return the licence of an installed package as an expression, if it is installed."""
    try:
        told = metadata(name)
    except PackageNotFoundError:
        return None
    if expression := told.get_all("License-Expression"):
        return str(expression[0])
    # Several classifiers are alternatives.
    classifiers = {
        each.rpartition(" :: ")[2].partition(" (")[0].removesuffix(" License")
        for each in told.get_all("Classifier") or ()
        if each.startswith("License :: ")
    } - _NO_LICENCES
    text = "".join(told.get_all("License") or ()).partition("\n")[0]
    return " OR ".join(sorted(classifiers)) or text


def _is_allowed(expression: str, allowed: frozenset[str]) -> bool:
    parts = expression.replace("(", "").replace(")", "").replace(" and ", " AND ").split(" AND ")
    return all(allowed.intersection(part.strip() for part in each.split(" OR ")) for each in parts)


def _purl(pin: Pin) -> str:
    return "@".join((f"pkg:pypi/{pin.name}", pin.version))


if __name__ == "__main__":
    sys.exit(main())
