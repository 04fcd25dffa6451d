"""Tests that share a set-up run in one process."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from harness.answers import ROOT
from harness.commands import run

if TYPE_CHECKING:
    from pathlib import Path

_GROUPED = """
import os
import pathlib

import pytest


@pytest.mark.parametrize("number", range(6))
@pytest.mark.xdist_group("together")
def test_where(number):
    with pathlib.Path("processes").open("a") as file:
        file.write(f"{os.getpid()}\\n")
"""


def test_a_group_runs_in_one_process(tmp_path: Path) -> None:
    """The pinned pytest and pytest-xdist keep a group together, as `make test` requires."""
    (tmp_path / "test_grouped.py").write_text(_GROUPED, encoding="utf-8")
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    options = "-n 2 --dist loadgroup"
    assert f"pytest {options}" in recipe

    run(sys.executable, "-m", "pytest", *options.split(), cwd=tmp_path)

    processes = (tmp_path / "processes").read_text(encoding="utf-8").split()
    assert len(processes) == 6
    assert len(set(processes)) == 1
