"""A page gives the text that a browser shows: encodings, headings, tables, pages that fade in."""

from __future__ import annotations

import pytest

from app.ingestion.loaders import LoaderRegistry
from app.ingestion.loaders.tables import Grid
from gwkit.documents import BlockKind
from gwkit.errors import IngestError


def _load(content: str | bytes, document: str = "a.html") -> list[tuple[int, str]]:
    """Return level and text of each block; code has the level -1."""
    data = content if isinstance(content, bytes) else content.encode()
    blocks = LoaderRegistry().load(document, data).blocks
    return [(-1 if b.kind is BlockKind.CODE else b.level, b.text) for b in blocks]


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("iso-8859-1", "cp1252", "Größe: 5 € \u2013 it\u2019s"),
        ("US-ASCII", "cp1252", "5 €"),
        ("iso-8859-9", "cp1254", "Değer \u2013 5 €"),
        ("tis-620", "cp874", "ราคา \u2013 5 €"),
        ("gb2312", "gbk", "朱镕基"),
        ("Shift_JIS", "cp932", "㈱ミナト①髙\uff5e"),
        ("x-sjis", "cp932", "㈱"),
        ("euc-kr", "cp949", "똠방각하"),
        ("ks_c_5601-1987", "cp949", "똠방각하"),
        ("big5", "big5hkscs", "漢字"),
        ("iso-2022-jp", "iso2022_jp", "漢字とカナ"),
        ("windows-1251", "cp1251", "Цена \u2013 5 €"),
        ("koi8-u", "koi8-u", "Ціна"),
        # A wrong declaration, or one that is impossible for a page declared in ASCII.
        ("iso-8859-1", "utf-8", "Größe: 5 €"),
        ("gb2312", "utf-8", "汉字"),
        ("utf-16", "utf-8", "Größe"),
        ("iso-8859-1", "utf-16", "Größe"),
        ("iso-8859-1", "utf-8-sig", "Größe"),
    ],
)
def test_encodings_are_read_as_browsers_read_them(label: str, codec: str, text: str) -> None:
    """A label means what the Encoding standard defines, and valid UTF-8 is always UTF-8."""
    page = f'<html><head><meta charset="{label}"></head><body><p>{text}</p></body></html>'

    assert [(0, text)] == _load(page.encode(codec))


@pytest.mark.parametrize(
    "declaration",
    [
        '<?xml version="1.0" encoding="windows-1251"?>',
        "<?xml version='1.0' encoding='utf-8'?><meta charset=windows-1251>",
        '<meta content="text/html; charset=windows-1251" http-equiv="Content-Type">',
        '<!-- <meta charset="koi8-r"> --><meta charset = windows-1251 />',
        '<meta name="description" content="what charset=koi8-r is"><meta charset="cp1251">',
        "<style>/*" + "x" * 5_000 + '*/</style><meta charset="windows-1251">',
    ],
)
def test_where_a_page_declares_its_encoding(declaration: str) -> None:
    """The element precedes the XML declaration; comments and descriptions do not count."""
    assert [(0, "Цена")] == _load((declaration + "<p>Цена").encode("cp1251"))


@pytest.mark.parametrize("label", ["utf-8", "iso-2022-kr", "x-user-defined", "utf-7", "rot13"])
def test_an_encoding_that_is_not_read_fails_by_name(label: str) -> None:
    """A guess would index garbage."""
    with pytest.raises(IngestError, match=r"UTF-8"):
        _load(f'<meta charset="{label}"><p>a'.encode() + b"\xff")


def test_empty_elements_of_xhtml() -> None:
    """In HTML the rest of the page would belong to the script or the title."""
    source = (
        '<?xml version="1.0"?><html><head><title/><script src="a"/></head><body><p/>Text</body>'
    )
    assert [(0, "Text")] == _load(source, "a.xhtml")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<h3><button aria-expanded='false'>Q?</button></h3>A", [(3, "Q?"), (0, "A")]),
        ("<button><h3>Q?</h3></button><div>A</div>", [(3, "Q?"), (0, "A")]),
        ("<details><summary><h3>Q?</h3></summary>A</details>", [(3, "Q?"), (0, "A")]),
        ("<button class='Accordion'>Q?</button><div>A</div>", [(0, "Q?"), (0, "A")]),
        ("<button aria-controls='b'>Q?</button><div>A</div>", [(0, "Q?"), (0, "A")]),
        ("<dl><dt><button>Q?</button><dd>A</dl>", [(0, "Q?\nA")]),
        ("<p>a</p><button>Copy</button><button class='x'>Share</button>", [(0, "a")]),
        ("<header><button aria-expanded='false'>Menu</button><h1>T</h1></header>", [(1, "T")]),
        ("<div role='heading' aria-level='3'>T</div>a", [(3, "T"), (0, "a")]),
        (
            "<p role='heading'>T</p>a<i role='heading' aria-level='x'>U</i>",
            [(2, "T"), (0, "a"), (2, "U")],
        ),
        ("<h2><span>1</span> <div>One</div><div>two</div></h2>", [(2, "1 One two")]),
        ("<pre><h2>a</h2>b</pre>", [(-1, "ab")]),
        ("<pre><div>a</div><div>b</div>c<br><br>d</pre>", [(-1, "a\nb\nc\n\nd")]),
        ("<pre><code><span>a\n</span><span>  b\n</span></code></pre>", [(-1, "a\n  b")]),
        ("<dl><div><dt>a<dd>b</div><dt>c<dd>d</dl>", [(0, "a\nb\nc\nd")]),
        ("<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp>字<rt>じ</rt></ruby>", [(0, "漢字")]),
        ("a&nbsp;&commat;&#150;&#x80;b&hellip;", [(0, "a @\u2013€b…")]),
        ("a<img src='data:image/png;base64,QUJD' alt='b'>", [(0, "ab")]),
    ],
)
def test_headings_and_text(source: str, expected: list[tuple[int, str]]) -> None:
    """A tag or role makes a heading, also within a button; other buttons are not headings."""
    assert expected == _load(source)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("<td rowspan=2>A<td>1<tr><td>2<tr><td>B<td>3", "A | 1\nA | 2\nB | 3"),
        ("<td>1<td rowspan=2>A<tr><td>2", "1 | A\n2 | A"),
        ("<td rowspan=0>A<td>1<tr><td>2<tr><td>3", "A | 1\nA | 2\nA | 3"),
        ("<td colspan=2>A<td>1<tr><td>2<td>3<td>4", "A | A | 1\n2 | 3 | 4"),
        ("<td rowspan=2 colspan=2>A<td>1<tr><td>2", "A | A | 1\nA | A | 2"),
        ("<td rowspan=9>A<td>1<tr><td>2", "A | 1\nA | 2"),
        ("<td rowspan=x colspan=-1>A<td>1<tr><td>2<td>3", "A | 1\n2 | 3"),
        ("<td>1<td>2<td rowspan=2>A<tr><td>3", "1 | 2 | A\n3 | | A"),
        ("<th><th>Mon<tr><td>Bus<td>1", "| Mon\nBus | 1"),
        ("<th>k<td>1<tr><th>l<td>2", "k | 1\nl | 2"),
        ("<td><p>A</p><p>b</p></td><td><ul><li>1<li>2</ul>", "A b | - 1 - 2"),
        ("<th colspan=2>Fares<tr><th>Zone<th>Fare<tr><td>A<td>1", "Fares\nZone | Fare\nA | 1"),
        (
            "<th rowspan=2>Zone<th colspan=2>Fare<tr><th>day<th>night<tr><td>A<td>1<td>2",
            "Zone | Fare day | Fare night\nA | 1 | 2",
        ),
    ],
)
def test_tables(rows: str, expected: str) -> None:
    """A value is in every row and column that its cell spans, so that each row is complete."""
    assert [(0, expected)] == _load(f"<table><tr>{rows}</table>")


def test_rows_do_not_span_the_groups_of_a_table() -> None:
    """A header that spans too much would shift the columns of the body."""
    source = "<thead><tr><th rowspan=5>a<th>b<tbody><tr><td>1<td>2</tbody><tfoot><tr><td>3<td>4"
    assert [(0, "a | b\n1 | 2\n3 | 4")] == _load(f"<table>{source}</table>")


def test_tables_that_only_place_things() -> None:
    """A table that holds tables or listings, or is for layout only, has no rows of values."""
    assert [(2, "T"), (0, "a")] == _load("<table role=presentation><td><h2>T</h2>a</table>")
    assert [(0, "a | b"), (0, "c")] == _load("<table><td><table><td>a<td>b</table><td>c</table>")
    assert [(-1, "1"), (-1, "x")] == _load("<table><td><pre>1</pre><td><pre>x</pre></table>")


def test_what_a_table_repeats_is_bounded() -> None:
    """The output of a small file is bounded."""
    grid = Grid(100)
    for _ in range(10):
        grid.start_row(is_head=False)
        for _ in range(10):
            grid.add("ab", rows=0, columns=1_000)

    assert sum(map(len, grid.lines())) < 10 * 10 * len("ab | ") + 100


@pytest.mark.parametrize(
    "source",
    [
        "<body style='opacity:0'><p>Text",
        "<html style='opacity:0 !important'><p>Text",
        "<body style='visibility: hidden'><p>Text",
        "<div style='opacity:0;transition:1s'><p>Text</div>",
        "<section style='opacity:0'><p>Text</section><section style='opacity:0'></section>",
        "<a href='#m'>Skip</a><header>Site</header><main style='opacity:.0' id='m'>Text</main>",
        "<div aria-hidden='true'>Text</div><div role='dialog'>Cookies?</div>",
    ],
)
def test_a_page_that_fades_in_is_read(source: str) -> None:
    """A script shows such a page after loading, so it is read."""
    assert (0, "Text") in _load(source)


@pytest.mark.parametrize("style", ["opacity:0", "visibility:hidden", "display:none"])
def test_what_is_hidden_on_a_page_stays_hidden(style: str) -> None:
    """Only a page without other text can be one that fades in."""
    hidden = f"<div style='{style}'><h1>Ignore</h1></div>"
    assert [(0, "Text")] == _load(f"<p>Text</p>{hidden}")
    assert [(0, "Text")] == _load(f"<ul><li style='{style}'>Ignore</ul><main>Text</main>")


@pytest.mark.parametrize("hidden", ["style='display:none'", "hidden"])
def test_a_page_that_hides_all_of_its_text_fails(hidden: str) -> None:
    """An empty document would hide the problem."""
    with pytest.raises(IngestError, match="hides all of its text"):
        _load(f"<body {hidden}><p>Text")
    assert [] == _load(f"<div {hidden}></div><nav>Menu</nav>")
