"""The judge finds nothing in the template's own trees, nor in code that is nearly wrong."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from harness.answers import ROOT
from harness.bites import NEAR_MISSES, plant
from harness.commands import git
from scripts.judge.checkout import Checkout
from scripts.judge.exceptions import entries, sift
from scripts.judge.forms.table import FORMS, second_forms
from scripts.judge.rules import broken_rules

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE: Final = ROOT / "template"


def test_nothing_is_found_in_good_code(tmp_path: Path) -> None:
    """No form and no rule finds a line of the template, with the near misses planted in it.

    What an entry of `exceptions.toml` accepts is one of those. It is compared with an empty
    release, because the judge looks only at what differs from one.
    """
    service, empty = tmp_path / "service", tmp_path / "empty"
    empty.mkdir()
    listed = git(TEMPLATE, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in (name for name in listed.split("\0") if name and (TEMPLATE / name).is_file()):
        (service / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(TEMPLATE / name, service / name)
    modules = [each for each in NEAR_MISSES if "old" not in each.edit]
    plant(modules, service)
    checkout, nothing = Checkout(service), Checkout(empty)
    found = [
        *second_forms(nothing, checkout),
        *broken_rules(Checkout(TEMPLATE), checkout, checkout.paths),
    ]
    assert len(FORMS) < len(modules) < len(checkout.paths)
    kept = sift(found, entries(checkout), datetime.now(UTC).date())
    assert [] == [str(finding) for finding in kept]
