"""Plain BM25 over the documents of a collection, with English stemming and stop words."""

from __future__ import annotations

import bm25s
from Stemmer import Stemmer

from benchmarks.workers import serve
from benchmarks.workers.judged import DEPTH, documents, judgements, ndcg


class PlainBm25:
    """One collection in memory."""

    def index(self, folder: str) -> None:
        """Index the documents of a collection."""
        self._grades = judgements(folder)
        found = list(documents(folder))
        self._ids = [id_ for id_, _, _ in found]
        self._stemmer = Stemmer("english")
        self._bm25 = bm25s.BM25()
        texts = [f"{title}\n{text}" for _, title, text in found]
        self._bm25.index(self._tokens(texts), show_progress=False)

    def score(self, queries: dict[str, str]) -> list[float]:
        """Return the nDCG@10 of each question that has a judged document."""
        judged = {name: text for name, text in queries.items() if self._grades.get(name)}
        if not judged:
            return []
        depth = min(DEPTH, len(self._ids))
        tokens = self._tokens(list(judged.values()))
        places, _ = self._bm25.retrieve(tokens, k=depth, show_progress=False)
        rankings = [[self._ids[place] for place in row] for row in places]
        return [
            ndcg(ranking, self._grades[name])
            for name, ranking in zip(judged, rankings, strict=True)
        ]

    def _tokens(self, texts: list[str]) -> object:
        return bm25s.tokenize(texts, stopwords="en", stemmer=self._stemmer, show_progress=False)


if __name__ == "__main__":
    plain = PlainBm25()
    serve({"index": plain.index, "score": plain.score})
