"""Discovery of the team's own modules."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest

from app.extensions import discover_extensions
from gwkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    MakePackage = Callable[..., ModuleType]

_ROUTER = "from fastapi import APIRouter\nrouters = (APIRouter(prefix='/{name}'),)\n"
_LOADER = "def load(document, data): ...\nloaders = {{'.{name}': load}}\n"


@pytest.fixture
def make_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakePackage]:
    """Return a function that writes a package of the modules given, and imports it."""
    before = set(sys.modules)

    def make(**modules: str) -> ModuleType:
        folder = tmp_path / "team_ext"
        folder.mkdir()
        for name, source in {"__init__": "", **modules}.items():
            (folder / f"{name}.py").write_text(source, encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        return importlib.import_module("team_ext")

    yield make
    for name in set(sys.modules) - before:
        if name.startswith("team_ext"):
            del sys.modules[name]


def test_modules_are_collected_sorted_by_name(make_package: MakePackage) -> None:
    """Each module may define routers, loaders, both or neither; the order is that of the names."""
    package = make_package(
        zebra=_ROUTER.format(name="zebra"),
        apple=_ROUTER.format(name="apple") + _LOADER.format(name="rst"),
        mango=_LOADER.format(name="adoc"),
        plain="",
    )

    extensions = discover_extensions(package)

    assert ["/apple", "/zebra"] == [router.prefix for router in extensions.routers]
    assert {".adoc", ".rst"} == set(extensions.loaders)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 / 0", "team_ext.broken cannot be imported: ZeroDivisionError: division by zero"),
        ("import no_such_thing", "team_ext.broken cannot be imported: ModuleNotFoundError"),
        ("def (", "team_ext.broken cannot be imported: SyntaxError"),
        ("routers = [1]", "team_ext.broken.routers must be a tuple of APIRouter"),
        ("routers = ('/x',)", "team_ext.broken.routers must be a tuple of APIRouter"),
        ("loaders = {'rst': print}", "team_ext.broken.loaders must map suffixes"),
        ("loaders = {'.rst': 'print'}", "team_ext.broken.loaders must map suffixes"),
        ("loaders = ['.rst']", "team_ext.broken.loaders must map suffixes"),
    ],
)
def test_a_failing_extension_stops_the_start(
    make_package: MakePackage, source: str, expected: str
) -> None:
    """The error names the module and what is wrong with it, and keeps the cause."""
    package = make_package(broken=source, sound="")

    with pytest.raises(ConfigError, match="broken") as caught:
        discover_extensions(package)

    assert expected in str(caught.value)
