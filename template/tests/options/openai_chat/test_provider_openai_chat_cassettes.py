"""OpenAI's chat models, with recorded replies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.options.openai.session import Session
from app.options.openai_chat.completions import OpenAIChatModel
from fixtures.provider.questions import question
from gwkit.models.messages import ChatReply

if TYPE_CHECKING:
    from fixtures.provider.cassettes import Tape

MODEL = "gpt-4.1-mini"


def make_model(tape: Tape) -> OpenAIChatModel:
    """Return the recorded model."""
    key = tape.key("OPENAI_API_KEY")
    session = Session(f"openai:{MODEL}", key=key, base_url=tape.openai_url, timeout_seconds=30)
    return OpenAIChatModel(MODEL, session)


async def test_a_reply_is_understood(tape: Tape) -> None:
    """The reply has a citation, and its usage."""
    with tape.playing("openai_chat_complete"):
        async with make_model(tape) as model:
            reply = await model.complete(await question())
    assert "72 hours" in reply.text
    assert "[1]" in reply.text
    assert reply.usage.prompt_tokens > reply.usage.completion_tokens > 0


async def test_a_stream_is_understood(tape: Tape) -> None:
    """The pieces make up the reply, and the last one has the usage."""
    with tape.playing("openai_chat_stream"):
        async with make_model(tape) as model:
            *pieces, reply = [piece async for piece in model.stream(await question())]
    assert isinstance(reply, ChatReply)
    assert reply.text == "".join(piece.text for piece in pieces)
    assert "72 hours" in reply.text
    assert reply.usage.prompt_tokens > reply.usage.completion_tokens > 0
