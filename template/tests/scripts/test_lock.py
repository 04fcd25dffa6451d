"""Pins are read and written unchanged, and their check finds every gap."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from scripts.lock import beyond, python_floor
from scripts.pins import Layer, Pin, read_layer, render
from scripts.proof import installed, prove

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

HASH = "sha256:" + "0" * 64
METADATA: dict[str, tuple[str, Sequence[str]]] = {
    "web": ("2.0", ["wire>=1", "colour; sys_platform == 'no such'", "extra; extra == 'fast'"]),
    "wire": ("1.5", []),
    "test-tool": ("7", ["plug[toml]"]),
    "extra": ("0.1", ["deep"]),
}


def pin(name: str, version: str, *via: str, marker: str = "", extras: tuple[str, ...] = ()) -> str:
    """Return a pin in the format of a `.txt` file."""
    parsed = Pin(name, version, marker=marker, extras=extras, hashes=[HASH], via=list(via))
    return render("any", [parsed]).split("\n", 1)[1]


WHOLE = {
    "base.in": "web>=1  # the server\n",
    "base.txt": pin("web", "2.0", "-r requirements/base.in") + pin("wire", "1.5", "web"),
    "app.in": "# nothing yet\n",
    "app.txt": "# nothing yet\n",
    "dev.in": "Test_Tool\nweb\n",
    "dev.txt": pin("test-tool", "7", "-r requirements/dev.in")
    + pin("plug", "1", "test-tool", extras=("json", "toml")),
}


def read(folder: Path, files: Mapping[str, str]) -> list[Layer]:
    """Return the layers of these files."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [read_layer(folder, name) for name in ("base", "app", "dev")]


def problems(folder: Path, **changes: str) -> list[str]:
    """Return the findings after a change of these files; `__` stands for the dot."""
    files = WHOLE | {name.replace("__", "."): text for name, text in changes.items()}
    layers = read(folder, files)
    return [f"{item.path}:{item.line} {item.code}" for item in prove(layers, METADATA.get)]


def test_whole_pins_are_proven(tmp_path: Path) -> None:
    """Exact, hashed, required and complete pins have no finding."""
    assert [] == problems(tmp_path)


@pytest.mark.parametrize("line", ["web>=2", "-e .", "--index-url https://example.org/simple"])
def test_line_that_is_no_exact_pin_is_found(tmp_path: Path, line: str) -> None:
    """A range, a path and an option are not pins."""
    assert "requirements/base.txt:1 DEP1" in problems(
        tmp_path, base__txt=f"{line}\n{WHOLE['base.txt']}"
    )


def test_line_that_is_no_requirement_is_found(tmp_path: Path) -> None:
    """An `.in` file contains requirements only."""
    assert ["requirements/app.in:2 DEP1"] == problems(tmp_path, app__in="\n-r base.in\n")


def test_pin_without_hash_is_found(tmp_path: Path) -> None:
    """A pin without the hashes of its files is found on its line."""
    text = "web==2.0\n    # via -r requirements/base.in\n" + pin("wire", "1.5", "web")

    assert ["requirements/base.txt:1 DEP1"] == problems(tmp_path, base__txt=text)


def test_requirement_without_pin_is_found(tmp_path: Path) -> None:
    """Every requirement of an `.in` file must be pinned in its layer or below."""
    assert ["requirements/app.in:1 DEP1"] == problems(tmp_path, app__in="client>=3\n")


def test_pin_outside_its_bounds_is_found(tmp_path: Path) -> None:
    """A pin must satisfy the requirement of the `.in` file."""
    assert ["requirements/base.in:1 DEP1"] == problems(tmp_path, base__in="web>=3\n")


def test_lower_layer_cannot_rely_on_a_higher_one(tmp_path: Path) -> None:
    """A pin of the tools does not count for the service."""
    assert "requirements/base.in:2 DEP1" in problems(tmp_path, base__in="web\nplug\n")


def test_orphan_is_found(tmp_path: Path) -> None:
    """A pin that is no longer needed is found, with those that only it needed."""
    assert ["requirements/dev.txt:2 DEP3", "requirements/dev.txt:5 DEP3"] == problems(
        tmp_path, dev__in="web\n", dev__txt=f"\n{WHOLE['dev.txt']}"
    )


def test_direct_and_transitive_are_told_apart(tmp_path: Path) -> None:
    """A `# via` note that does not name the `.in` file of a direct requirement is found."""
    assert ["requirements/base.txt:4 DEP3"] == problems(tmp_path, base__in="web\nwire\n")


def test_unpinned_need_of_an_installed_package_is_found(tmp_path: Path) -> None:
    """The requirements of an installed package on this platform must be pinned."""
    text = pin("web", "2.0", "-r requirements/base.in")

    assert ["requirements/base.txt:1 DEP1"] == problems(tmp_path, base__txt=text)


def test_need_pinned_for_other_platforms_only_is_found(tmp_path: Path) -> None:
    """A pin whose marker excludes this platform does not count."""
    text = pin("web", "2.0", "-r requirements/base.in")
    text += pin("wire", "1.5", "web", marker="sys_platform == 'no such'")

    assert ["requirements/base.txt:1 DEP1"] == problems(tmp_path, base__txt=text)


def test_needs_of_an_extra_count_where_it_is_asked_for(tmp_path: Path) -> None:
    """`web[fast]` needs more than `web` alone."""
    assert ["requirements/base.txt:1 DEP1"] == problems(tmp_path, base__in="web[fast]\n")


def test_need_of_an_extra_is_pinned_with_it(tmp_path: Path) -> None:
    """If `plug[toml]` is needed, a pin of `plug` alone is found, because pip ignores it."""
    text = WHOLE["dev.txt"].replace("[json,toml]", "")

    assert ["requirements/dev.txt:1 DEP1"] == problems(tmp_path, dev__txt=text)


def test_needs_of_another_version_say_nothing(tmp_path: Path) -> None:
    """An installed package counts only in the pinned version."""
    text = pin("web", "9", "-r requirements/base.in")

    assert [] == problems(tmp_path, base__txt=text)


def test_layers_agree_on_versions(tmp_path: Path) -> None:
    """The same package at two versions in two environments is found."""
    text = WHOLE["dev.txt"] + pin("wire", "1.4", "test-tool")

    assert ["requirements/dev.txt:7 DEP2"] == problems(tmp_path, dev__txt=text)


def test_pins_are_written_as_they_are_read(tmp_path: Path) -> None:
    """Reading a file and writing it again changes nothing."""
    text = render("app", []) + dedent(f"""\
        one==1.0 ; python_version < '3.12' and sys_platform == 'win32' \\
            --hash={HASH} \\
            --hash={HASH[:-1]}1
            # via -r requirements/app.in
        two[big,fast]==2!2.0.post1+local.1 \\
            --hash={HASH}
            # via
            #   -r requirements/app.in
            #   one
        """)
    (tmp_path / "app.txt").write_text(text, encoding="utf-8")

    layer = read_layer(tmp_path, "app")

    assert () == layer.unread
    assert text == render("app", layer.pins)
    assert ["1.0 ; python_version < '3.12' and sys_platform == 'win32'", "2!2.0.post1+local.1"] == [
        str(item) for item in layer.pins
    ]


def test_layer_holds_what_is_beyond_the_lower_ones() -> None:
    """A pin is omitted if a lower layer has it, with its extras, for at least its platforms."""
    here = [Pin("a", "1"), Pin("b", "1"), Pin("c", "1", marker="m"), Pin("d", "1", marker="m")]
    lower = [Pin("a", "1"), Pin("b", "1", marker="m"), Pin("c", "1"), Pin("d", "1", marker="m")]
    here.append(Pin("e", "1", extras=("x",)))
    lower.append(Pin("e", "1"))

    assert ["b", "e"] == [item.name for item in beyond(lower, here)]


def test_installed_packages_are_looked_up() -> None:
    """The running environment gives versions and requirements; an unknown name gives nothing."""
    found = installed("pytest")

    assert found is not None
    assert any(requirement.startswith("pluggy") for requirement in found[1])
    assert installed("no-such-distribution-anywhere") is None


def test_python_floor_is_a_version() -> None:
    """The lowest version is read from `.python-version`, ignoring comments."""
    assert 2 == len([int(part) for part in python_floor().split(".")])
