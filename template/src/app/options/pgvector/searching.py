"""Searching in one snapshot: full text and vectors in the database, fused by the ranking."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from psycopg.sql import SQL, Literal
from psycopg.types.json import Jsonb

from gwkit.documents import Place
from gwkit.index.store import MOST_REPLACED, Hit, SearchMode
from gwkit.text.characters import normalize

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from psycopg import AsyncConnection

    from gwkit.index.store import Filters, SearchQuery

__all__ = ["MOST_INDEXED", "Searcher", "decode_places"]

MOST_INDEXED: Final = 4_000
"""Dimensions up to which pgvector indexes vectors, in half precision; above, search is exact."""

_MOST_REMEMBERED: Final = 10_000
"""Terms whose frequency is remembered."""

_WIDEST: Final = 1_000
"""Largest `hnsw.ef_search`."""

_SPELLING_COUNT: Final = 1_000
"""Chunks up to which the frequency of a spelling is counted."""

_COUNTS = """
    SELECT term, (
        SELECT count(*) FROM (
            SELECT FROM chunks WHERE words @@ quoted::tsquery
            LIMIT %(most)s
        ) AS found
    ) FROM unnest(%(terms)s::text[], %(quoted)s::text[]) AS asked (term, quoted)
"""

# A chunk's score is the sum over its terms of their rarity, as in BM25, times PostgreSQL's rank of
# the term in the chunk; title, headings and text weigh the same. Each pair of term and matching
# chunk costs once, which is what the ranking's choice of terms limits.
_LEXICAL = SQL("""
    SELECT chunks.id,
        sum(rarity * ts_rank('{{1, 1, 1, 1}}', words, query, 1)) AS score
    FROM unnest(%(quoted)s::text[], %(rarities)s::float8[]) AS asked (quoted, rarity)
    CROSS JOIN LATERAL (SELECT quoted::tsquery AS query) AS made
    JOIN chunks ON chunks.words @@ query
    {narrowed}
    GROUP BY chunks.id
    ORDER BY score DESC, chunks.id
    LIMIT %(count)s
""")

# The index has half precision and may stop early: what it finds is ordered again.
_NEAREST = SQL("""
    WITH nearest AS MATERIALIZED (
        SELECT chunks.id, embedding FROM chunks {narrowed}
        ORDER BY {indexed} LIMIT %(count)s
    )
    SELECT id, -(embedding <#> %(vector)s) AS score FROM nearest
    WHERE embedding <#> %(vector)s < 0 ORDER BY score DESC, id
""")
_INDEXED = SQL("embedding::halfvec({dimension}) <#> %(vector)s::halfvec({dimension})")
_EXACT = SQL("embedding <#> %(vector)s")

_NARROWED = SQL("""
    WHERE chunks.path IN (
        SELECT path FROM documents WHERE starts_with(path, %(prefix)s) AND metadata @> %(metadata)s
    )
""")
_HITS = """
    SELECT id, path, position, title, headings, text, metadata, places
    FROM chunks JOIN documents USING (path) WHERE id = ANY(%s)
"""


class Searcher:
    """Searches one index.

    Args:
        dimension: length of its vectors, 0 if it has none.
    """

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._counts: tuple[int, int, dict[str, int]] = (-1, 0, {})

    async def search(self, connection: AsyncConnection, query: SearchQuery) -> list[Hit]:
        """Return at most `query.k` hits, best first.

        Args:
            connection: in a transaction with one snapshot.
            query: what to search for.
        """
        most = query.ranking.candidates(query.k)
        rankings, weights = [], []
        if query.mode is not SearchMode.VECTOR:
            rankings.append(await self._by_words(connection, query, most))
            weights.append(1.0)
        if query.mode is not SearchMode.LEXICAL:
            rankings.append(await self._by_vector(connection, query, most))
            weights.append(query.vector_weight)
        best = query.ranking.fuse(rankings, weights)[: max(0, query.k)]
        return await _hits(connection, best)

    async def _by_words(
        self, connection: AsyncConnection, query: SearchQuery, most: int
    ) -> list[tuple[int, float]]:
        terms, chunks, counts = await self._affordable(connection, query)
        if not terms:
            return []
        values = {
            "quoted": [_quoted(term) for term in terms],
            "rarities": [_rarity(min(counts[term], chunks), chunks) for term in terms],
            "count": most,
        }
        statement = _LEXICAL.format(narrowed=_narrowed(query.filters))
        cursor = await connection.execute(statement, values | _conditions(query.filters))
        return await cursor.fetchall()

    async def _by_vector(
        self, connection: AsyncConnection, query: SearchQuery, most: int
    ) -> list[tuple[int, float]]:
        if not query.vector.any():
            return []
        dimension = Literal(self._dimension)
        is_indexed = self._dimension <= MOST_INDEXED
        indexed = _INDEXED.format(dimension=dimension) if is_indexed else _EXACT
        await connection.execute(
            SQL(
                "SET LOCAL hnsw.iterative_scan = relaxed_order; SET LOCAL hnsw.ef_search = {}"
            ).format(Literal(min(_WIDEST, 4 * most)))
        )
        cursor = await connection.execute(
            _NEAREST.format(narrowed=_narrowed(query.filters), indexed=indexed),
            {"vector": query.vector, "count": most} | _conditions(query.filters),
        )
        return await cursor.fetchall()

    async def _affordable(
        self, connection: AsyncConnection, query: SearchQuery
    ) -> tuple[Sequence[str], int, Mapping[str, int]]:
        """Return the terms to search for, the number of chunks, and how many chunks have a term.

        A term that no chunk has is replaced by its most frequent spelling.
        That is counted once for a version of the index. Searches of two versions may go on side by
        side, so what this one counts by is its own from here on.
        """
        cursor = await connection.execute("SELECT version FROM state")
        (version,) = await cursor.fetchone() or (0,)
        if self._counts[0] != version or len(self._counts[2]) > _MOST_REMEMBERED:
            cursor = await connection.execute(
                "SELECT coalesce(sum(chunks), 0)::bigint FROM documents"
            )
            (chunks,) = await cursor.fetchone() or (0,)
            self._counts = (version, chunks, {})
        _, chunks, counts = self._counts
        ranking, terms = query.ranking, query.ranking.terms(query.text)
        bounds: list[int] = []

        def learn(_term: str, most: int) -> int:
            """Learn how far the ranking counts; nothing is known yet."""
            bounds.append(most)
            return 0

        ranking.affordable(terms, chunks, learn)
        most = max(bounds, default=chunks) + 1
        await _count(connection, terms, most, counts)
        absent = [term for term in dict.fromkeys(terms) if not counts[term]]
        replaced: dict[str, str] = {}
        for term in absent[:MOST_REPLACED]:
            found: dict[str, int] = {}
            await _count(connection, ranking.spellings(term), _SPELLING_COUNT, found)
            best = max(sorted(found), key=found.__getitem__, default=term)
            replaced[term] = best if found.get(best) else term
        terms = [replaced.get(term, term) for term in terms]
        await _count(connection, terms, most, counts)
        return ranking.affordable(terms, chunks, lambda term, _: counts[term]), chunks, counts


async def _count(
    connection: AsyncConnection, terms: Sequence[str], most: int, counts: dict[str, int]
) -> None:
    """Add the number of chunks of each term, up to `most`, where it is not known."""
    unknown = [term for term in dict.fromkeys(terms) if term not in counts]
    if unknown:
        values = {"terms": unknown, "quoted": list(map(_quoted, unknown)), "most": most}
        cursor = await connection.execute(_COUNTS, values)
        counts.update(dict(await cursor.fetchall()))


async def _hits(connection: AsyncConnection, scored: Sequence[tuple[int, float]]) -> list[Hit]:
    """Return the chunks with these ids and scores, in the same order."""
    cursor = await connection.execute(_HITS, [[id_ for id_, _ in scored]])
    found = {row[0]: row[1:] for row in await cursor.fetchall()}
    hits = []
    for id_, score in scored:
        path, position, title, headings, text, metadata, places = found[id_]
        place = (f"{path}#{position}", path, position, title, tuple(headings))
        hits.append(Hit(*place, text, score, metadata, decode_places(places)))
    return hits


def decode_places(stored: Iterable[tuple[int, int, str, int]]) -> tuple[Place, ...]:
    """Return the places of a chunk from its row."""
    return tuple(Place(*values) for values in stored)


def _narrowed(filters: Filters) -> SQL:
    return _NARROWED if filters.prefix or filters.metadata else SQL("")


def _conditions(filters: Filters) -> dict[str, object]:
    return {"prefix": normalize("NFC", filters.prefix), "metadata": Jsonb(dict(filters.metadata))}


def _quoted(term: str) -> str:
    """Return a term as a word of a full-text query, whatever it holds."""
    escaped = term.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _rarity(count: int, chunks: int) -> float:
    """Return the inverse document frequency of BM25, which is positive."""
    return math.log(1 + (chunks - count + 0.5) / (count + 0.5))
