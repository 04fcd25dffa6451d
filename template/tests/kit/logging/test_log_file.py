"""The log file: JSON, rotated once by any number of processes."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from gwkit.errors import ConfigError
from gwkit.logging.setup import configure_logging

if TYPE_CHECKING:
    from fixtures.configuration import MakeSettings


log = structlog.stdlib.get_logger("app.somewhere")


def events(text: str) -> list[dict[str, Any]]:
    """Return the events of JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


def test_the_file_holds_json_and_rotates(
    capsys: pytest.CaptureFixture[str], make_settings: MakeSettings, tmp_path: Path
) -> None:
    """The folder is created, the format does not depend on the terminal, old files are kept.

    Only the owner can read them.
    """
    path = tmp_path / "logs" / "service.log"
    settings = make_settings(
        log_format="console", log_file=path, log_file_max_bytes=10_000, log_file_backups=2
    )
    configure_logging(settings)
    for number in range(300):
        log.info("event", number=number, text="é" * 20)
    assert {"service.log", "service.log.1", "service.log.2"} == {
        file.name for file in path.parent.iterdir()
    }
    assert {0o600} == {file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert 10_000 <= path.with_suffix(".log.1").stat().st_size < 10_250
    assert 299 == events(path.read_text(encoding="utf-8"))[-1]["number"]
    assert not capsys.readouterr().err.startswith("{")


def test_processes_that_share_a_file_rotate_it_once(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    """A process continues with the new file after another one rotated it."""
    path = tmp_path / "service.log"
    configure_logging(make_settings(log_file=path, log_file_max_bytes=10_000))
    while path.stat().st_size < 10_000:
        log.info("before", text="x" * 200)
    path.rename(aside := tmp_path / "service.log.1")
    path.write_text("", encoding="utf-8")
    full = aside.read_bytes()
    log.info("after")

    assert {path, aside} == set(tmp_path.iterdir())
    assert full == aside.read_bytes()
    assert ["after"] == [each["event"] for each in events(path.read_text(encoding="utf-8"))]


def test_what_is_no_regular_file_is_not_rotated(make_settings: MakeSettings) -> None:
    """A device or a pipe can be logged to, and nothing is renamed."""
    configure_logging(make_settings(log_file=Path(os.devnull), log_file_max_bytes=10_000))
    for _ in range(100):
        log.info("event", text="x" * 200)
    assert Path(os.devnull).is_char_device()


def test_a_file_that_cannot_be_opened_stops_the_start(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    """The problem names the variable, and logging is not partly configured."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    before = logging.getLogger().handlers[:]
    with pytest.raises(ConfigError, match="APP_LOG_FILE: cannot write to") as caught:
        configure_logging(make_settings(log_file=tmp_path / "file" / "service.log"))
    assert 1 == len(caught.value.problems)
    assert before == logging.getLogger().handlers
