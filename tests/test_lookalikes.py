"""Plain `copier update` puts an edit where the team made it, without the shipped command.

Copier applies the team's edits as a patch with three lines of context. Where these lines occur
twice, the patch may fit in the wrong place, without a conflict.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from harness.rendering import TemplateRepository, commit_all, texts
from harness.updating import TEAMS_OWN, assert_no_conflict, update_with_api

if TYPE_CHECKING:
    from collections.abc import Mapping

Renderer = Callable[[str], Path]

CONTEXT: Final = 3
RECORDED: Final = ("tests/options/openai_embeddings/cassettes/",)
"""Written by `make record`, and edited by nobody."""

WORKFLOW: Final = ".github/workflows/ci.yml"


def lookalikes(text: str) -> list[tuple[int, ...]]:
    """Return the places, as line numbers, between whose neighbours an insertion is ambiguous."""
    lines = text.splitlines()
    places: Mapping[tuple[str, ...], list[int]] = defaultdict(list)
    for place in range(CONTEXT, len(lines) - CONTEXT + 1):
        places[tuple(lines[place - CONTEXT : place + CONTEXT])].append(place)
    return [tuple(found) for found in places.values() if len(found) > 1]


def test_two_equal_blocks_are_noticed() -> None:
    """An insertion in the middle of six equal lines could be in either block."""
    block = "a\nb\nc\nd\ne\nf\n"
    assert [(3, 10)] == lookalikes(f"{block}x\n{block}")
    assert [] == lookalikes(f"{block}x\n{block.replace('d', 'D')}")


@pytest.mark.xdist_group("defaults")
@pytest.mark.parametrize("name", ["defaults", "everything", "bare"])
def test_no_owned_file_has_ambiguous_places(name: str, rendered: Renderer) -> None:
    """Name the block in one of its first or last lines, to tell it from the other."""
    found = {
        path: lookalikes(text)
        for path, text in texts(rendered(name)).items()
        if not TEAMS_OWN.match_file(path) and not path.startswith(RECORDED)
    }
    assert {} == {path: places for path, places in found.items() if places}


@pytest.mark.slow
def test_an_edit_stays_in_its_job(history: TemplateRepository, tmp_path: Path) -> None:
    """The release inserts a job above, as long as the distance to the job that looks alike."""
    service = history.render(tmp_path / "service", ref="v1.0.0")
    workflow = service / WORKFLOW
    workflow.write_text(_edited(workflow.read_text(encoding="utf-8"), "audit"), encoding="utf-8")
    commit_all(service, "Our step")

    update_with_api(service)

    assert_no_conflict(service)
    new = (history.root / "template" / WORKFLOW).read_text(encoding="utf-8")
    new = re.sub(r"^ +# \[% .* %\]\n", "", new, flags=re.MULTILINE)
    expected = _edited(new, "audit")
    assert "  new:\n" in expected
    assert expected == workflow.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> TemplateRepository:
    """Two releases; the second has a new job at the top."""
    repository = TemplateRepository.of_working_tree(tmp_path_factory.mktemp("template"))
    workflow = repository.root / "template" / WORKFLOW
    text = workflow.read_text(encoding="utf-8")
    repository.release("v1.0.0")
    distance = _line(text, "  audit:") - _line(text, "  eval:")
    steps = "".join(f"      - run: echo {number}\n" for number in range(distance - 4))
    new = f"  new:\n    runs-on: ubuntu-24.04\n    steps:\n{steps}\n"
    workflow.write_text(text.replace("  check:\n", f"{new}  check:\n", 1), encoding="utf-8")
    repository.release("v1.1.0")
    return repository


def _line(text: str, start: str) -> int:
    return next(n for n, line in enumerate(text.splitlines()) if line == start)


def _edited(text: str, job: str) -> str:
    """Insert a step behind the checkout of a job."""
    head, found, tail = text.partition(f"\n  {job}:\n")
    assert found
    line = "          persist-credentials: false\n"
    return head + found + tail.replace(line, f"{line}      - run: echo ours\n", 1)
