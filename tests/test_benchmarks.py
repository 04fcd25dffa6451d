"""Every benchmark runs in its smallest form, and the page matches the results."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks import SUBJECTS
from benchmarks.findings import Aim, Findings, Line, Plot, compared, findings_from
from benchmarks.measure import Pairs, alternate, percentile
from benchmarks.pages import write_pages
from benchmarks.report import HAND_WRITTEN, methods, read_results, taken, write_page
from benchmarks.synthetic import documents, questions
from benchmarks.workshop import Bench, alone
from harness.answers import ROOT
from harness.commands import run

if TYPE_CHECKING:
    import subprocess

# They share the environments under build/.
_ONE_AT_A_TIME = pytest.mark.xdist_group("benchmarks")
# Subjects that need a rendered service in a separate environment.
_SET_UP = [name for name in SUBJECTS if name != "rendering"]
_FINDINGS = Findings(
    [
        compared(
            "a call", Pairs([(3.000001, 2), (4, 2), (2, 2)]), "ms", other="bare", aim=Aim("<=", 1.3)
        ),
        Line("resident", 70.5, "MB", aim=Aim("<", 80, of="ours"), remedy="take away."),
    ],
    [Plot("calls", "Calls", "side", "ms", {"ours": [("a call", 3.0)]})],
)


def bench(*arguments: str, expected: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return run(sys.executable, "-m", "benchmarks", *arguments, cwd=ROOT, expected=expected)


@pytest.fixture(scope="module")
def workshop() -> Bench:
    """The workshop of all subjects, which renders each service once."""
    return Bench(quick=True)


@_ONE_AT_A_TIME
def test_rendering_is_measured() -> None:
    """The command prints figures of both sides, and their ratio is checked."""
    said = bench("rendering", "--quick", "--json").stdout
    findings = json.loads(said[said.index("{") :])["rendering"]["findings"]
    for line in findings_from(findings).lines:
        assert line.theirs is not None
        assert line.ratio is not None
        assert 0 < line.theirs < 100 * line.ours
        assert line.met is (None if line.aim is None else line.ratio <= 1.3)


@_ONE_AT_A_TIME
@pytest.mark.slow
@pytest.mark.parametrize("name", _SET_UP)
def test_a_subject_is_measured(name: str, workshop: Bench) -> None:
    """In its smallest form each line has figures above zero, and remedies are whole sentences."""
    with alone():
        workshop.begin(name)
        findings: Findings = importlib.import_module(f"benchmarks.{name}").measure(workshop)
    lines = findings.lines

    assert lines
    assert all(line.ours > 0 and (line.theirs is None or line.theirs > 0) for line in lines)
    assert all(line.remedy.endswith(".") for line in lines if line.remedy)


def test_what_there_is_to_measure_is_listed() -> None:
    """The list has every subject with the title of its section."""
    listed = bench("--list").stdout.splitlines()

    assert list(SUBJECTS) == [line.split()[0] for line in listed]
    assert all(methods(name)[0] in line for name, line in zip(SUBJECTS, listed, strict=True))


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_subject_says_what_it_measures(name: str) -> None:
    """The docstring has a title and a text, because the page prints both."""
    title, text = methods(name)

    assert title != name
    assert len(text) > 100


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["apii"], "did you mean api?"),
        (["nothing-of-the-kind"], "there are rendering"),
        (["api", "--corpus", "no/such/folder"], "there is no folder 'no/such/folder'"),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments: list[str], told: str) -> None:
    """A wrong name or folder gives one clear line, before any measurement."""
    assert told in bench(*arguments, expected=2).stdout


def test_sides_are_measured_by_turns() -> None:
    """The sides alternate, and warm-up figures are discarded."""
    order: list[str] = []

    def side(name: str, figures: list[float]) -> float:
        order.append(name)
        return figures.pop(0)

    ours, theirs = [9.0, 2.0, 4.0], [9.0, 1.0, 1.0]
    pairs = alternate(lambda: side("A", ours), lambda: side("B", theirs), 2)

    assert "BAABBA" == "".join(order)
    assert [(2.0, 1.0), (4.0, 1.0)] == list(pairs.each)


def test_a_comparison_is_of_medians_over_the_pairs() -> None:
    """The ratio and the difference are medians over the pairs."""
    pairs = Pairs([(3, 2), (4, 2), (10, 1)])

    assert (4, 2) == (pairs.ours, pairs.theirs)
    assert (2, 2) == (pairs.ratio, pairs.added)
    assert (1.75, 6) == pairs.spread
    assert 2.5 == percentile([4, 1, 3, 2], 50)


@pytest.mark.parametrize(
    ("aim", "met"),
    [
        (Aim("<=", 1.5), True),
        (Aim("<", 1.5), False),
        (Aim(">=", 1.6), False),
        (Aim("<", 4, of="ours"), True),
        (Aim("<", 1, of="added"), False),
    ],
)
def test_an_aim_is_met_or_not(aim: Aim, *, met: bool) -> None:
    """The aim is checked against its own figure."""
    assert met is compared("x", Pairs([(3, 2)]), "ms", other="y", aim=aim).met


def test_the_page_tells_what_is_missed_and_keeps_what_is_written_by_hand(tmp_path: Path) -> None:
    """It is rewritten from the results beside it, except for the part below the last heading."""
    plotter = tmp_path / "python"  # draws nothing
    plotter.write_text("#!/bin/sh\n", encoding="utf-8")
    plotter.chmod(0o755)
    page = write_page(
        tmp_path, {"api": taken(_FINDINGS, quick=False, corpus=True)}, plotter=plotter
    )
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("3.00 ms", "0.01 ms") + "\nBy hand.\n", encoding="utf-8")

    write_page(tmp_path, read_results(tmp_path), plotter=plotter)

    assert f"{text}\nBy hand.\n" == page.read_text(encoding="utf-8")
    assert HAND_WRITTEN in text
    row = next(line for line in text.splitlines() if line.startswith("| a call"))
    cells = [cell.strip() for cell in row.split("|")[2:7]]
    assert ["3.00 ms", "2.00 ms (bare)", "1.50 (1.25 to 1.75)", "ratio ≤ 1.3", "**no**"] == cells
    assert "![Calls](benchmarks/calls.svg)" in text
    assert "by `make bench CORPUS=folder ARGS=api`." in text


def test_a_remedy_is_told_once(tmp_path: Path) -> None:
    """Lines with the same remedy are listed together, unless one of them is missed."""
    aim = Aim("<", 80, of="ours")
    lines = [
        Line(name, ours, "MB", aim=aim, remedy="take away.")
        for name, ours in (("a", 70.0), ("b", 90.0), ("c", 60.0))
    ]
    plotter = tmp_path / "python"  # draws nothing
    plotter.write_text("#!/bin/sh\n", encoding="utf-8")
    plotter.chmod(0o755)
    results = {"api": taken(Findings(lines), quick=False, corpus=False)}

    text = write_page(tmp_path, results, plotter=plotter).read_text(encoding="utf-8")

    assert "- **Missed**: *b*: take away.\n- *a*, *c*: take away.\n" in text
    assert "by `make bench ARGS=api`." in text


def test_pages_are_the_same_every_time(tmp_path: Path) -> None:
    """No two pages are alike, and each is reproducible."""
    samples = ROOT / "template/data/samples"
    for name in ("once", "again"):
        write_pages(tmp_path / name, 101, samples=samples)
    once, again = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in sorted((tmp_path / name).rglob("*.md"))
        }
        for name in ("once", "again")
    )

    assert once == again
    assert 101 == len(set(once.values()))


def test_synthetic_documents_are_the_same_every_time() -> None:
    """They have the requested number of chunks, no two alike, and a larger number extends it."""
    few, many = list(documents(45)), list(documents(60))
    chunks = [chunk for document in few for chunk in document.chunks]

    assert [20, 20, 5] == [len(document.chunks) for document in few]
    assert few[:2] == many[:2]
    assert 45 == len(set(chunks))
    assert 3 == len({document.id for document in few})


def test_synthetic_words_are_as_frequent_as_a_language_s() -> None:
    """The most frequent word is in nearly all chunks, and most words are in one or two."""
    chunks = [
        set(chunk.lower().replace(".", "").split())
        for document in documents(200)
        for chunk in document.chunks
    ]
    in_chunks = Counter(word for chunk in chunks for word in chunk)

    assert in_chunks["the"] > 180
    assert Counter(count <= 2 for count in in_chunks.values())[True] > len(in_chunks) / 2


def test_synthetic_questions_are_about_a_document() -> None:
    """Each consists of words of one subject, and is reproducible."""
    subjects = [document.subject for document in documents(60)]
    asked = questions(subjects, 12)

    assert asked == questions(subjects, 12)
    for question in asked:
        words = set(question.replace("?", "").split())
        assert any(len(words & set(subject)) >= 2 for subject in subjects)


def test_the_published_page_is_what_its_results_say(tmp_path: Path) -> None:
    """The figures on the page match the results, and every plot exists."""
    page = ROOT / "docs/benchmarks.md"
    shutil.copytree(ROOT / "docs/benchmarks", tmp_path / "benchmarks")
    shutil.copy(page, tmp_path)
    text = page.read_text(encoding="utf-8")

    write_page(tmp_path, read_results(tmp_path), plotter=Path("/bin/true"))

    assert text == (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert all(
        (page.parent / line.split("](")[1].rstrip(")")).is_file()
        for line in text.splitlines()
        if line.startswith("![")
    )
