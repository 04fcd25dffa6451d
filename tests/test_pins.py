"""The pins of every variant: the subset of one resolution that its answers need."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from harness.answers import CHOICES, ROOT
from harness.commands import run
from harness.grouping import each

if TYPE_CHECKING:
    from collections.abc import Mapping

Renderer = Callable[[str], Path]

LAYERS: Final = ("base", "dev")
_PIN: Final = re.compile(
    r"^(?P<name>[\w.-]+)(?:\[[\w.,-]+\])?==(?P<version>\S+)(?: ; .*)? \\\n"
    r"(?P<hashes>(?:    --hash=.*\n)+)",
    re.MULTILINE,
)


def _pins(service: Path) -> dict[str, dict[str, str]]:
    """Return the pins of each layer: by name, the version and the hashes."""
    return {
        layer: {
            match["name"]: match["version"] + match["hashes"]
            for match in _PIN.finditer((service / f"requirements/{layer}.txt").read_text("utf-8"))
        }
        for layer in LAYERS
    }


def _folders(root: Path) -> set[str]:
    """Return the names of the packages in a folder, which may be missing."""
    return {path.parent.name for path in root.glob("*/*.py")}


@pytest.mark.parametrize("name", each(CHOICES))
def test_the_pins_are_whole_and_none_is_left_over(name: str, rendered: Renderer) -> None:
    """The service's own check passes: every requirement is pinned, and each pin is needed."""
    # Without bytecode, because other tests use the same render.
    run(sys.executable, "-B", "-m", "scripts.lock", "--check", cwd=rendered(name))


@pytest.mark.parametrize("name", each(CHOICES))
def test_a_provider_s_packages_are_there_where_it_is(name: str, rendered: Renderer) -> None:
    """The pins and modules of an option occur with its answers only."""
    answers = CHOICES[name]
    providers = answers.get("llm_providers", [])
    assert isinstance(providers, list)
    expected = {*providers} | ({"openai"} if answers.get("embeddings") == "openai" else set())
    interfaces = answers.get("interfaces", [])
    assert isinstance(interfaces, list)
    stores = answers.get("vector_stores", [])
    assert isinstance(stores, list)
    service = rendered(name)
    pins = _pins(service)
    assert expected - {"own"} == {"anthropic", "openai"} & pins["base"].keys()
    assert ("mcp" in interfaces) == ("mcp" in pins["base"])
    assert ("pgvector" in stores) == ("psycopg" in pins["base"])
    assert ("qdrant" in stores) == ("qdrant-client" in pins["base"])
    tested_only = "openai" in interfaces and "openai" not in expected
    assert tested_only == ("openai" in pins["dev"])
    options = {
        "anthropic": "anthropic" in providers,
        "mcp_api": "mcp" in interfaces,
        "openai": "openai" in expected,
        "openai_api": "openai" in interfaces,
        "openai_chat": "openai" in providers,
        "openai_embeddings": answers.get("embeddings") == "openai",
        "pgvector": "pgvector" in stores,
        "providers": bool(expected),
        "qdrant": "qdrant" in stores,
    }
    there = {name for name, chosen in options.items() if chosen}
    for path in ("src/app/options", "tests/options"):
        assert there & _folders(ROOT / "template" / path) == _folders(service / path)
    assert bool(expected) == (service / "src/gwkit/resilience").exists()


@pytest.mark.parametrize("name", each(CHOICES))
def test_every_variant_has_the_same_versions(name: str, rendered: Renderer) -> None:
    """All options are resolved once: a pin has the same version and hashes in every render."""
    everything: Mapping[str, str] = {
        package: pin
        for layer in _pins(rendered("everything")).values()
        for package, pin in layer.items()
    }
    pins = _pins(rendered(name))
    for layer in LAYERS:
        assert pins[layer]
        for package, pin in pins[layer].items():
            if package in everything:
                assert everything[package] == pin, package
    assert set(pins["base"]) <= set(everything)
