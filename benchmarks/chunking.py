"""Chunking.

The service's chunker, compared with the splitters of two libraries, on the same texts in one
thread and with the same sizes: 256 tokens of four bytes, with an overlap of 32. The first
comparison is plain text: parsed blocks for the service, and their text as one string for the
libraries. The second is Markdown: the service parses, cleans and splits it; the others are
`MarkdownHeaderTextSplitter`, followed by `RecursiveCharacterTextSplitter`, and
`MarkdownSplitter`. The service and the first of them keep the headings above each chunk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.findings import Findings, Line, compared
from benchmarks.measure import alternate
from benchmarks.workshop import BenchError

if TYPE_CHECKING:
    from benchmarks.workshop import Bench, Worker

__all__ = ["measure"]

_PAGES: Final = 200
_KINDS: Final = {"plain": "plain text", "markdown": "Markdown, parsed and cut"}
_LIBRARIES: Final = {
    "langchain": "langchain-text-splitters",
    "semantic": "semantic-text-splitter",
}
_REMEDIES: Final = {
    "plain": "embedding and writing take far longer: start there.",
    "markdown": "most of the time is loading, by markdown-it in Python, and cleaning. Documents "
    "are loaded while earlier ones are written.",
}


def measure(bench: Bench) -> Findings:
    """Compare the chunker with each library, on plain text and on Markdown."""
    python = bench.service() / ".venv/bin/python"
    folder = bench.documents(bench.size(_PAGES, 10))
    lines: list[Line] = []
    remarks: list[str] = []
    with (
        bench.scratch() as scratch,
        bench.worker(python, "chunking") as ours,
        bench.worker(bench.competitors(), "splitters") as theirs,
    ):
        texts = str(scratch / "texts.json")
        read = ours.ask("read", folder=str(folder), texts=texts)
        assert isinstance(read, dict)
        if not read["bytes"]:
            raise BenchError(f"{folder} has no Markdown to cut")
        theirs.ask("read", texts=texts, size=read["size"], overlap=read["overlap"])
        for kind, what in _KINDS.items():
            cut: dict[str, int] = {}
            for library, other in _LIBRARIES.items():
                line, counts = _compared(bench, ours, theirs, (kind, library))
                lines.append(line)
                cut |= {"the service": counts["ours"], other: counts["theirs"]}
            told = ", ".join(f"{chunks:,} by {who}" for who, chunks in cut.items())
            remarks.append(f"Chunks ({what}): {told}.")
    return Findings(lines, remarks=remarks)


def _compared(
    bench: Bench, ours: Worker, theirs: Worker, case: tuple[str, str]
) -> tuple[Line, dict[str, int]]:
    kind, library = case
    counts: dict[str, int] = {}

    def cut(side: str) -> float:
        if side == "ours":
            got = ours.ask("cut", kind=kind)
        else:
            got = theirs.ask("cut", kind=kind, library=library)
        assert isinstance(got, list)
        counts[side] = int(got[1])
        return float(got[0])

    pairs = alternate(
        lambda: cut("ours"),
        lambda: cut("theirs"),
        bench.size(15, 2),
        told=lambda told: bench.say(f"{library}, {kind}, {told}"),
    )
    other = _LIBRARIES[library]
    return compared(_KINDS[kind], pairs, "MB/s", other=other, remedy=_REMEDIES[kind]), counts
