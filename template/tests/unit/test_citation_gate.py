"""What happens to an answer that states what its passages do not say."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from app.graph.composition import WITHHELD
from app.graph.state import Answer
from app.graph.statements import cite, statements
from app.graph.support import find_unsupported
from fixtures.configuration import REGISTRY
from fixtures.models import FakeChatModel, make_hit
from gwkit.documents import Place
from gwkit.models.messages import Delta
from unit.test_answering import QUESTION, Bench

if TYPE_CHECKING:
    from fixtures.configuration import MakeSettings

TRUE, FALSE = "It is 3.50 [3], for 72 hours [1].", "It is 3.80 [3], for 72 hours [1]."
FAULTS = 'unsupported_statements_total{kind="number"} 1.0'


@pytest.fixture(params=sorted(REGISTRY.orchestrations.parts))
def make_settings(make_settings: MakeSettings, request: pytest.FixtureRequest) -> MakeSettings:
    """Return a maker of settings, for each orchestration in turn."""
    return partial(make_settings, orchestration=request.param)


async def test_a_true_answer_is_not_marked(make_settings: MakeSettings) -> None:
    """Nothing is marked, and each citation has the sentence that it stands on."""
    text = "A parcel costs 3.50 euros [3], and waits for 72 hours [1]."
    answer = await Bench(make_settings, FakeChatModel(text)).answerer.answer(QUESTION)

    assert () == answer.unsupported
    assert ["A parcel costs 3.50 euros.", "A parcel waits for 72 hours."] == [
        quote.text for citation in answer.citations for quote in citation.quotes
    ]


async def test_what_fails_is_marked(make_settings: MakeSettings) -> None:
    """The answer stays; the sentence and the number are named, counted and logged."""
    bench = Bench(make_settings, FakeChatModel("A parcel costs 3.80 euros [3]. So be it."))
    with capture_logs() as logs:
        answer = await bench.answerer.answer(QUESTION)

    (fault,) = answer.unsupported
    assert answer.found
    assert ("number", "3.80", (1,)) == (fault.kind, fault.missing, fault.citations)
    assert "A parcel costs 3.80 euros [1]." == answer.answer[fault.start : fault.end].strip()
    assert FAULTS in bench.metrics.exposition().decode()
    (event,) = [log for log in logs if log["event"] == "answer_unsupported"]
    assert (["number"], 1, "mark") == (event["kinds"], event["sentences"], event["policy"])
    assert "3.80" not in str(event)


@pytest.mark.parametrize("text", [TRUE, FALSE])
async def test_an_answer_can_be_refused(make_settings: MakeSettings, text: str) -> None:
    """A stream shows nothing before it is checked, and what fails is shown nowhere."""
    bench = Bench(make_settings, FakeChatModel(text), citations="refuse")
    pieces = [piece async for piece in bench.answerer.stream(QUESTION)]

    *deltas, answer = pieces
    assert isinstance(answer, Answer)
    shown = [delta.text for delta in deltas if isinstance(delta, Delta) and delta.text]
    assert [answer.answer] == shown
    assert bench.count("withheld" if text is FALSE else "answered")
    if text is FALSE:
        assert (WITHHELD, (), (), False) == (
            answer.answer,
            answer.citations,
            answer.unsupported,
            answer.found,
        )


async def test_the_gate_can_be_off(make_settings: MakeSettings) -> None:
    """Nothing is looked at."""
    bench = Bench(make_settings, FakeChatModel(FALSE), citations="off")
    assert () == (await bench.answerer.answer(QUESTION)).unsupported


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("One [1]. Two [2].", [("One [1].", (1,)), ("Two [2].", (2,))]),
        ("One. [1] Two.[2][3]", [("One. [1]", (1,)), ("Two.[2][3]", (2, 3))]),
        ("One. Two [1].\n\nThree.", [("One.", (1,)), ("Two [1].", (1,))]),
        ("- One [1]\n- Two [2]", [("- One [1]", (1,)), ("- Two [2]", (2,))]),
        ("```\nrow[1]\n```\n\n[2]", [("```\nrow[1]\n```\n\n[2]", (2,))]),
        ("See `row[3]`, Dr. No. 7 [1].", [("See `row[3]`, Dr. No. 7 [1].", (1,))]),
        ("“One. Two.” is said [1]. Three", [("“One. Two.” is said [1].", (1,)), ("Three", (1,))]),
        ("Nothing is cited.", []),
        ("", []),
    ],
)
def test_sentences_and_their_citations(answer: str, expected: list[object]) -> None:
    """A citation belongs to the sentence before or around it; code and quotations stay whole."""
    found = statements(answer)

    assert expected == [(each.text.strip(), each.cited) for each in found]
    assert all(answer[each.start : each.end] == each.text for each in found)


PASSAGE = (
    "Leave requests go to Anna Novak at ACME, who answers within five working days. The World"
    " Health Organization (WHO) advises 1,500 steps on 3 May 2026. Use `pip install x` there."
)


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        ("Anna answers within 5 days [1].", []),
        ("There are three ways to ask ACME [1].", []),
        ("Anna answers within six working days [1].", ["six"]),
        ("WHO advises 1500 steps on May 3rd, 2026 [1].", []),
        ("They advise it on May 4th, 2026 [1].", ["May 4th, 2026"]),
        ("Ask Berta Novak about it [1].", ["Berta"]),
        ("Run `pip install x` [1].", []),
        ("Run `pip install y` [1].", ["`pip install y`"]),
        ("```bash\npip install y\n```\n[1]", ["```bash\npip install y\n```"]),
        ("It says “requests … within five” [1].", []),
        ("It says “five … requests” [1].", ["“five … requests”"]),
        ("It says 'go to Anna' and \"[w]ho answers\" [1].", []),
        ("**Who to ask**: Anna. See page 4 [1].", ["page 4"]),
        ("1. Ask Anna [1]\n2. Wait 9 days [1]", ["9"]),
    ],
)
def test_what_a_sentence_may_say(answer: str, missing: list[str]) -> None:
    """Other typography and forms are the same; other words, numbers and names are not."""
    found = find_unsupported(answer, [make_hit(PASSAGE)])

    assert missing == [each.missing for each in found]


def test_a_passage_over_two_pages_knows_the_page_of_each_quote() -> None:
    """The citation has the page of the first quote, and offsets count code points."""
    text = "🦘 One parcel waits.\n\nTwo letters go."
    hit = replace(make_hit(text), places=(Place(0, 3), Place(text.index("Two"), 4)))

    (citation,) = cite("Two letters go [1].", [hit])

    assert (4, None, None) == (citation.page, citation.sheet, citation.row)
    (quote,) = citation.quotes
    assert (text[quote.start : quote.end], quote.page) == ("Two letters go.", 4)
    assert "sheet" not in citation.model_dump(mode="json")
