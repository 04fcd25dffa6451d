"""An answer composed from a reply, with and without the check of its citations."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

from app.graph.composition import compose
from app.graph.support import find_unsupported
from app.ingestion.chunking import chunk_blocks
from app.ingestion.loaders import LoaderRegistry
from gwkit.index.store import Hit
from gwkit.models.messages import ChatReply, Usage
from gwkit.text.sentences import sentence_spans

from benchmarks.workers import serve

_CITED = 6


class _Answers:
    """One reply over some passages."""

    def set_up(self, samples: str) -> None:
        """Take the longest passages of a folder, and a reply that cites a sentence of each."""
        hits = []
        for path in sorted(Path(samples).rglob("*.md")):
            loaded = LoaderRegistry().load(path.name, path.read_bytes())
            for chunk in chunk_blocks(loaded.blocks, budget=256, overlap=32):
                name = f"{path.name}#{chunk.position}"
                where = (name, path.name, chunk.position, loaded.title, chunk.headings)
                hits.append(Hit(*where, chunk.text, 1.0, {}, chunk.places))
        self.hits = sorted(hits, key=lambda hit: -len(hit.text))[:_CITED]
        said = []
        for number, hit in enumerate(self.hits, 1):
            sentences = [hit.text[start:end].strip() for start, end in sentence_spans(hit.text)]
            longest = max((each.split("\n")[0] for each in sentences), key=len)
            said.append(f"{longest.rstrip('.')} [{number}].")
        usage = Usage(prompt_tokens=1, completion_tokens=1)
        self.reply = ChatReply(text=" ".join(said), model="a:b", usage=usage)

    def answer(self, *, checked: bool, count: int) -> float:
        """Return the seconds that one answer takes."""
        started = perf_counter()
        for _ in range(count):
            answer = compose(self.reply, self.hits, prompt_hash="")
            if checked:
                find_unsupported(answer.answer, self.hits)
        return (perf_counter() - started) / count


if __name__ == "__main__":
    answers = _Answers()
    serve({"set_up": answers.set_up, "answer": answers.answer})
