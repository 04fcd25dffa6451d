"""The whole path on a small set of documents: from files of every type to a cited answer."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from app.graph.state import Question
from app.wiring import open_services
from fixtures.command_line import DOCUMENTS
from fixtures.files import make_docx, make_pdf

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from app.config.settings import Settings
    from app.ingestion.run import Summary
    from app.services import Services

pytestmark = pytest.mark.usefixtures("_lasting_parsers")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a document of every type."""
    folder = tmp_path / "documents"
    shutil.copytree(DOCUMENTS, folder)
    (folder / "office").mkdir()
    (folder / "office" / "parking.pdf").write_bytes(
        make_pdf(
            [
                "Parking\nThe garage has forty charging stations for electric cars.",
                "Bicycles\nBicycles are parked in the cellar; its door code changes monthly.",
            ],
            title="Parking",
        )
    )
    (folder / "office" / "visitors.docx").write_bytes(
        make_docx(
            ("Heading 1", "Visitors"),
            ("Normal", "Visitors wear a yellow badge and are fetched at the reception."),
            ("Heading 2", "Deliveries"),
            ("Normal", "Couriers ring at the loading dock on the north side."),
        )
    )
    return folder


@pytest.fixture
async def services(settings: Settings) -> AsyncIterator[Services]:
    """Return the services over an empty index."""
    async with open_services(settings) as services:
        yield services


def counts(summary: Summary) -> tuple[int, int, int, int, int]:
    """Return the numbers of added, changed, unchanged, removed and failed documents."""
    return (summary.added, summary.changed, summary.unchanged, summary.removed, summary.failed)


async def answer(services: Services, question: str) -> tuple[str, list[str]]:
    """Return the answer to a question, and the documents that it cites."""
    answer = await services.answerer.answer(Question(question=question))
    return answer.answer, [citation.document for citation in answer.citations]


ANSWERED = (
    ("How many weeks of parental leave do parents take?", "fourteen", "policies/leave.md"),
    ("Up to how many euros are meals reimbursed?", "forty euros", "policies/expenses.txt"),
    ("How long are backups kept?", "ninety days", "guides/laptop.html"),
    ("Who must be told before a rollback of billing?", "on-call", "guides/deployment.md"),
    ("How many charging stations has the garage?", "forty", "office/parking.pdf"),
    ("Which badge do visitors wear?", "yellow", "office/visitors.docx"),
    ("Where do couriers ring?", "loading dock", "office/visitors.docx"),
)
UNANSWERED = (
    "Who won the 2022 world cup?",
    "Is there a gym for employees?",
    "How do I configure nginx ingress on Kubernetes?",
    "What is the capital of France?",
    "How many patents does the company own?",
    "Are dogs allowed in the garage?",
    "When is the bonus of the sales people paid?",
    "Which database do the backups go to?",
    "How do I cancel a subscription?",
    "What is the wifi password of the reception?",
    "Do parents get vouchers for a nursery?",
    "How fast are the lifts in London?",
)
"""Half of them share words with the documents."""


async def test_an_answer_cites_the_right_document(services: Services, folder: Path) -> None:
    """For every type, the document that answers a question is quoted and cited first."""
    await services.pipeline.ingest([folder])

    for question, expected, document in ANSWERED:
        text, documents = await answer(services, question)
        assert expected in text
        assert document == documents[0]


async def test_what_the_documents_do_not_say_is_not_answered(
    services: Services, folder: Path
) -> None:
    """A common word of question and document does not make the document its answer."""
    await services.pipeline.ingest([folder])

    answers = {question: await answer(services, question) for question in UNANSWERED}

    assert {} == {question: text for question, (text, cited) in answers.items() if cited}


async def test_the_index_follows_the_folder(services: Services, folder: Path) -> None:
    """A second run changes nothing; changes, additions and removals are then in the index."""
    assert (6, 0, 0, 0, 0) == counts(await services.pipeline.ingest([folder]))
    version = await services.index.version()

    assert (0, 0, 6, 0, 0) == counts(await services.pipeline.ingest([folder]))
    assert version == await services.index.version()

    leave = folder / "policies" / "leave.md"
    leave.write_text(leave.read_text("utf-8").replace("fourteen", "twenty"), encoding="utf-8")
    (folder / "canteen.md").write_text("The canteen serves soup on Fridays.", encoding="utf-8")
    (folder / "guides" / "laptop.html").unlink()

    assert (1, 1, 4, 1, 0) == counts(await services.pipeline.ingest([folder]))
    assert "twenty weeks" in (await answer(services, "How many weeks of parental leave?"))[0]
    assert ["canteen.md"] == (await answer(services, "When does the canteen serve soup?"))[1]
    assert [] == (await answer(services, "How long are backups kept?"))[1]
    assert "guides/laptop.html" not in await services.index.ledger()


async def test_a_failed_document_is_kept_and_tried_again(services: Services, folder: Path) -> None:
    """The others are ingested; an older version still answers; once repaired, it is ingested."""
    await services.pipeline.ingest([folder])
    parking = folder / "office" / "parking.pdf"
    sound = parking.read_bytes()
    parking.write_bytes(b"%PDF-1.4 and then nothing")
    (folder / "canteen.md").write_text("The canteen serves soup on Fridays.", encoding="utf-8")

    broken = await services.pipeline.ingest([folder])

    assert (1, 0, 5, 0, 1) == counts(broken)
    assert ["office/parking.pdf"] == [failure.document for failure in broken.failures]
    assert all(failure.reason for failure in broken.failures)
    assert ["office/parking.pdf"] == list(await services.index.failures())
    assert "forty" in (await answer(services, "How many charging stations has the garage?"))[0]

    await services.pipeline.ingest([folder])
    assert 2 == (await services.index.failures())["office/parking.pdf"].attempts

    parking.write_bytes(sound)
    assert (0, 0, 7, 0, 0) == counts(await services.pipeline.ingest([folder]))
    assert {} == await services.index.failures()


async def test_the_index_outlives_the_process(settings: Settings, folder: Path) -> None:
    """The content is there when the services are opened again."""
    async with open_services(settings) as services:
        await services.pipeline.ingest([folder])

    async with open_services(settings) as services:
        assert (0, 0, 6, 0, 0) == counts(await services.pipeline.ingest([folder]))
        _, documents = await answer(services, "Which badge do visitors wear?")

    assert ["office/visitors.docx"] == documents


async def test_an_upload_is_answered_from_at_once(services: Services) -> None:
    """An uploaded document is found without a restart, and disappears when removed."""
    await services.pipeline.ingest_upload("memo.txt", b"The summer party is on the roof terrace.")
    text, documents = await answer(services, "Where is the summer party?")
    assert "roof terrace" in text
    assert ["memo.txt"] == documents

    await services.pipeline.remove("memo.txt")
    assert [] == (await answer(services, "Where is the summer party?"))[1]
