"""`ask` and `search`: an answer with its citations, and the passages it could be made from."""

from __future__ import annotations

import re
import signal
import sys
from itertools import cycle
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.session import AsJson, Verbose, load, run, text_argument
from gwkit.index.store import Filters, SearchMode
from gwkit.terminal.output import Output, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.text import Text

    from app.api.schemas import FoundChunk
    from app.graph.state import Answer, Located
    from app.services import Services
    from gwkit.index.store import Hit

__all__ = ["ask", "search"]

_SNIPPET = 240
_NOTHING_THERE = "No such document is in the index; `python -m app ingest PATH` brings some in."
_CUT_OFF = "The answer was cut off at the limit of tokens; APP_MAX_TOKENS raises it."

_BOLD = re.compile(r"\*\*(?=\S)((?:(?!\n\n).)+?)(?<=\S)\*\*", re.DOTALL)

_TEXT = typer.Argument(metavar="TEXT", help="The text; `-` reads it from stdin.")
_K = Annotated[
    int | None,
    typer.Option("-k", "--k", min=1, max=100, help="Most passages; APP_TOP_K by default."),
]
_Mode = Annotated[SearchMode, typer.Option("--mode", help="Which legs of the search take part.")]
_Prefix = Annotated[str, typer.Option("--prefix", help="Only documents whose id starts so.")]


_MOST_MESSAGES = 20
_LONGEST_TURN = 4_000


def ask(
    text: Annotated[str | None, _TEXT] = None,
    *,
    chat: Annotated[
        bool, typer.Option("--chat", help="Go on with follow-ups, a line each, to an empty one.")
    ] = False,
    k: _K = None,
    prefix: _Prefix = "",
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Answer a question from the documents, with citations.

    What the documents do not say is not answered. That is no failure: the
    exit code is 0, and JSON has "found": false.

    Examples:
      python -m app ask "How long are logs kept?"
      python -m app ask "How long are logs kept?" --prefix policies/ --json
      python -m app ask - < question.txt
      python -m app ask --chat

    Exit codes: 0 done, 1 the answer failed, 2 settings or arguments.
    """
    from app.graph.state import Question, Turn

    output = Output(as_json=as_json)
    settings, given = load(verbose=verbose), _given(text, chat=chat)

    async def work(services: Services) -> None:
        messages: list[Turn] = []
        line = given or _next_line()
        while line:
            question = Question(
                question=line,
                top_k=k,
                filters=Filters(prefix=prefix),
                messages=tuple(messages[-_MOST_MESSAGES:]),
            )
            answer = await services.answerer.answer(question)
            _write_answer(output, line, answer)
            if not answer.found and not await services.index.documents(prefix):
                output.remark(_NOTHING_THERE)
            messages.append(Turn(role="user", content=line))
            messages.append(Turn(role="assistant", content=answer.answer[:_LONGEST_TURN]))
            line = _next_line() if chat else ""

    run(settings, work)


def _given(text: str | None, *, chat: bool) -> str:
    """Return the question that was given; in a conversation it may be empty.

    Raises:
        typer.BadParameter: there is none, or it is too long.
    """
    if text is not None:
        return text_argument(text)
    if not chat:
        raise typer.BadParameter("a question is missing; --chat asks for it", param_hint="TEXT")
    return ""


def _next_line() -> str:
    """Return the next line of a conversation, empty at its end.

    Ctrl-C ends the command at once: the event loop, which waits meanwhile, would see it only later.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        line = (input("\n> ") if sys.stdin.isatty() else sys.stdin.readline()).strip()
        return text_argument(line) if line and line != "-" else ""
    except EOFError:
        return ""
    finally:
        signal.signal(signal.SIGINT, before)


def _write_answer(output: Output, question: str, answer: Answer) -> None:
    output.result(answer.model_dump(mode="json"), lambda console: _print_answer(console, answer))
    if answer.question != question:
        output.remark(f"Understood as: {answer.question}")
    if answer.finish_reason == "length":
        output.remark(_CUT_OFF)


def search(
    text: Annotated[str, _TEXT],
    *,
    k: _K = None,
    mode: _Mode = SearchMode.HYBRID,
    prefix: _Prefix = "",
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Rank the passages of the documents by a text, best first.

    Scores lie between 0 and 1. They order the passages of one search, and say
    nothing across two of them.

    Examples:
      python -m app search "log retention" -k 3
      python -m app search "log retention" --mode lexical --prefix policies/

    Exit codes: 0 done, 1 the search failed, 2 settings or arguments.
    """
    from app.api.schemas import FoundChunk

    output = Output(as_json=as_json)
    query = text_argument(text)
    settings = load(verbose=verbose)

    async def work(services: Services) -> tuple[Sequence[Hit], bool]:
        hits = await services.retriever.search(
            query, k=k or settings.top_k, filters=Filters(prefix=prefix), mode=mode
        )
        return hits, bool(hits) or bool(await services.index.documents(prefix))

    hits, documents = run(settings, work)
    found = list(map(FoundChunk.of, hits))
    document = {"query": query, "mode": mode.value, "hits": [one.model_dump() for one in found]}
    output.result(document, lambda console: _print_hits(console, found))
    if not documents:
        output.remark(_NOTHING_THERE)


def _print_answer(console: Console, answer: Answer) -> None:
    console.print(_emphasized(console, visible(answer.answer)))
    if answer.nearest:
        console.print("\nNearest passages", style="bold")
    for near in answer.nearest:
        _print_passage(console, "", near.chunk, near.heading, near.text)
    if answer.citations:
        console.print("\nSources", style="bold")
    for number, citation in enumerate(answer.citations, start=1):
        place = f"{' > '.join(citation.headings) or citation.title}{_location(citation)}"
        quoted = " … ".join(quote.text for quote in citation.quotes) or citation.text
        _print_passage(console, f"[{number}] ", citation.chunk, place, quoted)
    for each in answer.unsupported:
        cited = "".join(f"[{number}]" for number in each.citations)
        remark = f"Check this: {cited} does not have the {each.kind} {each.missing}"
        console.print(visible(remark), style="yellow")


def _location(found: Located) -> str:
    """Return where something stands in its file, as far as that is known."""
    places = {"page": found.page, "sheet": found.sheet, "row": found.row}
    return "".join(f", {kind} {place}" for kind, place in places.items() if place)


def _emphasized(console: Console, text: str) -> Text:
    """Return Markdown's bold as such on a terminal, and as it is written in a file."""
    from rich.text import Text

    parts = _BOLD.split(text) if console.is_terminal else [text]
    styles = cycle(("", "bold"))
    return Text.assemble(*zip(parts, styles, strict=False))


def _print_hits(console: Console, hits: Sequence[FoundChunk]) -> None:
    if not hits:
        console.print("Nothing was found.")
    for rank, hit in enumerate(hits, start=1):
        place = f"{hit.score:.3f}  {' > '.join(hit.headings) or hit.title}{_location(hit)}"
        _print_passage(console, f"{rank:>2}. ", hit.chunk, place, hit.text)


def _print_passage(console: Console, mark: str, chunk: str, place: str, text: str) -> None:
    from rich.padding import Padding
    from rich.text import Text

    line = Text(mark).append(visible(chunk), style="bold cyan").append(f"  {visible(place)}")
    console.print(line, soft_wrap=True)
    console.print(Padding(Text(_snippet(text), style="dim"), (0, 0, 0, 4)))


def _snippet(text: str) -> str:
    line = visible(" ".join(text.split()))
    return line if len(line) <= _SNIPPET else line[:_SNIPPET].rsplit(" ", 1)[0] + " \u2026"
