"""OpenAI's embeddings, with recorded replies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.options.openai.session import Session
from app.options.openai_embeddings.embeddings import OpenAIEmbedder

if TYPE_CHECKING:
    from fixtures.provider.cassettes import Tape

MODEL = "text-embedding-3-small"


async def test_embeddings_are_understood(tape: Tape) -> None:
    """Each text has a vector, and the query is nearest to the text with the same meaning."""
    key = tape.key("OPENAI_API_KEY")
    session = Session(f"openai:{MODEL}", key=key, base_url=tape.openai_url, timeout_seconds=30)
    with tape.playing("openai_embeddings"):
        async with OpenAIEmbedder(MODEL, session, dimension=64) as embedder:
            rows = await embedder.embed_documents(["a parcel waits", "the depot opens at 8"])
            query = await embedder.embed_query("how long waits a parcel?")
    assert (2, 64) == rows.shape
    assert 0 == int((rows @ query).argmax())
