"""The progress bar and the interruption of a command."""

from __future__ import annotations

import io
import signal
import sys

import pytest

from fixtures.terminal import Terminal
from gwkit.terminal.interruption import interruptible
from gwkit.terminal.progress import progress_bar


def test_a_second_signal_ends_at_once(request: pytest.FixtureRequest) -> None:
    """The first one is recorded; then the signal has its previous effect."""
    # A shell's background job, as in some CI systems, starts with the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    with interruptible() as interruption:
        assert (False, 0) == (interruption(), interruption.exit_code)
        signal.raise_signal(signal.SIGINT)
        assert (True, 130) == (interruption(), interruption.exit_code)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_progress_is_shown_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar has the current document, with control characters escaped."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm-256color")

    with progress_bar(shown=True) as bar:
        bar(0, 2, "one\x07.md")
        bar(1, 2, "two.md")

    assert "1/2" in terminal.getvalue()
    assert "two.md" in terminal.getvalue()
    assert "\x07" not in terminal.getvalue()


@pytest.mark.parametrize("shown", [True, False])
def test_no_progress_is_shown_elsewhere(monkeypatch: pytest.MonkeyPatch, *, shown: bool) -> None:
    """Without a terminal on stderr, or with `--json`, there is no bar."""
    monkeypatch.setattr(sys, "stderr", written := io.StringIO())
    with progress_bar(shown=shown) as bar:
        bar(0, 1, "one.md")

    assert "" == written.getvalue()
