"""An embedder with all its guards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.embedder import FakeEmbedder
from gwkit.errors import ProviderError
from gwkit.resilience.current_call import Call
from gwkit.resilience.embeddings import ResilientEmbedder
from kit.fixtures.policy import make_policy

if TYPE_CHECKING:
    from gwkit.models.protocols import Vector

SERVER = ProviderError("server", status=500, passing=True)


async def test_an_embedder_is_tried_again() -> None:
    """It is retried like a chat model.

    Its timeout is longer than any wait between attempts, which are random, could be.
    """

    class Failing(FakeEmbedder):
        failures = 2

        async def embed_query(self, text: str) -> Vector:
            """Fail at first."""
            self.failures -= 1
            if self.failures >= 0:
                raise SERVER
            return await super().embed_query(text)

    fake = Failing()
    model = ResilientEmbedder(fake, make_policy(), timeout_seconds=60)
    assert ("fake:words", 16, 1.0) == (model.name, model.dimension, model.rank_weight)
    assert (2, 16) == (await model.embed_documents(["one", "two"])).shape
    fake.failures = 9
    call = Call.begin()
    with call.entered(), pytest.raises(ProviderError):
        await model.embed_query("three")
    assert 3 == call.attempts
