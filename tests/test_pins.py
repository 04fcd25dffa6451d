"""The pins of every variant: the subset of one resolution that its answers need."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from harness.answers import ANSWER_SETS, ROOT
from harness.commands import run
from harness.grouping import each

Renderer = Callable[[str], Path]

LAYERS: Final = ("base", "dev")
_PIN: Final = re.compile(
    r"^(?P<name>[\w.-]+)(?:\[[\w.,-]+\])?==(?P<version>\S+)(?: ; .*)? \\\n"
    r"(?P<hashes>(?:    --hash=.*\n)+)",
    re.MULTILINE,
)

every_answer_set = pytest.mark.parametrize("name", each(ANSWER_SETS))


def _pins(service: Path) -> dict[str, dict[str, str]]:
    """Return the pins of each layer: by name, the version and the hashes."""
    return {
        layer: {
            match["name"]: match["version"] + match["hashes"]
            for match in _PIN.finditer((service / f"requirements/{layer}.txt").read_text("utf-8"))
        }
        for layer in LAYERS
    }


@every_answer_set
def test_the_pins_are_whole_and_none_is_left_over(name: str, rendered: Renderer) -> None:
    """The service's own check passes: every requirement is pinned, and each pin is needed."""
    # Without bytecode, because other tests use the same render.
    run(sys.executable, "-B", "-m", "scripts.lock", "--check", cwd=rendered(name))


@every_answer_set
def test_every_variant_has_the_same_versions(name: str, rendered: Renderer) -> None:
    """All options are resolved once: a pin has the same version and hashes in every render."""
    everything = _pins(ROOT / "template")
    known = {package: pin for layer in everything.values() for package, pin in layer.items()}
    pins = _pins(rendered(name))
    for layer in LAYERS:
        assert pins[layer]
        assert pins[layer].items() <= known.items()
    assert pins["base"].items() <= everything["base"].items()
