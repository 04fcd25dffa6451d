"""An update is one merge: predicted, written completely or not at all, and reversible."""

from __future__ import annotations

import json
import os
import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from kit.fixtures.trial import BASE, LINES, THEIRS, commit, contents, made, write
from scripts.template_update import UpdateError
from scripts.updating import __main__ as command
from scripts.updating import applying, merging
from scripts.updating.applying import abort, apply, refuse_unready
from scripts.updating.reporting import classify
from scripts.updating.repository import GitError, Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from kit.fixtures.trial import Trial

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

EDITS = {
    "apart.txt": LINES.replace("line 30\n", "line 30, ours\n"),
    "same.txt": LINES + "ours\n",
    "renamed.txt": None,
    "named.txt": LINES.replace("line", "text"),
    "deleted.txt": None,
    "retired.txt": "retired, ours\n",
    "src/app/ext/__init__.py": "# ours\n",
    "ours.txt": "ours\n",
}
CONFLICT = {"apart.txt": LINES.replace("line 5\n", "line 5, ours\n")}


def test_each_file_is_merged_and_classified(trial: Trial) -> None:
    """Changes of both sides are merged, renames are followed, and every loss is reported."""
    trial.edit(EDITS)

    merged = trial.merge()

    assert {
        "deleted": ["deleted.txt"],
        "retired": ["retired.txt"],
        "kept": ["src/app/ext/__init__.py"],
        "renamed": ["renamed.txt → named.txt"],
        "merged": ["apart.txt"],
        "updated": [".copier-answers.yml", ".env.example", "requirements/base.txt"],
        "new": ["new.txt"],
        "removed": ["gone.txt"],
        "questions": ["profile: plain"],
        "settings": ["APP_B is new"],
        "pins": ["one 1.0 → 1.1", "two new → 2.0"],
    } == classify(merged)
    apply(trial.service, merged)
    after = trial.files()
    assert b"line 5, theirs\n" in after["apart.txt"]
    assert b"line 30, ours\n" in after["apart.txt"]
    assert b"text 9, theirs\n" in after["named.txt"]
    assert b"# ours\n" == after["src/app/ext/__init__.py"]
    assert b"{}\n" == after["evals/golden.jsonl"]
    assert {"ours.txt", "same.txt", "new.txt"} <= after.keys()
    assert set() == after.keys() & {"deleted.txt", "renamed.txt", "gone.txt", "retired.txt"}
    assert b"ours" in Repository(trial.service).git("show", "HEAD:retired.txt").encode()


def test_the_result_is_what_was_predicted(trial: Trial) -> None:
    """The service has the files of the merge, byte for byte."""
    trial.edit({**EDITS, **CONFLICT})
    predicted = trial.merge().result
    merged = trial.merge()

    apply(trial.service, merged)

    assert predicted == merged.result
    assert contents(merged.scratch.folder) == trial.files()


def test_a_conflict_is_shown_by_git_and_in_the_file(trial: Trial) -> None:
    """Both versions are in the file, and git refuses a commit until it is resolved."""
    trial.edit(CONFLICT)
    merged = trial.merge()

    apply(trial.service, merged)

    assert ["apart.txt"] == merged.conflicts == classify(merged)["conflict"]
    status = Repository(trial.service).git("status", "--porcelain", "--", "apart.txt")
    assert "UU apart.txt\n" == status
    text = (trial.service / "apart.txt").read_text("utf-8")
    assert "<<<<<<< HEAD\nline 5, ours\n=======\nline 5, theirs\n>>>>>>> release-v1.1.0\n" in text


def test_a_generated_file_needs_no_decision(trial: Trial) -> None:
    """The release's version is used; `make reference` rewrites it from the merged settings."""
    trial.edit({".env.example": "# APP_A=1\n# APP_OURS=3\n"})

    merged = trial.merge()

    assert [] == merged.conflicts
    assert [".env.example"] == merged.generated == classify(merged)["generated"]
    assert THEIRS[".env.example"] == merged.text(merged.result, ".env.example")


def test_a_seed_that_is_new_is_written_only_where_it_is_missing(trial: Trial) -> None:
    """A team with such a file keeps it; others get it."""
    seed = "src/app/ext/example.py"
    write(trial.release, {seed: "# seed\n"})
    assert "# seed\n" == (merged := trial.merge()).text(merged.result, seed)

    trial.edit({seed: "# ours\n"})

    assert "# ours\n" == (merged := trial.merge()).text(merged.result, seed)


def test_metrics_and_endpoints_that_come_and_go_are_listed(trial: Trial) -> None:
    """They are read from the source, and a prefix may be a constant."""
    routes = (
        'PATH = "/v1/desk"\nrouter = APIRouter(prefix=PATH)\n\n\n@router.get("")\ndef f(): ...\n'
    )
    write(
        trial.release,
        {
            "src/app/api/routes/desk.py": routes,
            "src/app/api/routes/broken.py": "def\n",
            "src/gwkit/telemetry/metrics.py": 'M = (MetricSpec("desk_total", "Calls."),)\n',
        },
    )

    report = classify(trial.merge())

    assert ["GET /v1/desk is new"] == report["endpoints"]
    assert ["desk_total is new"] == report["metrics"]


def test_a_team_with_its_own_format_has_no_conflicts_by_it(trial: Trial) -> None:
    """Both renders get the team's format before the merge."""
    code = "def f(first, second):\n    return {{'first': first, 'second': second, 'x': {}}}\n"
    narrow = "[tool.ruff]\nline-length = 30\n"
    write(trial.service, {"code.py": code.format(1), "pyproject.toml": "[tool.ruff]\n"})
    commit(trial.service)
    with pytest.MonkeyPatch.context() as patch:
        base = {**BASE, "code.py": code.format(1), "pyproject.toml": "[tool.ruff]\n"}
        patch.setattr(merging, "fetch", lambda _, target, *__: write(target, base))
        write(trial.release, {"code.py": code.format(2), "pyproject.toml": "[tool.ruff]\n"})
        spread = 'def f(first, second):\n    return {\n        "first": first,\n'
        spread += '        "second": second,\n        "x": 1,\n    }\n'
        trial.edit({"code.py": spread, "pyproject.toml": narrow})

        merged = trial.merge()

    assert [] == merged.conflicts
    assert spread.replace("1", "2") == merged.text(merged.result, "code.py")


@pytest.mark.parametrize("edits", [EDITS, CONFLICT], ids=["clean", "conflict"])
def test_an_update_is_taken_back(edits: Mapping[str, str | None], trial: Trial) -> None:
    """Files, index and branch are restored; a second time there is nothing to undo."""
    trial.edit(edits)
    before = trial.files()
    apply(trial.service, trial.merge())
    with pytest.raises(UpdateError, match=r"v1\.1\.0 is not committed yet: .* ABORT=1"):
        refuse_unready(trial.service)

    assert "v1.1.0" == abort(trial.service)

    assert before == trial.files()
    assert "" == Repository(trial.service).git("status", "--porcelain")
    refuse_unready(trial.service)
    with pytest.raises(UpdateError, match="no update to undo"):
        abort(trial.service)


def test_a_committed_update_is_not_taken_back(trial: Trial) -> None:
    """A committed update is history, for git to revert."""
    apply(trial.service, trial.merge())
    commit(trial.service)

    with pytest.raises(UpdateError, match="no update to undo"):
        abort(trial.service)


def dying(trial: Trial, die: Callable[[], None]) -> Callable[..., str]:
    """Return a `Repository.git` that stops when a part of the files is written."""
    git = Repository.git

    def stopped(repository: Repository, *arguments: str, **options: object) -> str:
        if arguments[:2] == ("read-tree", "-m"):
            write(trial.service, {"new.txt": THEIRS["new.txt"], "apart.txt": THEIRS["apart.txt"]})
            (trial.service / "gone.txt").unlink()
            (trial.service / ".git/index.lock").touch()
            die()
        return git(repository, *arguments, **options)  # type: ignore[arg-type]

    return stopped


def test_an_interrupted_update_leaves_the_state_before(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C, or a full disk, during writing undoes all changes."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    before, merged = trial.files(), trial.merge()
    monkeypatch.setattr(Repository, "git", dying(trial, interrupt))

    with pytest.raises(KeyboardInterrupt):
        apply(trial.service, merged)

    assert before == trial.files()
    assert "" == Repository(trial.service).git("status", "--porcelain")


def test_a_killed_update_is_named_and_taken_back(trial: Trial) -> None:
    """After `kill -9` the next run reports the state and the remedy, which works."""
    before, merged = trial.files(), trial.merge()
    if (child := os.fork()) == 0:
        Repository.git = dying(trial, lambda: os._exit(9))  # type: ignore[method-assign]
        apply(trial.service, merged)
    assert 9 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert before != trial.files()
    with pytest.raises(UpdateError, match=r"v1\.1\.0 was interrupted: restore .* ABORT=1"):
        refuse_unready(trial.service)

    abort(trial.service)

    assert before == trial.files()
    assert "" == Repository(trial.service).git("status", "--porcelain")


@pytest.mark.parametrize(
    ("theirs", "block", "named"),
    [
        ("notes.local", lambda path: path.write_text("ours\n", encoding="utf-8"), "notes.local"),
        ("notes.local", lambda path: path.symlink_to("nowhere"), "notes.local"),
        ("desk.local/new.txt", lambda path: path.parent.write_text("ours\n"), "desk.local"),
        ("notes.local", lambda path: path.mkdir(), "notes.local"),
    ],
    ids=["file", "dangling link", "file instead of a folder", "folder instead of a file"],
)
def test_an_ignored_file_in_the_way_is_not_overwritten(
    theirs: str, block: Callable[[Path], object], named: str, trial: Trial
) -> None:
    """It would be lost, so the update does not begin."""
    write(trial.release, {theirs: "theirs\n"})
    block(trial.service / theirs)
    before = trial.files()

    with pytest.raises(UpdateError, match=rf"paths of your untracked files: {named};"):
        apply(trial.service, trial.merge())

    assert before == trial.files()
    assert "" == Repository(trial.service).git("status", "--porcelain")


def test_a_full_disk_is_seen_before_anything_is_written(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has the needed and the free space."""
    usage = SimpleNamespace(free=1_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    before = trial.files()

    with pytest.raises(UpdateError, match=r"10,0\d\d,\d\d\d bytes are needed .* 1,000 are free"):
        apply(trial.service, trial.merge())

    assert before == trial.files()


def test_a_service_in_a_larger_repository_is_updated_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A neighbour's uncommitted change neither blocks the update nor is changed."""
    top = tmp_path / "repository"
    write(top / "other", {"file.txt": "committed\n"})
    trial = made(tmp_path, top, top / "services/ours", monkeypatch)
    trial.edit(CONFLICT)
    write(top / "other", {"file.txt": "work in progress\n"})
    before = contents(top)
    refuse_unready(trial.service)
    merged = trial.merge()

    apply(trial.service, merged)

    assert contents(merged.scratch.folder) == trial.files()
    status = Repository(top).git("status", "--porcelain").splitlines()
    assert {" M other/file.txt", "UU services/ours/apart.txt"} <= set(status)
    abort(trial.service)
    assert before == contents(top)
    assert [" M other/file.txt"] == Repository(top).git("status", "--porcelain").splitlines()


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda service: (service / "new.local.txt").touch(), r"commit or stash .*new\.local\.txt"),
        (lambda service: shutil.rmtree(service / ".git"), "must be committed to a git repository"),
    ],
    ids=["uncommitted", "no repository"],
)
def test_a_service_that_is_not_ready_is_refused(
    prepare: Callable[[Path], object], message: str, trial: Trial
) -> None:
    """An update must be distinguishable from other work, and reversible."""
    prepare(trial.service)

    with pytest.raises(UpdateError, match=message):
        refuse_unready(trial.service)


def test_a_refusal_of_git_is_passed_on(tmp_path: Path) -> None:
    """The message has the command and git's output."""
    with pytest.raises(GitError, match="git rev-parse: fatal: not a git repository"):
        Repository(tmp_path).git("rev-parse", "HEAD")


def test_a_preview_changes_nothing(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It reports the changes, and tests the result in a separate copy."""
    proven: list[Path] = []
    monkeypatch.setattr(command, "RELEASE", trial.release)
    monkeypatch.setattr(command, "prove", lambda folder, _: proven.append(folder))
    write(trial.release, {"scripts/updating/changelog.md": "## [1.1.0]\n\n- A change.\n"})
    monkeypatch.setattr(merging, "_PACKAGE", trial.release / "scripts/updating")
    write(trial.release, {"scripts/updating/moves.toml": ""})
    trial.edit(EDITS)
    before = trial.files()

    assert 0 == command.main(["--preview", str(trial.service)])

    shown = capsys.readouterr().out
    assert "- renamed.txt → named.txt\n" in shown
    assert "3 updated, 1 new, 1 removed" in shown
    assert before == trial.files()
    assert "" == Repository(trial.service).git("status", "--porcelain")
    assert [False] == [folder == trial.service for folder in proven]
    assert "### [1.1.0]\n\n- A change." in (trial.folder / "report.md").read_text("utf-8")
    facts = json.loads((trial.folder / "report.json").read_text("utf-8"))
    assert ("v1.0.0", "v1.1.0", ["apart.txt"]) == (facts["from"], facts["to"], facts["merged"])

    assert 0 == command.main([str(trial.service)])
    assert [False, True] == [folder == trial.service for folder in proven]
    assert 0 == command.main(["--abort", str(trial.service)])
    assert before == trial.files()


@pytest.mark.parametrize(("when", "state"), [("merge", "unchanged"), ("prove", "v1.1.0, untested")])
def test_an_interruption_says_whether_the_service_is_updated(
    when: str,
    state: str,
    trial: Trial,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Ctrl-C during the merge leaves nothing, and during the tests an update to commit or abort."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "RELEASE", trial.release)
    monkeypatch.setattr(command, "write_reports", lambda *_: "")
    monkeypatch.setattr(command, when, interrupt)

    assert 130 == command.main([str(trial.service)])

    assert f"{state}\n" in capsys.readouterr().err
    assert (state == "unchanged") == (applying.unfinished(trial.service) is None)


def test_a_release_that_the_launcher_has_fetched_is_not_fetched_again(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is used once, because the service may change before the next update."""
    predicted = trial.merge()
    monkeypatch.setattr(merging, "fetch", None)
    write(trial.folder / "base", BASE)

    assert predicted.result == trial.merge().result
    assert not (trial.folder / "base").exists()


def test_an_update_that_brings_nothing_says_so(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It runs no checks, and leaves nothing to undo."""
    monkeypatch.setattr(command, "RELEASE", trial.release)
    shutil.rmtree(trial.release)
    write(trial.release, BASE)
    (trial.service / "ours.txt").write_text("ours\n", encoding="utf-8")
    commit(trial.service)

    assert 0 == command.main([str(trial.service)])

    assert capsys.readouterr().out.startswith("Nothing to do: ")
    assert 1 == command.main(["--abort", str(trial.service)])
