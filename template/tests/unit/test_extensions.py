"""Discovery of the team's own modules."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from app.config.settings import Settings
from app.wiring import build_registry, settings_type
from gwkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    MakePackage = Callable[..., ModuleType]

_ROUTE = """
from fastapi import APIRouter
def register(registry):
    registry.routes.add("{name}", APIRouter(prefix="/{name}"))
"""
_GROUP = """
from pydantic import Field
from app.config.groups import SettingsGroup
class Group(SettingsGroup):
    {field}: int = Field(default=1, ge=1, description="A number.")
    def problems(self, settings):
        return [f"APP_{name}: too large"] if self.{field} > 9 else []
def register(registry):
    registry.settings.add("{name}", Group)
"""


@pytest.fixture
def make_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakePackage]:
    """Return a function that writes and imports a package of the given modules."""
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


def test_modules_register_sorted_by_name(make_package: MakePackage) -> None:
    """Each part is known by its name and its module."""
    package = make_package(zebra=_ROUTE.format(name="z"), apple=_ROUTE.format(name="a"))

    registry = build_registry(package)

    assert {"a": "team_ext.apple", "z": "team_ext.zebra"} == registry.routes.origins
    assert ["a", "z"] == list(registry.routes.parts)
    assert "the service" == registry.stores.origins["sqlite"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 / 0", "team_ext.broken cannot be loaded: ZeroDivisionError: division by zero"),
        ("import no_such_thing", "team_ext.broken cannot be loaded: ModuleNotFoundError"),
        ("def (", "team_ext.broken cannot be loaded: SyntaxError"),
        ("", "team_ext.broken has no function `register(registry)`"),
        ("register = 1", "team_ext.broken has no function `register(registry)`"),
        ("def register(registry): registry.nothing.add()", "cannot be loaded: AttributeError"),
        (_ROUTE.format(name="a"), "team_ext.broken and team_ext.apple both register the route 'a'"),
        (
            "def register(registry): registry.stores.add('sqlite', None)",
            "team_ext.broken and the service both register the store 'sqlite'",
        ),
    ],
)
def test_a_failing_extension_stops_the_start(
    make_package: MakePackage, source: str, expected: str
) -> None:
    """The error names the module or modules, and the reason."""
    package = make_package(apple=_ROUTE.format(name="a"), broken=source)

    with pytest.raises(ConfigError, match="broken") as caught:
        build_registry(package)

    assert expected in str(caught.value)


def test_settings_of_extensions_are_checked_with_all_others(make_package: MakePackage) -> None:
    """A group's fields are settings like the service's own, and its problems are reported."""
    registry = build_registry(make_package(team=_GROUP.format(name="TEAM", field="team_size")))
    whole = settings_type(registry)

    settings = whole.model_validate({"team_size": 3})
    assert 3 == vars(settings)["team_size"]
    assert settings is settings.group(registry.settings.parts["TEAM"])
    with pytest.raises(ValidationError, match="APP_TEAM: too large"):
        whole.model_validate({"team_size": 10})
    with pytest.raises(TypeError, match="not registered"):
        Settings().group(registry.settings.parts["TEAM"])


def test_two_groups_with_one_setting_stop_the_start(make_package: MakePackage) -> None:
    """The error names both modules."""
    package = make_package(
        one=_GROUP.format(name="ONE", field="size"), two=_GROUP.format(name="TWO", field="size")
    )

    with pytest.raises(ConfigError, match=r"team_ext\.two and team_ext\.one both have .*'size'"):
        settings_type(build_registry(package))
