"""Anthropic's chat models, with recorded replies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.options.anthropic.chat import AnthropicChatModel
from fixtures.provider.questions import question
from gwkit.models.messages import ChatReply

if TYPE_CHECKING:
    from fixtures.provider.cassettes import Tape

MODEL = "claude-haiku-4-5"


def make_model(tape: Tape) -> AnthropicChatModel:
    """Return the recorded model."""
    key = tape.key("ANTHROPIC_API_KEY")
    return AnthropicChatModel(MODEL, key=key, base_url=tape.anthropic_url, timeout_seconds=30)


async def test_a_reply_is_understood(tape: Tape) -> None:
    """The reply has a citation, and its usage."""
    with tape.playing("anthropic_complete"):
        async with make_model(tape) as model:
            reply = await model.complete(await question())
    assert "72 hours" in reply.text
    assert "[1]" in reply.text
    assert reply.usage.prompt_tokens > reply.usage.completion_tokens > 0


async def test_a_stream_is_understood(tape: Tape) -> None:
    """The pieces make up the reply, and the last one has the usage."""
    with tape.playing("anthropic_stream"):
        async with make_model(tape) as model:
            *pieces, reply = [piece async for piece in model.stream(await question())]
    assert isinstance(reply, ChatReply)
    assert reply.text == "".join(piece.text for piece in pieces)
    assert "72 hours" in reply.text
    assert reply.usage.prompt_tokens > reply.usage.completion_tokens > 0
