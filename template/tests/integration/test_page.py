"""The page at `/` in a real browser, over the service as people run it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.browser import missing_for_browser
from fixtures.command_line import DOCUMENTS
from fixtures.serving import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fixtures.browser import Tab

    OpenTab = Callable[..., Tab]

pytestmark = pytest.mark.slow
if missing := missing_for_browser():
    pytest.skip(f"the page is not tested: {missing}", allow_module_level=True)

_KEY = "a-key-of-sixteen-characters"
_SAID = "The ferry to the island leaves at 6:40 from the north pier."
_TEXT = f"# Ferries\n\nTickets are sold on board. {_SAID} Bicycles travel free of charge.\n"
_HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>[a](javascript:alert(3))"
_PHONE = {"viewport": {"width": 375, "height": 700}, "color_scheme": "dark"}


@pytest.fixture(scope="module")
def address(
    browser: Any,  # noqa: ANN401 - without one there is no need for a service
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """Yield the address of a service over some documents."""
    assert browser.is_connected()
    folder = tmp_path_factory.mktemp("page")
    with serving(folder, "--with-samples", APP_SAMPLES_PATH=str(DOCUMENTS)) as served:
        yield served.url


@pytest.fixture
def tab(open_tab: OpenTab, address: str) -> Tab:
    """Return a tab with the page."""
    return open_tab(address)


def done(answer: str, *passages: str, **more: object) -> tuple[str, object]:
    """Return the last event of an answer that cites these passages."""
    citations = [
        {"document": f"{n}.md", "chunk": f"{n}.md#0", "score": 1, "text": text} | more
        for n, text in enumerate(passages, 1)
    ]
    return "done", {"answer": answer, "citations": citations, "found": True, "request_id": "r"}


def add(tab: Tab, file: Path, content: str | bytes) -> None:
    """Upload a file, and wait until what became of it can be seen."""
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    tab.page.set_input_files("#files", file)
    shown = tab.page.locator("#list b, #uploads .failed b").get_by_text(file.name, exact=True)
    shown.wait_for()


@pytest.mark.parametrize("options", [{}, _PHONE], ids=["desk and light", "phone and dark"])
def test_a_document_is_added_asked_about_read_and_removed(
    options: dict[str, Any], open_tab: OpenTab, address: str, tmp_path: Path
) -> None:
    """The answer cites it, its passage opens with the quote marked; everybody can use each view."""
    tab = open_tab(address, **options)
    page, grave = tab.page, tab.grave()
    page.keyboard.press("Tab")
    if options:
        page.click("#toggle")
    add(tab, tmp_path / "ferries.md", _TEXT)
    grave += tab.grave()
    if options:
        page.click("#toggle")
    turn = tab.ask("When does the ferry to the island leave?")
    turn.get_by_role("button", name="Source 1: ferries.md").click()
    grave += tab.grave()
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")

    assert _SAID.rstrip(".") in turn.locator(".answer").inner_text()
    assert [_SAID] == turn.locator("mark:visible").all_inner_texts()
    assert "ferries.md" in page.evaluate("document.activeElement.innerText")
    assert "1 source" in page.locator("#status").inner_text()
    assert width[0] <= width[1]

    if options:
        page.click("#toggle")
    page.get_by_role("button", name="Remove ferries.md").click()
    grave += tab.grave()
    page.get_by_role("button", name="Cancel").click()
    assert page.get_by_role("button", name="Remove ferries.md").count()
    page.get_by_role("button", name="Remove ferries.md").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_role("button", name="Remove ferries.md").wait_for(state="detached")
    tab.open()
    assert 0 == page.get_by_role("button", name="Remove ferries.md").count()
    assert [] == grave


def test_an_answer_grows_as_it_is_written(tab: Tab) -> None:
    """What has come is shown, and the numbers of the citations once their passages are there."""
    tab.page.evaluate(
        """() => {
            const real = window.fetch;
            window.fetch = async (path, options) => {
                if (path !== "v1/answer") return real(path, options);
                const body = new ReadableStream({ start: (to) => { window.to = to; } });
                return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
            };
            window.send = (text) => window.to.enqueue(new TextEncoder().encode(text));
        }"""
    )
    tab.page.fill("#question", "How?")
    tab.page.press("#question", "Enter")
    answer = tab.page.locator(".answer")
    for piece, shown in [
        (": keep-alive\n\nevent: token\nda", "Looking"),
        ('ta: {"text": "So [1"}\n\n', "So [1"),
        ('event: token\ndata: {"text": "]."}\n\n', "So [1]."),
    ]:
        tab.page.evaluate("(text) => window.send(text)", piece)
        answer.get_by_text(shown).wait_for()
    name, data = done("So [1].", "So it is.")
    tab.page.evaluate("(text) => window.send(text)", f"event: {name}\ndata: {json.dumps(data)}\n\n")
    answer.get_by_role("button").wait_for()

    assert "false" == tab.page.locator("article").get_attribute("aria-busy")


def test_a_refusal_shows_what_comes_nearest(tab: Tab) -> None:
    """Without an answer there are passages to look into, and nothing is said to be a source."""
    turn = tab.ask("How many dogs may employees bring on the laptop?")
    turn.get_by_text("Nearest passages").wait_for()

    assert "not found" in turn.locator(".answer").inner_text()
    assert 3 == turn.locator("details").count()
    assert 0 == turn.get_by_text("Sources").count()
    assert [] == tab.grave()


def test_quotes_are_marked_in_their_passages(tab: Tab) -> None:
    """By their offsets, which count code points; where the service knows it, with the page."""
    first, second = "🦘 The pier is  long,\nand old. Two.", "Nothing of the kind."
    quotes = [{"start": 2, "end": 29, "text": "The pier is  long,\nand old."}]
    tab.reply(
        done("It says: the pier is long [1]. So the dog barks [1, 2] [7].", first, second),
    )
    turn = tab.ask("How?")
    tab.reply(done("Old [1].", first, quotes=quotes, page=12))
    other = tab.ask("How?")
    tab.page.evaluate(
        "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
    )

    assert "[7]" in turn.locator(".answer").inner_text()
    assert ["1", "1", "2"] == turn.locator(".cite").all_inner_texts()
    assert ["The pier is  long,\nand old."] == other.locator("mark").all_text_contents()
    assert ["page 12"] == other.locator(".page").all_inner_texts()


def test_what_is_bold_is_the_quote(tab: Tab) -> None:
    """It stands out in the answer, and is what its passage is opened for; code keeps its stars."""
    quotes = [{"start": 0, "end": 15, "text": "It is very old."}]
    said = "The pier is long. **It is very old.** So `f(**a, **b)` [1]."
    tab.reply(done(said, "It is very old.", quotes=quotes))
    turn = tab.ask("How?")

    assert ["It is very old."] == turn.locator(".answer b").all_text_contents()
    assert ["It is very old."] == turn.locator("mark").all_text_contents()
    assert "So `f(**a, **b)`" in turn.locator(".answer").inner_text()


def test_a_follow_up_is_understood(tab: Tab, tmp_path: Path) -> None:
    """Its question is sent with what was said before; a new conversation begins without."""
    add(tab, tmp_path / "ferries.md", _TEXT)
    tab.ask("When does the ferry to the island leave?")
    shown = tab.ask("Where does it leave from?").inner_text()
    grave = tab.grave()
    tab.page.get_by_role("button", name="New conversation").click()
    tab.ask("Where does it leave from?")
    asked = [each.post_data_json for each in tab.requests if each.url.endswith("/v1/answer")]

    assert "Understood as: Where does the ferry" in shown
    assert [0, 2, 0] == [len(one["messages"]) for one in asked]
    assert 1 == tab.page.locator("article").count()
    assert [] == grave


def test_what_is_not_supported_is_named(tab: Tab) -> None:
    """Below the answer stands what the cited passage does not have."""
    name, data = done("It costs 4 [1].", "It costs 3.")
    fault = {"start": 0, "end": 15, "sentence": "It costs 4 [1].", "citations": [1]}
    assert isinstance(data, dict)
    tab.reply((name, data | {"unsupported": [fault | {"kind": "number", "missing": "4"}]}))

    assert "Check this: [1] does not have the number 4" in tab.ask("How much?").inner_text()


@pytest.mark.parametrize(
    ("events", "status", "message"),
    [
        (
            [("error", {"detail": "The model is away.", "request_id": "r-1"})],
            503,
            "The model is away.",
        ),
        ([("error", {"errors": [{"msg": "it is too long"}]})], 422, "it is too long"),
        ([("token", {"text": "So"}), ("error", {"detail": "Late."})], 200, "Late."),
        ([("token", {"text": "So far"})], 200, "before the answer was complete"),
        ([], 200, "before the answer was complete"),
    ],
    ids=["refused", "invalid", "an error on the way", "cut off", "nothing"],
)
def test_a_failure_is_shown_and_the_question_asked_again(
    tab: Tab, events: list[tuple[str, object]], status: int, message: str
) -> None:
    """What has come so far stays, the reason stands below it, and a button tries again."""
    tab.reply(*events, status=status)
    turn = tab.ask("How many days of leave are there?")
    grave = tab.grave()
    came = [data["text"] for name, data in events if name == "token" and isinstance(data, dict)]

    assert message in turn.get_by_role("alert").inner_text()
    assert "".join(came) == turn.locator(".answer").inner_text()
    assert ("r-1" in str(events)) == ("Request r-1" in turn.inner_text())
    turn.get_by_role("button", name="Ask again").click()
    tab.page.locator("article").nth(1).locator(".cite").first.wait_for()
    assert [] == grave


def test_an_answer_is_judged(tab: Tab) -> None:
    """A thumb is sent at once, and a comment after it; the last one counts."""
    turn = tab.ask("How many days of leave are there?")
    turn.get_by_role("button", name="This answer does not help").click()
    turn.get_by_text("Thank you.").wait_for()
    turn.get_by_role("button", name="This answer helps").click()
    turn.get_by_label("What was right, or wrong?").fill("The number is right.")
    grave = tab.grave()
    turn.get_by_role("button", name="Send").click()
    turn.get_by_role("button", name="Send").wait_for(state="hidden")
    pressed = turn.get_by_role("button", pressed=True)
    assert ["This answer helps"] == [one.get_attribute("title") for one in pressed.all()]
    tab.page.route("**/v1/feedback", lambda route: route.abort())
    turn.get_by_role("button", name="This answer helps").click()
    turn.get_by_text("cannot be reached").wait_for()
    sent = [each.post_data_json for each in tab.requests if each.url.endswith("/v1/feedback")]

    assert [False, True, True, True] == [one["helpful"] for one in sent]
    assert ["", "", "The number is right."] == [one["comment"] for one in sent[:3]]
    assert 1 == len({one["answer_id"] for one in sent})
    assert "policies/leave.md" in sent[0]["documents"]
    assert 0 == pressed.count()
    assert [] == grave


def test_a_service_that_is_away_is_named(tab: Tab) -> None:
    """For questions and documents alike; and a question can be stopped."""
    tab.page.route("**/v1/**", lambda route: route.abort())
    turn = tab.ask("How?")
    tab.page.get_by_role("button", name="Remove").first.click()
    tab.page.get_by_role("button", name="Remove", exact=True).click()
    tab.page.locator("#uploads").get_by_text("cannot be reached").wait_for()
    tab.page.unroute_all()
    tab.page.route("**/v1/answer", lambda _route: None)
    tab.page.fill("#question", "How long?")
    tab.page.press("#question", "Enter")
    tab.page.get_by_role("button", name="Stop").click()

    assert "cannot be reached" in turn.get_by_role("alert").inner_text()
    tab.page.get_by_text("Stopped.").wait_for()
    assert "question" == tab.page.evaluate("document.activeElement.id")


def test_an_upload_that_fails_says_why(tab: Tab, tmp_path: Path) -> None:
    """Each file by itself, until the message is dismissed; the others are added."""
    files = {"a.xyz": b"x", "b.pdf": b"%PDF-1.4 cut", "c.md": b"# C\n\nText.\n"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    tab.page.set_input_files("#files", [tmp_path / name for name in files])
    tab.page.locator("#list").get_by_text("c.md").wait_for()
    failed = tab.page.locator("#uploads .failed")

    assert ["a.xyz", "b.pdf"] == failed.locator("b").all_inner_texts()
    assert "supported type" in failed.first.inner_text()
    assert [] == tab.grave()
    tab.page.get_by_role("button", name="Dismiss a.xyz").click()
    assert 1 == failed.count()


def test_a_key_is_asked_for_where_there_are_keys(open_tab: OpenTab, tmp_path: Path) -> None:
    """A wrong one is named as such; the right one lasts as long as the tab, and stays in it."""
    keys = json.dumps({"reader": _KEY})
    variables = {"APP_API_KEYS": keys, "APP_ENABLE_STREAMING": "false"}
    with serving(
        tmp_path, "--with-samples", APP_SAMPLES_PATH=str(DOCUMENTS), **variables
    ) as served:
        tab = open_tab(served.url)
        page, grave = tab.page, tab.grave()
        dialog = page.get_by_role("dialog", name="API key")
        assert "asks for a key" in dialog.inner_text()
        dialog.get_by_label("Key").fill("a-wrong-key-of-some-length")
        page.keyboard.press("Enter")
        dialog.get_by_text("not valid").wait_for()
        dialog.get_by_role("button", name="Cancel").click()
        page.locator("#uploads").get_by_text("invalid API key").wait_for()
        page.get_by_role("button", name="Change key").click()
        dialog.get_by_label("Key").fill(_KEY)
        dialog.get_by_role("button", name="Continue").click()
        page.locator("#list li").first.wait_for()
        assert tab.ask("How many days of leave are there?").locator(".cite").count()
        tab.open()

        assert not dialog.is_visible()
        assert page.locator("#list li").count()
        assert 0 == page.evaluate("localStorage.length")
        assert _KEY not in page.evaluate("location.href + document.cookie")
        assert [] == grave


def test_what_documents_and_models_write_stays_text(tab: Tab, tmp_path: Path) -> None:
    """Markup in a name, a document, a reply, an error or a question makes nothing of its own."""
    add(
        tab, tmp_path / f"{_HOSTILE.replace('/', '')}.md", f"# Ferry\n\n{_HOSTILE} sails at noon.\n"
    )
    before = tab.page.evaluate("document.querySelectorAll('img, script, a').length")
    tab.reply(done(f"{_HOSTILE} [1]", f"{_HOSTILE} is a passage", document=_HOSTILE))
    reply = tab.ask(_HOSTILE)
    tab.reply(("error", {"detail": _HOSTILE, "request_id": _HOSTILE}), status=500)
    error = tab.ask(_HOSTILE)
    real = tab.ask("When does the ferry sail?")
    refused = tab.page.evaluate(
        "() => { try { document.body.innerHTML = 'x'; return ''; } catch (e) { return e.name; } }"
    )
    tab.faults[:] = [fault for fault in tab.faults if "TrustedHTML" not in fault]

    assert "TypeError" == refused
    assert before == tab.page.evaluate("document.querySelectorAll('img, script, a').length")
    for place in (reply.locator("h2"), reply.locator(".answer"), error.get_by_role("alert")):
        assert _HOSTILE in place.inner_text()
    assert _HOSTILE in reply.locator("blockquote").text_content()
    assert "sails at noon" in real.locator(".answer").inner_text()


def test_the_keyboard_is_enough(tab: Tab) -> None:
    """Shift and Enter begin a line, Enter asks, and a passage opens without a mouse."""
    page = tab.page
    assert "question" == page.evaluate("document.activeElement.id")
    page.keyboard.type("How many days")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("of leave are there?")
    page.keyboard.press("Enter")
    page.locator(".cite").first.wait_for()
    page.locator(".cite").first.focus()
    page.keyboard.press("Enter")

    assert "How many days\nof leave are there?" == page.locator("article h2").inner_text()
    assert page.locator("details").first.evaluate("(each) => each.open")
    assert "SUMMARY" == page.evaluate("document.activeElement.tagName")
    page.keyboard.press("Enter")
    assert not page.locator("details").first.evaluate("(each) => each.open")


def test_the_description_works_without_a_network(tab: Tab) -> None:
    """It lists every operation, and no file of it comes from another address."""
    tab.open("/docs")
    operation = tab.page.locator("#operations-answers-answer_question_v1_answer_post")
    operation.wait_for()
    operation.click()

    operation.get_by_text("Request body").wait_for()
