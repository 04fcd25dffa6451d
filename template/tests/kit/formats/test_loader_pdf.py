"""A PDF file gives its running text, its form values, and a note of pages without text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.ingestion.loaders import Loaded, LoaderRegistry
from fixtures.files import make_pdf, pdf_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_BODIES = [f"The body of page {word} says\nsomething {word}." for word in ("one", "two", "three")]


def _load(data: bytes) -> Loaded:
    return LoaderRegistry().load("a.pdf", data)


def _texts(*pages: str) -> list[str]:
    return [block.text for block in _load(make_pdf(pages)).blocks]


def _drawn(content: str, annotations: str = "", *more: str) -> bytes:
    """Return a PDF file of one page with this content and these annotations."""
    return pdf_of(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >>"
        b" /MediaBox [0 0 612 792] /Annots [%s] >>" % annotations.encode(),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content.encode()),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        *(one.encode() for one in more),
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("every depart-\nment", "every department"),
        ("the state-of-the-\nart sprinkler", "the state-of-the-art sprinkler"),
        ("a self-\nsigned key", "a self-signed key"),
        ("is well-known\nas a well-\nknown", "is well-known\nas a well-known"),
        ("a long-term loan\nof long-\nterm value", "a long-term loan\nof long-term value"),
        ("Jean-\nPaul and form F-\n22", "Jean-Paul and form F-22"),
        ("pre-\nand postwar", "pre- and postwar"),
        ("depart\u00ad\nment", "department"),
        ("- one\n- two", "- one\n- two"),
        ("costs -\nnothing", "costs -\nnothing"),
    ],
)
def test_hyphens_at_line_ends(written: str, expected: str) -> None:
    """A word split at a line's end is joined; its own hyphen stays."""
    assert [expected] == _texts(written)


@pytest.mark.parametrize(
    ("header", "footer", "kept"),
    [
        ("ACME handbook", "", ["ACME handbook"]),
        ("ACME handbook\nConfidential", "Page {}", ["ACME handbook\nConfidential"]),
        ("", "- {} -", []),
        ("", "Page {} of 3", []),
        ("The ACME handbook | {}", "", ["The ACME handbook | 1"]),
    ],
)
def test_headers_and_footers_are_read_once(header: str, footer: str, kept: list[str]) -> None:
    """Text that stands on every page comes first, once, and a page's number not at all."""
    pages = [f"{header}\n{body}\n{footer}".strip() for body in _BODIES]
    numbered = [page.replace("{}", str(number)) for number, page in enumerate(pages, start=1)]

    assert [*kept, *_BODIES] == _texts(*numbered)


@pytest.mark.parametrize("header", ["Results of 202{}", "Question {}", "{}42 euros a year"])
def test_numbers_that_grow_with_the_pages_are_no_page_numbers(header: str) -> None:
    """Years, labels and amounts are content."""
    pages = [f"{header.format(page)}\n{body}" for page, body in enumerate(_BODIES, start=1)]

    assert pages == _texts(*pages)


def test_a_sentence_goes_on_over_a_page_break() -> None:
    """Neither a header nor the end of a page splits a sentence or a word."""
    texts = _texts(
        "ACME\nFirst.\nA van is returned to its depot\n1",
        "ACME\nin Ljubljana with a state-\n2",
        "ACME\nment of mileage.\n3",
        "ACME\nAnother part.\n4",
    )

    assert [
        "ACME",
        "First.\nA van is returned to its depot\nin Ljubljana with a statement of mileage.",
        "Another part.",
    ] == texts


def test_pages_without_text_are_named() -> None:
    """A page with only the text of all pages was scanned, too."""
    pages = ["Scan\nText one.", "", "Scan", "Scan", "Scan\nText two.", ""]
    loaded = _load(make_pdf(pages))

    assert "4 of 6 pages have no text (2-4, 6)" in loaded.metadata["incomplete"]
    assert "incomplete" not in _load(make_pdf(["Text."])).metadata


@pytest.mark.parametrize(
    "title",
    [
        "untitled",
        "Untitled Document 1",
        "Microsoft Word - Document1.docx",
        "final_v3",
        "Terms.indd",
        "C:\\Users\\me\\terms",
        "PowerPoint Presentation",
        "Präsentation1",
        "Slide 1",
        "(anonymous)",
        "42",
        " ",
    ],
)
def test_titles_that_programs_give_are_ignored(title: str) -> None:
    """They would be the title of every citation of the document."""
    loaded = _load(make_pdf(["Text."], title=title))

    assert ("a", 1) == (loaded.title, len(loaded.blocks))


@pytest.mark.parametrize(
    "title", ["Document control", "Terms 2024", "Working with PowerPoint files"]
)
def test_titles_that_authors_give_are_kept(title: str) -> None:
    """A word of a program's title does not make a title generated."""
    assert title == _load(make_pdf(["Text."], title=title)).title


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("/Subtype /Widget /FT /Tx /T (holder) /V (Ann Lee)", "holder: Ann Lee"),
        ("/Subtype /Widget /FT /Tx /T (a[0].b[1]) /V (Ann Lee)", "Ann Lee"),
        ("/Subtype /Widget /FT /Tx /T (h) /TU (Holder) /V (Ann Lee)", "Holder: Ann Lee"),
        ("/Subtype /Widget /Parent 6 0 R", "holder: Ann Lee"),
        ("/Subtype /Widget /FT /Ch /T (sum) /Opt [[(a) (87000)]] /V (a)", "sum: 87000"),
        ("/Subtype /Widget /FT /Ch /T (sum) /V [(1) (2)]", "sum: 1, 2"),
        ("/Subtype /Widget /FT /Btn /T (smoker) /AS /Yes /V /Yes", "smoker: Yes"),
        ("/Subtype /FreeText /Contents (typed on top)", "typed on top"),
        ("/Subtype /Widget /FT /Btn /T (smoker) /AS /Off", ""),
        ("/Subtype /Widget /FT /Tx /T (holder) /F 2 /V (hidden)", ""),
        ("/Subtype /Widget /FT /Tx /T (holder) /V ( )", ""),
        ("/Subtype /Text /Contents (a remark)", ""),
    ],
)
def test_what_was_filled_in(annotation: str, expected: str) -> None:
    """A form's values are not part of the page's text, but readers search for them."""
    page = "BT /F1 12 Tf 72 720 Td (A form) Tj ET"
    data = _drawn(page, f"<< {annotation} >>", "<< /FT /Tx /T (holder) /V (Ann Lee) >>")

    assert list(filter(None, ["A form", expected])) == [block.text for block in _load(data).blocks]


_ROWS = (
    ("The cooling loop must be", "Spare filters are stored in"),
    ("flushed once a quarter by a", "cabinet nine. Order new ones"),
    ("licensed technician, who", "when fewer than four are"),
    ("fills in the logbook.", "left."),
)


@pytest.mark.parametrize("between", ["", "ET BT 60 {} Td"])
def test_columns_of_prose_are_read_one_after_the_other(between: str) -> None:
    """Line by line over both columns their sentences would be mixed."""
    data = _drawn(_in_rows(_ROWS, between))
    columns = ["\n".join(column) for column in zip(*_ROWS, strict=True)]

    assert "\n".join(columns) == "\n".join(block.text for block in _load(data).blocks)


def test_tables_are_read_row_by_row() -> None:
    """Table cells begin in columns as well, but rows belong together."""
    rows = [("Item", "Limit"), *((f"Item number {n}", f"{n} euros for each") for n in "12345")]

    assert ["\n".join(map(" ".join, rows))] == [
        block.text for block in _load(_drawn(_in_rows(rows, ""))).blocks
    ]


def _in_rows(rows: Sequence[tuple[str, str]], between: str) -> str:
    return "\n".join(
        f"BT /F1 11 Tf 60 {y} Td ({left}) Tj {between.format(y)} 260 0 Td ({right}) Tj ET"
        for y, (left, right) in zip(range(700, 0, -14), rows, strict=False)
    )
