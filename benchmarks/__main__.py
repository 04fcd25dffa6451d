"""Measure, and write the page of results, for `make bench`."""

from __future__ import annotations

import argparse
import difflib
import importlib
import json
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks import SUBJECTS
from benchmarks.findings import Findings, findings_from
from benchmarks.report import Taken, methods, read_results, table, taken, write_page
from benchmarks.workshop import ROOT, Bench, BenchError, alone

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, or 2 if something could not be measured.

    A missed aim is reported but is not a failure: a measurement is not a test.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.list:
        for name in SUBJECTS:
            print(f"{name:<12} {methods(name)[0]}")
        return 0
    for name in arguments.name:
        if name not in SUBJECTS:
            near = difflib.get_close_matches(name, SUBJECTS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(SUBJECTS)}"
            parser.error(f"there is no benchmark {name!r}; {hint}")
    if arguments.corpus is not None and not arguments.corpus.is_dir():
        parser.error(f"there is no folder {str(arguments.corpus)!r} to take documents from")
    corpus = arguments.corpus.resolve() if arguments.corpus else None
    bench = Bench(quick=arguments.quick, corpus=corpus, chunks=arguments.chunks)
    out = arguments.out or (None if arguments.quick else ROOT / "docs")
    try:
        with alone():
            results = read_results(out) if out else {}
            if not arguments.page:
                results |= _measured(bench, arguments.name or SUBJECTS, as_json=arguments.json)
            if out:
                page = write_page(out, results, plotter=bench.competitors())
                bench.end()
                sys.stderr.write(f"{page}\n")
    except BenchError as exc:
        bench.end()
        sys.stderr.write(f"make bench: {exc}\n")
        return 2
    except KeyboardInterrupt:
        bench.end()
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="*", help="what to measure; all by default")
    parser.add_argument("--corpus", type=Path, help="a folder of real documents")
    parser.add_argument("--chunks", type=int, help="chunks up to which `stores` are compared")
    parser.add_argument("--quick", action="store_true", help="a quick look; writes only to --out")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--list", action="store_true", help="list the benchmarks")
    parser.add_argument("--out", type=Path, help="folder of the page; docs by default")
    parser.add_argument(
        "--page", action="store_true", help="measure nothing; write the page from its results"
    )
    return parser


def _measured(bench: Bench, names: Sequence[str], *, as_json: bool) -> dict[str, Taken]:
    """Measure each subject, and print its findings at once.

    Raises:
        BenchError: something could not be measured.
    """
    results = {}
    for name in names:
        started = perf_counter()
        bench.begin(name)
        findings: Findings = importlib.import_module(f"benchmarks.{name}").measure(bench)
        bench.end()
        results[name] = taken(findings, quick=bench.quick, corpus=bench.took_corpus)
        if not as_json:
            print(f"\n{methods(name)[0]} ({name}, {perf_counter() - started:.0f} s)\n")
            print(table(findings_from(results[name]["findings"]).lines), flush=True)
            for remark in findings.remarks:
                print(f"\n{remark}")
    if as_json:
        print(json.dumps(results, indent=1, ensure_ascii=False))
    return results


if __name__ == "__main__":
    sys.exit(main())
