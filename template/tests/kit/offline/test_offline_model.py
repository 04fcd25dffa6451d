"""The offline model: it quotes, and never invents."""

from __future__ import annotations

import re
from threading import get_ident

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gwkit.errors import TokenLimitError
from gwkit.models.messages import NOT_FOUND, ChatReply, ChatRequest, Delta, Message, Passage
from gwkit.offline import extractive
from gwkit.offline.extractive import ExtractiveChatModel
from gwkit.text.characters import count_tokens

PASSAGES = (
    Passage(number=1, document="a.md", text="A parcel waits for 72 hours at its station."),
    Passage(number=2, document="b.md", text="Invoices are kept for 10 years, as the law asks."),
)


def request(question: str, *, max_tokens: int = 100, prompt: str = "prompt") -> ChatRequest:
    """Return a request about the passages."""
    return ChatRequest(
        messages=(Message(role="user", content=prompt),),
        question=question,
        passages=PASSAGES,
        max_tokens=max_tokens,
    )


async def test_it_quotes_with_a_citation() -> None:
    """The reply is a sentence of a passage, and the usage is counted."""
    reply = await ExtractiveChatModel().complete(request("How long does a parcel wait?"))
    assert reply.text == "A parcel waits for 72 hours at its station [1]."
    assert reply.model == "offline:extractive"
    assert reply.usage.prompt_tokens == count_tokens("prompt")
    assert reply.usage.completion_tokens == count_tokens(reply.text)


async def test_it_says_so_when_nothing_matches() -> None:
    """Without a common word the reply is the fixed text."""
    reply = await ExtractiveChatModel().complete(request("Who won the cup?"))
    assert reply.text == NOT_FOUND


async def test_a_stream_makes_up_the_reply() -> None:
    """Several pieces, and finally the whole reply with the same text."""
    stream = ExtractiveChatModel().stream(request("How long does a parcel wait?"))
    *deltas, reply = [piece async for piece in stream]
    assert isinstance(reply, ChatReply)
    assert len(deltas) > 1
    assert reply.text == "".join(delta.text for delta in deltas if isinstance(delta, Delta))


async def test_a_prompt_beyond_the_window_is_refused() -> None:
    """The error has the length and the limit, in a stream too."""
    model = ExtractiveChatModel(window_tokens=10)
    long = request("How long?", prompt="x" * 44)
    with pytest.raises(TokenLimitError) as caught:
        await model.complete(long)
    assert (caught.value.tokens_used, caught.value.limit) == (11, 10)
    with pytest.raises(TokenLimitError):
        await anext(model.stream(long))


@pytest.mark.parametrize("max_tokens", [1, 2, 3, 5, 8, 12, 40])
@pytest.mark.parametrize(
    "question", ["How long does a parcel wait, and for how long are invoices kept?", "Who won?"]
)
async def test_max_tokens_is_kept(max_tokens: int, question: str) -> None:
    """The reply fits any limit, and a shortened quote is still cited."""
    reply = await ExtractiveChatModel().complete(request(question, max_tokens=max_tokens))
    assert count_tokens(reply.text) <= max_tokens
    assert bool(re.search(r"\[\d\]", reply.text)) == (question != "Who won?")


async def test_what_does_not_fit_is_left_out_whole() -> None:
    """The last quotes are removed first, and the remaining one is not cut."""
    question = "How long does a parcel wait, and for how long are invoices kept?"
    whole = await ExtractiveChatModel().complete(request(question))
    shorter = await ExtractiveChatModel().complete(request(question, max_tokens=20))
    assert "[1]" in whole.text
    assert "[2]" in whole.text
    assert whole.text.split("\n\n")[0] == shorter.text


@given(st.text(max_size=60), st.lists(st.text(max_size=120), max_size=3))
@example("", ["\x1e", "parcel\x1e\x1d", "- \x85parcel"])
async def test_nothing_is_invented(question: str, texts: list[str]) -> None:
    """Every word of a reply is from a passage, or a citation."""
    passages = tuple(
        Passage(number=number, document="a.md", text=text) for number, text in enumerate(texts, 1)
    )
    asked = request("parcel " + question).model_copy(update={"passages": passages})
    reply = await ExtractiveChatModel().complete(asked)
    if reply.text != NOT_FOUND:
        said = re.findall(r"\w+", re.sub(r"\[\d\]", "", reply.text))
        assert set(said) <= set(re.findall(r"\w+", " ".join(texts)))


async def test_it_works_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """ASY2: the event loop is left to others, for a whole reply and for a stream."""
    used: list[int] = []
    reply_text = extractive._reply_text

    def recorded(asked: ChatRequest) -> str:
        used.append(get_ident())
        return reply_text(asked)

    monkeypatch.setattr(extractive, "_reply_text", recorded)
    model, asked = ExtractiveChatModel(), request("How long does a parcel wait?")
    await model.complete(asked)
    assert [piece async for piece in model.stream(asked)]
    assert len(used) == 2
    assert get_ident() not in used
