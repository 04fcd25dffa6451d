"""The commands on a small set of documents: output, streams and exit codes."""

from __future__ import annotations

import io
import json
import runpy
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from app import __version__
from app.cli.commands import _UNEXPECTED
from fixtures.command_line import DOCUMENTS, command, environment, run_process
from fixtures.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.command_line import CommandLine


_QUESTION = "How many weeks of parental leave do parents take?"


def test_ingest_tells_what_it_did(cli: CommandLine) -> None:
    """Every submitted document counts as added, changed, unchanged, removed or failed."""
    summary = cli("ingest", DOCUMENTS, "--json").document
    again = cli("ingest", DOCUMENTS)

    assert (0, "") == (again.code, again.err)
    assert "0 added, 0 changed, 4 unchanged, 0 removed, 0 failed" in again.out
    assert {"added": 4, "changed": 0, "unchanged": 0, "removed": 0, "failed": 0} == {
        name: summary[name] for name in ("added", "changed", "unchanged", "removed", "failed")
    }
    assert ([], False) == (summary["failures"], summary["interrupted"])
    assert summary["chunks"] >= 4


def test_ingest_tells_what_it_took_where_it_is_asked(cli: CommandLine) -> None:
    """The timings of each step, and the final and peak memory, as text and as JSON."""
    asked = "--timings", "--profile-memory"
    document = cli("ingest", DOCUMENTS, *asked, "--json").document
    text = cli("ingest", DOCUMENTS, *asked, "--rebuild").out

    steps = {
        f'ingest_step_seconds{{step="{step}"}}' for step in ("parse", "chunk", "embed", "write")
    }
    assert {*steps, "ingest_document_seconds"} <= document["timings"].keys()
    assert 4 == document["timings"]["ingest_document_seconds"]["count"]
    assert document["memory"]["peak_bytes"] > max(0, document["memory"]["current_bytes"])
    assert all(step in text for step in steps)
    assert "memory: " in text
    assert not {"timings", "memory"} & cli("ingest", DOCUMENTS, "--json").document.keys()


def test_a_failed_document_is_named_and_the_rest_is_kept(cli: CommandLine, tmp_path: Path) -> None:
    """The exit code is 1, the reason is shown, and the other documents can be searched."""
    folder = tmp_path / "documents"
    shutil.copytree(DOCUMENTS, folder)
    (folder / "broken.pdf").write_bytes(b"this is no PDF")
    (folder / "archive.zip").write_bytes(b"no document")

    run = cli("ingest", folder)

    assert run.code == 1
    assert "4 added, 0 changed, 0 unchanged, 0 removed, 1 failed" in run.out
    assert "broken.pdf: " in run.out
    assert "files skipped: 1" in run.out
    assert "skipped  archive.zip: unsupported type" in run.out
    assert [{"file": "archive.zip", "reason": "unsupported type"}] == cli(
        "ingest", folder, "--json"
    ).document["skipped_files"]
    assert cli("search", "parental leave", "--json").document["hits"]


def test_a_failure_is_told_once(cli: CommandLine, tmp_path: Path) -> None:
    """The result has it; the log has it only on request."""
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"this is no PDF")

    run = cli("ingest", broken)
    assert (1, "") == (run.out.count("broken.pdf"), run.err)
    assert "document_failed" in cli("ingest", broken, "--verbose").err
    assert "" == cli("ingest", broken).err


def test_many_skipped_files_are_counted(cli: CommandLine, tmp_path: Path) -> None:
    """Text shows the first of them, JSON all."""
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number:02}.zip").touch()

    shown = cli("ingest", folder).out
    assert "19.zip: unsupported type" in shown
    assert "20.zip" not in shown
    assert "and 10 more" in shown
    assert 30 == len(cli("ingest", folder, "--json").document["skipped_files"])


def test_a_missing_path_fails_by_name(cli: CommandLine, tmp_path: Path) -> None:
    """A mistyped path does not count as an empty folder."""
    run = cli("ingest", tmp_path / "nowhere", "--json")

    assert run.code == 1
    assert [str(tmp_path / "nowhere")] == [
        failure["document"] for failure in run.document["failures"]
    ]


def test_an_empty_folder_is_no_failure(cli: CommandLine, tmp_path: Path) -> None:
    """The run succeeds at once."""
    (tmp_path / "empty").mkdir()

    assert cli("ingest", tmp_path / "empty").code == 0


def test_another_chunk_size_asks_for_a_rebuild(
    ingested: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index with other settings is rejected, with the command that rebuilds it."""
    monkeypatch.setenv("APP_CHUNK_TOKENS", "64")

    refused = ingested("ask", _QUESTION)
    rebuilt = ingested("ingest", DOCUMENTS, "--rebuild", "--json")

    assert (2, "") == (refused.code, refused.out)
    assert "python -m app ingest --rebuild" in refused.err
    assert (0, 4) == (rebuilt.code, rebuilt.document["added"])
    assert ingested("ask", _QUESTION, "--json").document["found"]


def test_a_damaged_index_is_one_clear_line(ingested: CommandLine, tmp_path: Path) -> None:
    """There is no traceback, but the problem and exit code 1."""
    index = tmp_path / "var" / "index.sqlite"
    index.write_bytes(b"not a database, certainly " * 1000)

    run = ingested("ask", _QUESTION)

    assert (1, "") == (run.code, run.out)
    assert run.err.startswith("error: ")
    assert "Traceback" not in run.err


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_an_interrupted_ingestion_reports_and_can_go_on(
    cli: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    code: int,
) -> None:
    """The current document is finished, and the next run does the rest."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    terminal.on_write = lambda: signal.raise_signal(number)

    interrupted = cli("ingest", DOCUMENTS)
    resumed = cli("ingest", DOCUMENTS, "--json").document

    assert code == interrupted.code
    assert "Interrupted" in interrupted.out
    assert resumed["added"] > 0
    assert resumed["added"] + resumed["unchanged"] == 4


def test_an_answer_comes_with_its_citations(ingested: CommandLine) -> None:
    """The answer is followed by its numbered passages; JSON has all of it."""
    run = ingested("ask", _QUESTION)
    answer = ingested("ask", _QUESTION, "--json").document

    assert (0, "") == (run.code, run.err)
    assert "fourteen weeks" in run.out
    assert "[1] policies/leave.md#1  Leave\n" in run.out
    assert answer["found"] is True
    assert "policies/leave.md" == answer["citations"][0]["document"]
    assert {"document", "chunk", "score", "text"} <= answer["citations"][0].keys()


def test_what_the_documents_do_not_say_is_not_invented(ingested: CommandLine) -> None:
    """Not found is an answer: exit code 0, and no citation."""
    run = ingested("ask", "Which volcano erupted in Iceland?", "--json")

    assert (0, False, []) == (run.code, run.document["found"], run.document["citations"])


@pytest.mark.parametrize("name", ["ask", "search"])
def test_an_empty_index_says_how_to_fill_it(cli: CommandLine, name: str) -> None:
    """The output has the remedy for this common mistake."""
    run = cli(name, _QUESTION)

    assert run.code == 0
    assert "python -m app ingest" in run.err


def test_questions_can_be_narrowed(ingested: CommandLine) -> None:
    """With a prefix, only documents below it are used."""
    assert not ingested("ask", _QUESTION, "--prefix", "guides/", "--json").document["found"]


def test_search_ranks_passages(ingested: CommandLine) -> None:
    """Hits come best first, at most the requested number, with their place and a snippet."""
    shown = ingested("search", "rollback of the billing service", "-k", "2")
    found = ingested("search", "rollback of the billing service", "-k", "2", "--json").document

    assert " 1. guides/deployment.md#" in shown.out
    assert "Deployment > Rollback" in shown.out
    assert "guides/deployment.md" == found["hits"][0]["document"]
    assert sorted((hit["score"] for hit in found["hits"]), reverse=True) == [
        hit["score"] for hit in found["hits"]
    ]
    assert len(found["hits"]) <= 2


@pytest.mark.parametrize("mode", ["hybrid", "lexical"])
def test_search_takes_a_mode(ingested: CommandLine, mode: str) -> None:
    """Without an embedder, hybrid search is a search by words."""
    found = ingested("search", "lost laptop", "--mode", mode, "--json").document

    assert mode == found["mode"]
    assert "guides/laptop.html" == found["hits"][0]["document"]


def test_a_search_by_vectors_needs_an_embedder(ingested: CommandLine) -> None:
    """It is refused with the reason."""
    run = ingested("search", "lost laptop", "--mode", "vector")

    assert run.code == 1
    assert "there is no embedder" in run.err


def test_nothing_found_is_said(ingested: CommandLine) -> None:
    """A search without hits reports that."""
    run = ingested("search", "leave", "--prefix", "guides/zzz")

    assert (0, "Nothing was found.\n") == (run.code, run.out)


def test_a_long_passage_is_cut_at_a_word(cli: CommandLine, tmp_path: Path) -> None:
    """A snippet stays short; control characters are escaped."""
    document = tmp_path / "long.txt"
    document.write_text("kettle \x1b[31m" + "boils water " * 60, encoding="utf-8")
    cli("ingest", document)

    run = cli("search", "kettle")

    assert run.out.endswith((" boils …\n", " water …\n"))
    assert "\x1b" not in run.out


@pytest.mark.parametrize("name", ["ask", "search"])
@pytest.mark.parametrize("text", ["", "  \n ", "x" * 100_001], ids=["empty", "blank", "too long"])
def test_a_text_of_the_wrong_length_is_refused(cli: CommandLine, name: str, text: str) -> None:
    """1 to 100,000 characters; other lengths are a usage error that says so."""
    run = cli(name, text)

    assert (2, "") == (run.code, run.out)
    assert run.err.startswith("error: Invalid value for TEXT: String should have at ")


def test_a_text_can_come_from_standard_input(
    ingested: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text that is too long for a command line, or in a file, can be piped in."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"  {_QUESTION}\n"))

    assert ingested("ask", "-", "--json").document["found"]


def test_config_shows_the_settings_in_force(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every setting is listed by its variable; a star marks those that were set."""
    monkeypatch.setenv("APP_TOP_K", "9")

    shown = cli("config")
    settings = cli("config", "--json").document

    assert shown.code == 0
    lines = [line.split() for line in shown.out.splitlines()]
    assert ["*", "APP_TOP_K", "9"] in lines
    assert ["APP_PORT", "8000"] in lines
    assert (9, 8000) == (settings["APP_TOP_K"], settings["APP_PORT"])


@pytest.mark.parametrize("arguments", [("ask", "x"), ("config",), ("ingest", "."), ("serve",)])
def test_wrong_settings_are_reported_all_at_once(
    cli: CommandLine, arguments: tuple[str, ...]
) -> None:
    """Exit code 2, and a line for each problem with its variable."""
    run = cli(*arguments, APP_TOP_K="many", APP_MAX_TOKEN="5")

    assert (2, "") == (run.code, run.out)
    assert "APP_TOP_K" in run.err
    assert "APP_MAX_TOKENS" in run.err


def test_an_unknown_model_is_an_error_of_settings(cli: CommandLine) -> None:
    """The report names the variable and the known models."""
    run = cli("ask", "x", "--json", APP_DEFAULT_MODEL="oracle:delphi")

    assert run.code == 2
    assert "offline:extractive" in run.document["error"]["detail"]


@pytest.mark.parametrize(
    "arguments",
    [("ask",), ("aks", "x"), ("ask", "x", "--depth", "3"), ("search", "x", "-k", "0")],
)
def test_wrong_usage_is_told_in_one_form(cli: CommandLine, arguments: tuple[str, ...]) -> None:
    """Exit code 2 and a hint on stderr; with `--json`, a document on stdout."""
    told = cli(*arguments)
    as_json = cli(*arguments, "--json")

    assert (2, "") == (told.code, told.out)
    assert told.err.startswith("error: ")
    assert "--help` for usage" in told.err
    assert (2, "UsageError", 2) == (
        as_json.code,
        as_json.document["error"]["type"],
        as_json.document["error"]["exit_code"],
    )


def test_a_flag_among_the_text_is_text(ingested: CommandLine) -> None:
    """After `--` everything is text, also `--json`."""
    run = ingested("ask", "--", "--json")

    assert run.code == 0
    assert not run.out.startswith("{")


@pytest.mark.parametrize("arguments", [("--help",), ("ingest", "--help"), ("eval", "-h")])
def test_help_has_examples_and_exit_codes(cli: CommandLine, arguments: tuple[str, ...]) -> None:
    """Help shows the usage of a command and its exit codes."""
    run = cli(*arguments)

    assert run.code == 0
    assert "python -m app " in run.out
    assert "Exit codes:" in run.out


def test_without_a_command_there_is_help(cli: CommandLine) -> None:
    """The exit code is that of an error."""
    run = cli()

    assert run.code == 2
    assert "Usage: python -m app" in run.out


def test_the_version_is_that_of_the_package(cli: CommandLine) -> None:
    """`--version` prints only the version."""
    assert (0, f"{__version__}\n", "") == cli("--version")


def test_the_package_is_a_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m app` runs the command line, with its exit code."""
    for arguments, code, out in (["--version"], 0, f"{__version__}\n"), (["ask"], 2, ""):
        monkeypatch.setattr(sys, "argv", ["app", *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module("app", run_name="__main__")

        assert (code, out) == (ended.value.code, capsys.readouterr().out)


@pytest.mark.usefixtures("ingested")
def test_commands_keep_to_their_streams() -> None:
    """Results on stdout, the log on stderr, the exit code from the command."""
    answered = run_process("ask", "-", "--json", "--verbose", stdin=_QUESTION)

    assert (0, True) == (answered.code, answered.document["found"])
    assert "index_opened" in answered.err


def test_a_closed_pipe_is_quiet() -> None:
    """With `… | head -1` there is no traceback, and the exit code is the command's own."""
    process = subprocess.Popen(  # noqa: S603 - the service's own command
        command("config"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        process.stdout.close()
        errors = process.stderr.read()

    assert (0, b"") == (process.returncode, errors)


@pytest.mark.parametrize("arguments", [("search", "a"), ("search", "a", "--json")])
def test_an_unexpected_error_is_told_as_well(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """It is logged without secrets, and with `--json` there is still one JSON document."""
    monkeypatch.setenv("APP_API_KEYS", '{"reader": "a-key-that-nobody-may-see"}')

    def fail(*_: object, **__: object) -> None:
        raise KeyError("a-key-that-nobody-may-see")

    monkeypatch.setattr("app.cli.questions.run", fail)
    run = cli(*arguments)

    assert 1 == run.code
    logged, *told = run.err.splitlines()
    event = json.loads(logged)
    assert ("uncaught_error", "critical") == (event["event"], event["level"])
    assert "KeyError: '**********'" in event["exception"]
    if "--json" in arguments:
        error = run.document["error"]
        assert ("InternalError", 1) == (error["type"], error["exit_code"])
    else:
        assert [f"error: {_UNEXPECTED}"] == told
