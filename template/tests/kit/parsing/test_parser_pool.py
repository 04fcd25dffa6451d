"""Real parser processes: their isolation, and their end if they exceed a limit."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from app.ingestion.loaders import Loaded, LoaderPart, LoaderRegistry, plaintext
from fixtures.files import make_docx, make_pdf, pdf_of
from fixtures.hostile import pdf_loop
from gwkit.documents import Block, BlockKind
from gwkit.errors import ConfigError, IngestError, ParseLimitError
from gwkit.parsing.pool import ParserPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ENDLESS = b"---\n" * 1_250_000
"""Five megabytes that the Markdown parser takes minutes for."""

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory, and /proc")


def pdf_bomb(megabytes: int = 300) -> bytes:
    """Return a PDF file whose page unpacks to this many megabytes."""
    packer = zlib.compressobj(9)
    stream = packer.compress(b"BT /F1 12 Tf ")
    for _ in range(megabytes):
        stream += packer.compress(b"(a) Tj " * (1_000_000 // 7))
    stream += packer.compress(b"ET") + packer.flush()
    return pdf_of(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )


def make_pool(
    *, seconds: float = 30, memory: int = 1_000_000_000, csv: LoaderPart | None = None
) -> ParserPool:
    """Return a pool with these limits, and a loader of an extension."""
    return ParserPool(
        LoaderRegistry({".csv": csv} if csv else None),
        timeout_seconds=seconds,
        memory_bytes=memory,
        max_text_bytes=50_000_000,
    )


@pytest.fixture
def pool() -> Iterator[ParserPool]:
    """Return a pool with generous limits."""
    pool = make_pool()
    yield pool
    pool.close()


def until(condition: Callable[[], bool]) -> None:
    """Return once the condition holds; the test's time limit ends a vain wait."""
    while not condition():
        time.sleep(0.001)


def pids(pool: ParserPool) -> set[int]:
    """Return the processes of a pool."""
    return {process._popen.pid for process in pool._running}


def test_documents_are_the_same_as_without_a_process(pool: ParserPool) -> None:
    """One process loads several documents; small text needs none."""
    documents = {
        "a.md": b"# Title\n\ntext",
        "a.txt": b"text",
        "a.html": b"<h1>T</h1>text",
        "b.pdf": make_pdf(["text"], title="T"),
        "c.docx": make_docx(("Heading 1", "T"), ("Normal", "text")),
        "large.md": b"text " * 50_000,
    }
    registry = LoaderRegistry()
    for document in ("a.md", "a.txt"):
        assert registry.load(document, documents[document]) == pool.load(
            document, documents[document]
        )
    assert set() == pids(pool)
    for document, data in documents.items():
        assert registry.load(document, data) == pool.load(document, data)
    assert 1 == len(pids(pool))
    assert registry.suffixes == pool.suffixes


def test_a_document_that_takes_too_long_fails_alone(pool: ParserPool) -> None:
    """Its process is killed at once, and the next document gets another one."""
    impatient = make_pool(seconds=0.5)
    with pytest.raises(ParseLimitError, match=r"more than 0\.5 s .*APP_PARSE_TIMEOUT_SECONDS"):
        impatient.load("a.md", _ENDLESS)
    assert set() == pids(impatient)
    impatient.close()

    assert pool.load("b.html", b"text").blocks


@on_linux
@pytest.mark.parametrize(
    ("document", "data"),
    [("a.html", b"<p>text" * 3_000_000), ("a.pdf", pdf_bomb(60))],
    ids=["html", "pdf"],
)
def test_a_document_that_takes_too_much_memory_fails_alone(document: str, data: bytes) -> None:
    """The service's own memory is not affected."""
    narrow = make_pool(seconds=3, memory=200_000_000)
    with pytest.raises(ParseLimitError, match="APP_PARSE_"):
        narrow.load(document, data)

    narrow._limits = (narrow._limits[0], 60, *narrow._limits[2:])
    assert narrow.load("b.html", b"text").blocks
    narrow.close()


@on_linux
def test_the_system_bounds_the_memory_of_a_process() -> None:
    """A document that takes too long would hide that nothing bounds the memory."""
    narrow = make_pool(memory=300_000_000)
    narrow.load("a.html", b"text")
    (pid,) = pids(narrow)
    with open(f"/proc/{pid}/limits", encoding="ascii") as limits:  # noqa: PTH123 - no file
        (line,) = (line for line in limits if line.startswith("Max address space"))
    narrow.close()

    assert "300000000" == line.split()[3]


@on_linux
def test_a_process_that_does_nothing_is_not_waited_for() -> None:
    """It uses no processor time, so only wall time can end it."""
    pool = make_pool()
    pool.load("a.html", b"text")
    pool._idle[0]._seconds = 0.5
    (pid,) = pids(pool)
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(pool.load, "b.html", b"text")
        try:
            with pytest.raises(ParseLimitError, match=r"more than 0\.5 s"):
                waiting.result()
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    pool.close()


def test_a_pdf_that_refers_to_itself_ends(pool: ParserPool) -> None:
    """The parser detects it, or its timeout does."""
    with pytest.raises(IngestError):
        pool.load("loop.pdf", pdf_loop())


def test_a_process_that_crashes_is_replaced(pool: ParserPool) -> None:
    """An idle process is replaced; a working one fails its document."""
    pool.load("a.html", b"text")
    (first,) = pids(pool)
    os.kill(first, signal.SIGKILL)
    until(lambda: not pool._idle[0].is_fit)
    pool.load("a.html", b"text")
    assert {first}.isdisjoint(pids(pool))

    with ThreadPoolExecutor(1) as thread:
        failing = thread.submit(pool.load, "a.md", _ENDLESS)
        (second,) = pids(pool)
        until(lambda: [2] == [process._documents for process in pool._running])
        os.kill(second, signal.SIGSEGV)
        with pytest.raises(ParseLimitError, match=r"has crashed its parser \(SIGSEGV\)"):
            failing.result()


def test_closing_ends_what_is_at_work(pool: ParserPool) -> None:
    """A stopping service waits for no document, and records no failure for it."""
    with ThreadPoolExecutor(3) as threads:
        failing = [threads.submit(pool.load, "a.md", _ENDLESS) for _ in range(3)]
        until(lambda: [1, 1] == [process._documents for process in tuple(pool._running)])
        pool.close()
        errors = [future.exception() for future in failing]

    assert [(IngestError, True)] * 3 == [
        (type(error), getattr(error, "passing", None)) for error in errors
    ]
    assert set() == pids(pool)
    pool.close()
    with pytest.raises(IngestError, match="not parsed: the service is shutting down") as caught:
        pool.load("a.html", b"text")
    assert caught.value.passing


def test_a_process_that_was_ended_before_its_first_document_says_so(pool: ParserPool) -> None:
    """The pool may close between the start of a process and its first document."""
    process = pool._take("a.md")
    process.end()
    with pytest.raises(IngestError, match="the parser process does not start") as caught:
        process.parse("a.md", b"text")
    assert caught.value.passing
    pool._give_back(process)


def test_processes_are_replaced_after_some_documents(
    pool: ParserPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leaks of a parser do not add up."""
    monkeypatch.setattr("gwkit.parsing.pool._DOCUMENTS", 2)
    seen = set()
    for _ in range(4):
        pool.load("a.html", b"text")
        seen |= pids(pool)

    assert 2 == len(seen)


def test_a_process_that_does_not_start_blames_no_document(
    pool: ParserPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document is retried later."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(IngestError, match="does not start") as caught:
        pool.load("a.html", b"text")
    assert caught.value.passing

    monkeypatch.setattr(sys, "executable", "/nowhere")
    with pytest.raises(IngestError, match="No such file") as caught:
        pool.load("a.html", b"text")
    assert caught.value.passing


def test_loaders_of_extensions_run_in_the_service() -> None:
    """They may be any callable."""

    def load(_: str, __: bytes, /) -> Loaded:
        return Loaded(threading.current_thread().name, (Block(BlockKind.TEXT, "t"),))

    pool = ParserPool(
        LoaderRegistry({".html": LoaderPart(load)}),
        timeout_seconds=1,
        memory_bytes=1,
        max_text_bytes=1,
    )

    assert threading.current_thread().name == pool.load("a.html", b"").title


@on_linux
def test_a_process_has_no_secret(pool: ParserPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environment has no keys or settings, and it has no open files of the service."""
    monkeypatch.setenv("OPENAI_API_KEY", "canary")
    monkeypatch.setenv("APP_API_KEYS", "canary")
    pool.load("a.html", b"text")
    (pid,) = pids(pool)
    with open(f"/proc/{pid}/environ", "rb") as environment:  # noqa: PTH123 - no file
        assert b"canary" not in environment.read()
    assert len(os.listdir(f"/proc/{pid}/fd")) <= 5  # noqa: PTH208 - no folder


@on_linux
def test_signals_for_the_group_leave_it_at_work(pool: ParserPool) -> None:
    """Ctrl-C is for the service, which finishes the current document."""
    pool.load("a.html", b"text")
    (pid,) = pids(pool)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(pid, number)
    assert pool.load("a.html", b"text").blocks
    assert {pid} == pids(pool)


def test_a_loader_of_an_extension_can_run_in_a_process() -> None:
    """The process imports its module, and one that has none is refused at once."""
    pool = make_pool(csv=LoaderPart(plaintext.load, isolated=True))
    assert "a,b" == pool.load("a.csv", b"a,b").blocks[0].text
    assert pids(pool)
    pool.close()

    part = LoaderPart(lambda document, _: Loaded(document, ()), isolated=True)
    with pytest.raises(ConfigError, match=r"is no function of a module: .*lambda"):
        make_pool(csv=part)
