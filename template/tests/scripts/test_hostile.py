"""Whatever state a repository is in, an update keeps the team's work, or is refused in one line."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from kit.fixtures.trial import BASE, LINES, THEIRS, commit, contents, made, write
from scripts.template_update import UpdateError
from scripts.updating import merging
from scripts.updating.answers import answers_of, refuse_downgrade
from scripts.updating.applying import abort, apply, refuse_unready
from scripts.updating.merging import merge
from scripts.updating.reporting import classify
from scripts.updating.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kit.fixtures.trial import Trial

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

OURS = LINES.replace("line 30\n", "line 30, ours\n")
BOTH = OURS.replace("line 5\n", "line 5, theirs\n")
ANSWERS = ".copier-answers.yml"


def test_without_a_commit_nothing_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing could be restored."""
    trial = made(tmp_path, tmp_path / "service", tmp_path / "service", monkeypatch)
    shutil.rmtree(trial.service / ".git")
    Repository(trial.service).git("init", "--quiet")

    with pytest.raises(UpdateError, match="must be committed to a git repository"):
        refuse_unready(trial.service)


def test_settings_of_the_team_do_not_stop_an_update(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No identity, a signature without a key, and hooks that fail."""
    trial.edit({"apart.txt": OURS})
    hooks = trial.service / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-commit", "post-index-change", "post-merge", "reference-transaction"):
        (hooks / name).write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
        (hooks / name).chmod(0o755)
    settings = tmp_path / "gitconfig"
    settings.write_text(
        "[user]\n\tuseConfigOnly = true\n\tsigningkey = none\n[commit]\n\tgpgSign = true\n"
        "[tag]\n\tgpgSign = true\n[gpg]\n\tprogram = false\n[merge]\n\tconflictStyle = diff3\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "")

    apply(trial.service, trial.merge())

    assert BOTH.encode() == trial.files()["apart.txt"]


def test_a_shallow_clone_is_updated(trial: Trial, tmp_path: Path) -> None:
    """CI has no more than the last commit."""
    trial.edit({"apart.txt": OURS})
    clone = tmp_path / "clone"
    source = f"file://{trial.service}"
    Repository(tmp_path).git("clone", "--quiet", "--depth=1", source, str(clone))
    trial.service = clone
    before = trial.files()
    refuse_unready(clone)

    apply(clone, trial.merge())

    assert BOTH.encode() == trial.files()["apart.txt"]
    abort(clone)
    assert before == trial.files()


def test_a_linked_worktree_is_updated(trial: Trial, tmp_path: Path) -> None:
    """Its git directory is not in its folder."""
    trial.edit({"apart.txt": OURS})
    linked = tmp_path / "linked"
    Repository(trial.service).git("worktree", "add", "--quiet", str(linked))
    before, trial.service = trial.files(), linked

    apply(linked, trial.merge())

    assert BOTH == (linked / "apart.txt").read_text("utf-8")
    abort(linked)
    assert before == {name: data for name, data in contents(linked).items() if name in before}


@pytest.mark.parametrize("edit", [{"apart.txt": OURS}, {"apart.txt": LINES.replace("5", "five")}])
def test_a_repository_with_sha256_is_updated(
    edit: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its object ids are longer, also those of a conflict."""
    (tmp_path / "service").mkdir()
    Repository(tmp_path / "service").git("init", "--quiet", "--object-format=sha256")
    trial = made(tmp_path, tmp_path / "service", tmp_path / "service", monkeypatch)
    trial.edit(edit)
    before, merged = trial.files(), trial.merge()

    apply(trial.service, merged)

    assert bool(merged.conflicts) == ("line five\n" in edit["apart.txt"])
    assert contents(merged.scratch.folder) == trial.files()
    abort(trial.service)
    assert before == trial.files()


@pytest.mark.parametrize("attributes", [None, "* text=auto eol=crlf\n", "* text=auto eol=lf\n"])
def test_a_team_with_crlf_has_no_conflicts_by_it(attributes: str | None, trial: Trial) -> None:
    """Committed, or written on checkout: line endings are not edits, and stay."""
    if attributes:
        trial.edit({".gitattributes": attributes})
    (trial.service / "apart.txt").write_bytes(OURS.replace("\n", "\r\n").encode())
    commit(trial.service)

    merged = trial.merge()

    assert [] == merged.conflicts
    apply(trial.service, merged)
    after = trial.files()["apart.txt"]
    assert BOTH.encode() == after.replace(b"\r\n", b"\n")
    lf = attributes is not None and "eol=lf" in attributes
    assert (0 if lf else BOTH.count("\n")) == after.count(b"\r\n")


def test_submodules_links_and_modes_stay(trial: Trial, tmp_path: Path) -> None:
    """They are in the team's commit, and no render has them."""
    other = tmp_path / "other"
    write(other, {"file.txt": "theirs\n"})
    Repository(other).git("init", "--quiet")
    commit(other)
    Repository(trial.service).git(
        *("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "vendored")
    )
    (trial.service / "link.txt").symlink_to("apart.txt")
    (trial.service / "apart.txt").chmod(0o755)
    commit(trial.service)
    before = Repository(trial.service).entries("HEAD")

    merged = trial.merge()
    apply(trial.service, merged)

    assert "100755" == merged.result["apart.txt"][0]
    kept = {path: before[path] for path in ("vendored", "link.txt", ".gitmodules")}
    assert kept.items() <= merged.result.items()
    assert "theirs\n" == (trial.service / "vendored/file.txt").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{BASE[ANSWERS]}<<<<<<< HEAD\ndocs: true\n", "line 4 .* has no `question: answer`: <<<"),
        ("docs: true\n", "has no _commit"),
        ("", "has no _commit"),
    ],
)
def test_damaged_answers_are_refused(text: str, message: str, trial: Trial) -> None:
    """The file is named, and nothing is changed."""
    trial.edit({ANSWERS: text})
    before = trial.files()

    with pytest.raises(UpdateError, match=message):
        trial.merge()

    assert before == trial.files()


def test_answers_are_read_as_copier_writes_them() -> None:
    """A list has a line for each choice; text may have a colon and quotes."""
    text = "# by Copier\n_commit: v1\nempty: []\nlist:\n- a\n- b\nname: 'A: b'\nother: true\n"

    expected = {"empty": "[]", "list": "[a, b]", "name": "'A: b'", "other": "true"}
    assert expected == answers_of(text)


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        ("v1.10.0", "v1.9.0", True),
        ("v1.0.0-3-gabcdef0", "v1.0.0", True),
        ("v1.0.0-3-gabcdef0", "v1.0.1", False),
        ("v1.0.0", "v1.0.0", False),
        ("0123abc", "v0.1.0", False),
    ],
)
def test_an_older_release_is_refused(old: str, new: str, *, refused: bool) -> None:
    """A merge would take the team's newer files for edits of the older ones."""
    if refused:
        with pytest.raises(UpdateError, match=f"has {old}, and {new} is older"):
            refuse_downgrade(old, new)
    else:
        refuse_downgrade(old, new)


def test_an_answer_edited_in_the_file_takes_effect(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if it were given to the update: its files come and go, and the report names it."""
    page = {"docs/page.md": "page\n"}
    bare = {**THEIRS, ANSWERS: THEIRS[ANSWERS].replace("docs: true", "docs: false")}

    def fetch(_: Path, target: Path, *__: str, answers: Path | None = None) -> None:
        write(target, {**BASE, **page} if answers else {**BASE, ANSWERS: edited})

    monkeypatch.setattr(merging, "fetch", fetch)
    trial.edit(page)
    edited = BASE[ANSWERS].replace("docs: true", "docs: false")
    trial.edit({ANSWERS: edited})
    write(trial.release, bare)

    merged = trial.merge()

    report = classify(merged)
    assert ["docs: true → false"] == report["answers"]
    assert ["docs/page.md", "gone.txt", "retired.txt"] == report["removed"]


def test_an_answer_edited_beside_a_new_question_is_no_conflict(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answers file is the release's, which is rendered with the edited answer."""
    edited = BASE[ANSWERS].replace("docs: true", "docs: false")
    asked = THEIRS[ANSWERS].replace("docs: true", "container: true\ndocs: false")

    def fetch(_: Path, target: Path, *__: str, answers: Path | None = None) -> None:
        write(target, BASE if answers else {**BASE, ANSWERS: edited})

    monkeypatch.setattr(merging, "fetch", fetch)
    trial.edit({ANSWERS: edited})
    write(trial.release, {ANSWERS: asked})

    merged = trial.merge()

    assert [] == merged.conflicts
    assert asked == merged.text(merged.result, ANSWERS)


def test_an_answer_given_to_an_update_is_not_given_again(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update to the same release changed the answers and the files together."""
    page = {"docs/page.md": "page\n"}
    edited = BASE[ANSWERS].replace("docs: true", "docs: false")

    def fetch(_: Path, target: Path, *__: str, answers: Path | None = None) -> None:
        write(target, {**BASE, **page} if answers else {**BASE, ANSWERS: edited})

    monkeypatch.setattr(merging, "fetch", fetch)
    trial.edit({ANSWERS: edited})
    write(trial.release, {ANSWERS: THEIRS[ANSWERS].replace("docs: true", "docs: false")})

    assert "answers" not in classify(trial.merge())


def test_moves_of_skipped_releases_are_followed(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file that moved in one release and again in the next takes the edits along."""
    package = tmp_path / "package"
    moves = '["1.0.1".moved]\n"apart.txt" = "two.txt"\n["1.1.0".moved]\n"two.txt" = "three.txt"\n'
    write(package, {"moves.toml": moves})
    monkeypatch.setattr(merging, "_PACKAGE", package)
    write(trial.release, {"apart.txt": None, "three.txt": THEIRS["apart.txt"]})
    trial.edit({"apart.txt": OURS})

    merged = trial.merge()

    assert ["apart.txt → three.txt"] == classify(merged)["moved"]
    assert BOTH == merged.text(merged.result, "three.txt")
    assert {"apart.txt", "two.txt"}.isdisjoint(merged.result)

    trial.edit({"apart.txt": None})
    merged = trial.merge()
    assert ["three.txt (you deleted apart.txt)"] == classify(merged)["deleted"]
    assert {"apart.txt", "two.txt", "three.txt"}.isdisjoint(merged.result)


def test_a_file_that_only_one_side_renamed_stays_where_the_other_removed_it(
    trial: Trial,
) -> None:
    """The team's is reported, and the release's is new."""
    text = LINES.replace("line", "word")
    trial.edit({"retired.txt": None, "mine.txt": "retired\nours\n", "apart.txt": None})
    write(trial.release, {"apart.txt": None, "theirs.txt": f"{LINES}theirs\n", "other.txt": text})

    merged = trial.merge()

    assert ["retired.txt → mine.txt"] == classify(merged)["orphaned"]
    assert "retired\nours\n" == merged.text(merged.result, "mine.txt")
    assert "theirs.txt" in merged.result


def test_a_move_to_a_place_that_no_service_has_is_a_removal(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An edited file is named by its own path."""
    package = tmp_path / "package"
    write(package, {"moves.toml": '["1.1.0".moved]\n"retired.txt" = "tests/kit/retired.txt"\n'})
    monkeypatch.setattr(merging, "_PACKAGE", package)
    trial.edit({"retired.txt": "retired, ours\n"})

    report = classify(trial.merge())

    assert ["retired.txt"] == report["retired"]
    assert "moved" not in report


def test_a_tag_that_moved_loses_nothing_and_is_named(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The base is not what the service was made from, so its files look edited by the team."""
    manifest = "src/gwkit/MANIFEST"
    other = {**BASE, "apart.txt": LINES.replace("line 20\n", "moved\n"), manifest: "another\n"}
    monkeypatch.setattr(merging, "fetch", lambda _, target, *__, **___: write(target, other))
    write(trial.release, {manifest: "newest\n"})
    trial.edit({"apart.txt": OURS, manifest: "ours\n"})

    merged = trial.merge()

    assert [manifest] == classify(merged)["other release"]
    assert BOTH == merged.text(merged.result, "apart.txt")


def test_names_that_differ_in_case_are_refused_where_they_are_one(trial: Trial) -> None:
    """On such a file system a new file of the release would overwrite one of the team."""
    trial.edit({"NEW.txt": "ours\n"})
    merged = trial.merge()
    Repository(trial.service).git("config", "core.ignoreCase", "true")

    with pytest.raises(UpdateError, match=r"NEW\.txt and new\.txt differ only in case"):
        apply(trial.service, merged)

    Repository(trial.service).git("config", "core.ignoreCase", "false")
    apply(trial.service, merged)
    assert b"ours\n" == trial.files()["NEW.txt"]


def test_an_update_to_a_folder_of_a_larger_repository_with_hooks_and_ignores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The larger repository ignores a path that a release begins to own: nothing is overwritten."""
    top = tmp_path / "repository"
    write(top, {".gitignore": "new.txt\n"})
    trial = made(tmp_path, top, top / "services/ours", monkeypatch)
    write(trial.service, {"new.txt": "ours, ignored\n"})
    refuse_unready(trial.service)

    with pytest.raises(UpdateError, match=r"paths of your untracked files: new\.txt"):
        apply(trial.service, trial.merge())

    (trial.service / "new.txt").unlink()
    folder = tmp_path / "again"
    folder.mkdir()
    apply(trial.service, merge(trial.service, trial.release, folder))
    assert b"new\n" == trial.files()["new.txt"]
