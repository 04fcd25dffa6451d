"""After an ingestion was killed, the next one ends where an undisturbed one would have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fixtures.effort import THOROUGH
from kit.fixtures.contents import contents
from kit.fixtures.deaths import MOMENTS, STEP, ingest

_TREE = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder whose index is out of date in every way."""
    folder = tmp_path / "documents"
    folder.mkdir()
    for name in ("changed", "gone", "same", "mended", "moved", "broken"):
        (folder / f"{name}.md").write_text(f"# About {name}\n\nThe first text of {name}.\n")
    for name in ("mended", "bad"):
        (folder / f"{name}.md").write_bytes(b"\xff")
    ingest(folder, tmp_path / "start.sqlite", tmp_path / "log")
    for name in ("changed", "new", "mended", "more"):
        sections = (f"## Part {n}\n\n{'Text of the part. ' * 40}\n\n" for n in range(3))
        (folder / f"{name}.md").write_text(f"# About {name}\n\n{''.join(sections)}")
    (folder / "gone.md").unlink()
    (folder / "moved.md").rename(folder / "elsewhere.md")
    (folder / "broken.md").write_bytes(b"\xff")
    return folder


def lives(folder: Path, mode: str) -> list[dict[str, Any]]:
    """Return the results of every kill; the first one is without a kill."""
    done = subprocess.run(  # noqa: S603 - a program of these tests
        [
            *(sys.executable, "-m", "kit.fixtures.deaths"),
            *(str(folder), str(folder.parent / "start.sqlite"), str(folder.parent / "work"), mode),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
        env=os.environ
        | {
            "PYTHONPATH": f"{_TREE / 'src'}{os.pathsep}{_TREE / 'tests'}",
            "OPENBLAS_NUM_THREADS": "1",
        },
    )
    assert (0, "") == (done.returncode, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_an_ingestion_may_die_at_any_moment(folder: Path) -> None:
    """Each document is old or new, and complete; one more run does exactly the rest."""
    old = contents(folder.parent / "start.sqlite")["documents"]
    undisturbed, *deaths = lives(folder, "ingest")
    new = undisturbed["left"]["documents"]

    assert {
        "changed.md",
        "same.md",
        "mended.md",
        "new.md",
        "more.md",
        "elsewhere.md",
        "broken.md",
    } == set(new)
    assert [] == undisturbed["embedded"]
    # The failures, the writes, the removals: each begins and ends.
    assert len(deaths) >= 2 * 9 // STEP + MOMENTS
    for death in deaths:
        for name, document in death["left"]["documents"].items():
            assert document in (old.get(name), new.get(name))
        assert undisturbed["then"] == death["then"]
        assert ["index.sqlite"] == death["files"]
        committed = {n for n, d in death["left"]["documents"].items() if d == new.get(n)}
        assert not {
            name for name in committed for text in death["embedded"] if f"About {name[:-3]}" in text
        }


@pytest.mark.slow
def test_a_rebuild_may_die_at_any_moment(folder: Path) -> None:
    """The old index is complete until the new one is; finished work is kept."""
    old = contents(folder.parent / "start.sqlite")
    undisturbed, *deaths = lives(folder, "rebuild")
    new = undisturbed["left"]

    assert set(new["documents"]) < {
        *old["documents"],
        "new.md",
        "more.md",
        "elsewhere.md",
        "mended.md",
    }
    assert len(deaths) >= 2 * 9 // STEP + MOMENTS
    for death in deaths:
        assert death["left"] in (old, new)
        assert new == death["then"]
        assert ["index.sqlite"] == death["files"]
    # What was embedded is not embedded again: at the last commit nothing is left.
    assert not THOROUGH or [] in [death["embedded"] for death in deaths if death["left"] == old]
