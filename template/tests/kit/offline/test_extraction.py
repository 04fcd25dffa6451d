"""Selecting and formatting quotes."""

from __future__ import annotations

from time import process_time

import pytest

from gwkit.models.messages import Passage
from gwkit.offline.extraction import extract
from gwkit.offline.extractive import format_answer

HOLD = Passage(
    number=1,
    document="collecting.md",
    heading="Collecting > How long a parcel waits",
    text="A parcel waits for 72 hours. It can be extended once, by 48 hours.\n\n"
    "During these days you can:\n\n- collect it at the depot\n- have it delivered again",
)
STEPS = Passage(
    number=2,
    document="doors.md",
    heading="A door that does not open",
    text="1. Press the door inward.\n2. Run the test [3].\n3. Replace the latch.",
)
PLANS = Passage(
    number=3,
    document="plans.md",
    heading="Plans",
    text="Plan | Requests | Fee\nStarter | 60 | none\nGrowth | 300 | 49",
)
SIGNATURE = Passage(
    number=4,
    document="webhooks.md",
    heading="Webhooks > Check the signature",
    text="Compare the signature of a webhook with your own:\n\n"
    "```\nassert digest == parts[1]\n```\n\nRefuse old ones. See `parts[0]` and note [2].",
)
FAQ = Passage(
    number=5,
    document="faq.md",
    text="Can I send a parcel abroad?\n\nNot yet. Some countries are planned soon.",
)
ALL = (HOLD, STEPS, PLANS, SIGNATURE, FAQ)


def answer(question: str, *passages: Passage) -> str:
    """Return the answer from these passages, or from all."""
    return format_answer(extract(question, passages or ALL))


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (
            "How long does a parcel wait?",
            HOLD.text.replace("A parcel waits for 72 hours.", "**A parcel waits for 72 hours.**")
            + " [1]",
        ),
        (
            "How many requests has the Growth plan?",
            "Plan | Requests | Fee\nStarter | 60 | none\n**Growth | 300 | 49** [3]",
        ),
        (
            "Can I send a parcel abroad?",
            "Can I send a parcel abroad?\n\n**Not yet. Some countries are planned soon** [5].",
        ),
    ],
)
def test_the_answer_is_what_the_passages_say(question: str, expected: str) -> None:
    """The best quote is marked in what stands around it, word for word, and cited."""
    assert expected == answer(question)


def test_three_sentences_on_either_side_are_shown() -> None:
    """So many have what was asked for beside the quote; a title behind it does not count."""
    words = ("one", "two", "three", "four", "five", "lanterns", "seven", "eight", "nine", "ten")
    sentences = [f"This is sentence {word}." for word in words]
    text = " ".join(sentences[:8]) + "\n\nTitle\n\n" + " ".join([*sentences[8:], "The end is it."])
    shown = answer("Where are the lanterns?", Passage(number=1, document="a.md", text=text))
    assert shown.startswith("This is sentence three.")
    assert "five. **This is sentence lanterns.** This is sentence seven." in shown
    assert shown.endswith("sentence eight.\n\nTitle\n\nThis is sentence nine [1].")


@pytest.mark.parametrize(
    ("question", "above", "title", "below"),
    [
        ("Where are the lanterns?", "The canteen opens at noon.", "Lanterns", "Lanterns hang up."),
        ("Wo hängen die Laternen?", "Mittags öffnet sie.", "## Laternen", "Laternen hängen oben."),
        ("Où sont les lanternes ?", "Elle ouvre à midi.", "Où voir ?", "Les lanternes sont là."),
        ("¿Dónde están los faroles?", "Abre al mediodía.", "Faroles", "Los faroles cuelgan ahí."),
    ],
)
def test_an_excerpt_begins_in_its_own_section(
    question: str, above: str, title: str, below: str
) -> None:
    """What stands above a title, however short the section, is about something else."""
    text = f"{above}\n\n{title}\n\nA first line is here. {below}"
    shown = answer(question, Passage(number=1, document="a.md", text=text))
    assert shown.startswith((f"{title}\n\nA first line", f"{title}\n\n**A first line"))
    assert below[:-1] in shown


def test_a_quote_alone_is_not_marked() -> None:
    """There is nothing that it has to be told from."""
    alone = Passage(number=1, document="a.md", text="The depot is open.")
    assert answer("Is the depot open?", alone) == "The depot is open [1]."


def test_a_procedure_is_shown_whole() -> None:
    """All steps come, in order; a document's own `[3]` does not look like a citation."""
    assert answer("What do I do when a door does not open?") == (
        "1. **Press the door inward.**\n2. Run the test (3).\n3. Replace the latch [2]."
    )


def test_text_does_not_end_where_something_is_announced() -> None:
    """Steps and code come with it, also behind the sentences that are shown."""
    steps = "1. Enter this:\n\n```\nopen --all\n```"
    text = f"A lantern hangs here. It is old. It is red. It is lit so:\n\n{steps}\n\nThe end."
    shown = answer("Where is the lantern?", Passage(number=1, document="a.md", text=text))
    assert shown.endswith(f"It is lit so:\n\n{steps}\n\n[1]")


def test_a_list_comes_with_the_sentence_that_announces_it() -> None:
    """Whatever stands before it."""
    assert "During these days you can:\n\n- **collect it at the depot**\n- have" in answer(
        "How do I collect at the depot?"
    )


@pytest.mark.parametrize(
    ("lead", "before"), [("We have these things:\n\n", "We have these things:"), ("", "")]
)
def test_of_a_long_list_a_part_is_shown(lead: str, before: str) -> None:
    """It comes with what announces it, and a sign that something is left out."""
    items = "\n".join(f"- thing number {number} of the catalogue" for number in range(20))
    passage = Passage(number=1, document="a.md", text=f"{lead}{items}\n- lantern for walls")
    text = answer("How do I find the lantern?", passage)
    assert text.startswith(
        f"{before}\n\u2026\n- thing number 17" if before else "- thing number 17"
    )
    assert text.endswith("- **lantern for walls** [1]")


def test_code_is_shown_untouched_and_cited_below() -> None:
    """Brackets within code are not citations, and the sentence above belongs to the answer."""
    assert answer("How do I compare the signature of a webhook?") == (
        "**Compare the signature of a webhook with your own:**\n\n"
        "```\nassert digest == parts[1]\n```\n\nRefuse old ones. See `parts[0]` and note (2) [4]."
    )
    alone = Passage(number=1, document="a.md", text="~~~\nmake test ```[2]\n~~~")
    assert answer("make test", alone) == "~~~\nmake test ```[2]\n~~~\n\n[1]"


def test_inline_code_keeps_its_brackets() -> None:
    """Only text that looks like a citation is changed."""
    assert "**See `parts[0]` and note (2)** [4]." in answer("Which note?", SIGNATURE)


@pytest.mark.parametrize(
    "question",
    [
        "How long does a parcel wait, and which requests has the Growth plan?",
        "How long does a parcel wait and what does the Growth plan have?",
        "Parcel wait hours, Growth plan requests",
    ],
)
def test_two_parts_of_a_question_are_both_answered(question: str) -> None:
    """A second excerpt has the second part, or the words that the first lacks."""
    text = answer(question)
    assert "72 hours" in text
    assert "Growth" in text
    assert text.index("[1]") < text.index("[3]")
    assert {"[1]", "[3]"} == {mark for mark in ("[1]", "[2]", "[3]", "[4]", "[5]") if mark in text}


@pytest.mark.parametrize("question", ["What is the capital of France?", "What is it?", "???"])
def test_nothing_is_said_where_nothing_matches(question: str) -> None:
    """Without a common word there is no answer, and none for a question without content words."""
    assert extract(question, ALL) == []
    assert extract(question, ()) == []
    assert format_answer([]) == ""


def test_what_is_asked_about_is_shown_alone() -> None:
    """A sentence and a heading that each have every word of the question need no other passage.

    Two such passages are both shown: one of them may only name what the other explains.
    """
    question = "How long does a parcel wait?"
    cold = Passage(number=2, document="sending.md", text="Parcels wait in the cold.")
    again = Passage(number=2, document="waiting.md", heading="Parcels wait", text=cold.text)
    assert [1] == [each.passage for each in extract(question, (HOLD, cold))]
    assert {1, 2} == {each.passage for each in extract(question, (HOLD, again))}
    untitled = Passage(number=3, document="collecting.md", text=HOLD.text)
    assert {2, 3} == {each.passage for each in extract(question, (untitled, cold))}


def test_up_to_three_passages_are_shown_the_best_first() -> None:
    """The answer is often not in the best passage, but in the second or third."""
    states = ("late and heavy", "lost", "late", "late, not lost", "blue")
    passages = [
        Passage(number=number, document="a.md", text=f"A parcel is {state}.")
        for number, state in enumerate(states, 1)
    ]
    assert [1, 3, 4] == [each.passage for each in extract("Is a parcel late?", passages)]
    assert [2, 4] == [each.passage for each in extract("Which parcel was lost?", passages[:4])]


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Wann öffnen die Häuser?", "Jedes Haus öffnet um 8 Uhr."),
        ("Comment l'envoi est-il financé ?", "L'envoi est financé par la poste."),
        ("¿Cómo se financiaron los envíos?", "El envío se financió con donaciones."),
        ("How were the shipments paid?", "We pay the shipment by card."),
    ],
)
def test_words_agree_in_the_question_s_language(question: str, text: str) -> None:
    """Function words do not count, and forms of a word are one."""
    others = Passage(number=2, document="b.md", text="Was the die, con la voiture im Wasser?")
    passage = Passage(number=1, document="a.md", text=text)
    assert answer(question, passage, others) == f"{text[:-1]} [1]."


@pytest.mark.parametrize("piece", ["A. ", "`", "| ", "- x\n", "a b --", "```\nx\n", "( ", "\n\nx "])
def test_time_is_linear_in_the_text(piece: str) -> None:
    """No uploaded text can keep the service busy."""
    hostile = Passage(number=1, document="a.md", text="parcel " + piece * (20_000 // len(piece)))
    started = process_time()
    answer("How long does a parcel wait?", hostile)
    assert process_time() - started < 2
