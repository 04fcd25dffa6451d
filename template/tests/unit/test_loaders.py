"""Each loader reads the visible content of a document, and rejects files that it cannot read."""

from __future__ import annotations

import io
import re
import zipfile
from contextlib import suppress
from dataclasses import replace
from time import process_time
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from pypdf.errors import DependencyError

from app.ingestion.loaders import Loaded, LoaderPart, LoaderRegistry, package
from fixtures.files import make_docx, make_pdf
from fixtures.hostile import (
    docx_with,
    entity_bomb,
    external_entity,
    lying_docx,
    many_parts,
    zip_bomb,
)
from gwkit.documents import Block, BlockKind, Place
from gwkit.errors import IngestError, UnsupportedTypeError

if TYPE_CHECKING:
    from pathlib import Path


def _load(document: str, content: str | bytes) -> Loaded:
    data = content.encode() if isinstance(content, str) else content
    return LoaderRegistry().load(document, data)


def _heading(text: str, level: int = 1) -> Block:
    return Block(BlockKind.HEADING, text, level)


def _text(text: str) -> Block:
    return Block(BlockKind.TEXT, text)


def _code(text: str) -> Block:
    return Block(BlockKind.CODE, text)


def _blocks(document: str, content: str | bytes) -> list[Block]:
    return list(_load(document, content).blocks)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("# Title { #anchor }\n\nText.", [_heading("Title"), _text("Text.")]),
        ("## Use `code` {: #x .y}", [_heading("Use `code`", 2)]),
        ("Title\n=====\nSub\n---", [_heading("Title"), _heading("Sub", 2)]),
        ("Some *soft*\nwrapped **text**.", [_text("Some soft wrapped text.")]),
        ("Line  \nbreak<br>here", [_text("Line\nbreak\nhere")]),
        ("A [link](https://x.y/z) to `it`", [_text("A link to `it`")]),
        ("A [link][1].\n\n[1]: https://x.y/z", [_text("A link.")]),
        ("![A cat](cat.png) <https://x.y>", [_text("A cat https://x.y")]),
        ("Fish &amp; \\*chips\\*", [_text("Fish & *chips*")]),
        ("```python\ndef f():\n    pass\n```", [_code("def f():\n    pass")]),
        ("    indented\n    code", [_code("indented\ncode")]),
        ("- a\n- b\n  - c\n\n  more", [_text("- a\n- b\n  - c\nmore")]),
        ("3. a\n4. b", [_text("3. a\n4. b")]),
        ("- a\n\n      code\n- b", [_text("- a"), _code("code"), _text("- b")]),
        ("| a | b |\n|---|---|\n| c | d |", [_text("a | b\nc | d")]),
        ("> # Quoted\n> text", [_text("Quoted"), _text("text")]),
        (
            "Seen <!-- not --> text\n\n<!-- nor\n\nthis -->\n\nend",
            [_text("Seen text"), _text("end")],
        ),
        ("<div>\n<b>Shown</b>\n</div>\n\n<script>\nhidden()\n</script>", [_text("Shown")]),
        (
            "<details>\n<summary>More</summary>\n\n*text*\n\n</details>",
            [_text("More"), _text("text")],
        ),
        ("/// tip | Mind this\n\nText.\n\n///", [_text("Mind this"), _text("Text.")]),
        ("/// note\n\nText.\n\n///", [_text("Text.")]),
        ("{* ../src/a.py hl[3] *}", []),
        ("/// is how a comment starts", [_text("/// is how a comment starts")]),
        ("\ufeff# BOM\r\n\r\ntext\r\n", [_heading("BOM"), _text("text")]),
        ("", []),
    ],
)
def test_markdown(source: str, expected: list[Block]) -> None:
    """Markdown gives the text without markup, and code unchanged."""
    assert expected == _blocks("a.md", source)


def test_front_matter_becomes_metadata_and_title() -> None:
    """Plain values at the top of a page are metadata; the title is the best heading."""
    source = (
        "---\ntitle: 'A: page'\nlang: en # comment\ntags: [a, b]\nnested:\n  key: value\n"
        "text: |\n  more\ntype: own\n---\nText.\n"
    )
    loaded = _load("a.md", source)

    assert "A: page" == loaded.title
    assert (_heading("A: page"), _text("Text.")) == loaded.blocks
    assert {"title": "A: page", "lang": "en", "type": "markdown"} == loaded.metadata


@pytest.mark.parametrize("source", ["---\n\ntext\n", "---\ntext: a\nnever closed\n"])
def test_a_rule_is_no_front_matter(source: str) -> None:
    """A rule at the top is text."""
    assert "text" in " ".join(block.text for block in _blocks("a.md", source))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "<h1>Title<a href='#t'>¶</a></h1><p>Some\n <b>text</b></p>",
            [_heading("Title"), _text("Some text")],
        ),
        ("<p>a<script>x</script>b<style>y</style>c<nav>d</nav>e</p>", [_text("abc"), _text("e")]),
        ("<template>a</template><p hidden>b</p><i style='display: none'>c</i>d", [_text("d")]),
        ("<ul hidden><li>a</ul><i aria-hidden='true'>b</i><p>c", [_text("c")]),
        ("<pre>def f():\n  <b>pass</b><br>end</pre>", [_code("def f():\n  pass\nend")]),
        ("<ul><li>a<ul><li><p>b</p></li></ul></li><li>c</li></ul>", [_text("- a\n  - b\n- c")]),
        ("<table><tr><th>a</th><th>b</th></tr><tr><td>c<td>d</table>", [_text("a | b\nc | d")]),
        ("<table><tr><td><h2>a</h2></td></tr></table>", [_text("a")]),
        ("<dl><dt>a</dt><dd>b</dd></dl>", [_text("a\nb")]),
        ("a<!-- b -->c<br>d <img alt='e' src=f>", [_text("ac\nd e")]),
        ("<div>a<div>b</div>c</div>", [_text("a"), _text("b"), _text("c")]),
        ("<?xml version='1.0' encoding='utf-8'?><html><body><p>é</p></body></html>", [_text("é")]),
        ("<div>" * 1_000 + "deep" + "</div>" * 1_000, [_text("deep")]),
        ("plain & text", [_text("plain & text")]),
        ("<h1> </h1>", []),
        ("<!-- nothing -->", []),
        (" ", []),
    ],
)
def test_html(source: str, expected: list[Block]) -> None:
    """A page gives its visible text, in blocks."""
    assert expected == _blocks("a.html", source)


def test_a_page_nested_beyond_all_reason_is_refused() -> None:
    """The parser reports its depth limit instead of dropping the rest."""
    with pytest.raises(IngestError, match="depth"):
        _load("a.html", "<div>" * 5_000 + "deep")


def test_the_title_of_a_page() -> None:
    """The title of a page is its title element, or else a heading."""
    titled = _load("a.html", "<head><title>The\n title</title></head><h1>Heading</h1><p>Text")
    bare = _load("a.htm", "<title>The title</title><h2>Part</h2><p>Text")

    assert {"type": "html", "title": "The title"} == titled.metadata
    assert (_heading("Heading"), _text("Text")) == titled.blocks
    assert (_heading("The title"), _heading("Part", 2), _text("Text")) == bare.blocks


def test_a_page_may_declare_its_encoding() -> None:
    """Old pages declare their encoding; a wrong or unknown declaration is an error."""
    page = '<meta http-equiv="x" content="text/html; charset=%s"><p>na\xefve'
    assert [_text("naïve")] == _blocks("a.html", (page % "iso-8859-1").encode("latin-1"))

    for declared in ("no-such-code", "idna"):
        with pytest.raises(IngestError, match=declared):
            _load("a.html", (page % declared).encode("latin-1"))


def test_plain_text() -> None:
    """Blank lines separate paragraphs; the title is the file's name."""
    loaded = _load("notes/Some notes.txt", "First\nparagraph\r\n \r\n\n  second  \n")

    assert (_text("First\nparagraph"), _text("  second")) == loaded.blocks
    assert {"type": "text", "title": "Some notes"} == loaded.metadata


def test_pdf() -> None:
    """A PDF file gives the text of its pages, and its title."""
    loaded = _load("a.pdf", make_pdf(["Page (one)\nsecond line", "Page two"], title="Report"))

    assert {"type": "pdf", "pages": "2", "title": "Report"} == loaded.metadata
    assert (
        _heading("Report"),
        replace(_text("Page (one)\nsecond line"), places=(Place(0, 1),)),
        replace(_text("Page two"), places=(Place(0, 2),)),
    ) == loaded.blocks


def test_a_pdf_without_text_says_so() -> None:
    """A scanned page is a failure with a remedy, not an empty document."""
    with pytest.raises(IngestError, match="no text layer"):
        _load("scan.pdf", make_pdf(["", ""]))


def test_an_encrypted_pdf_says_so() -> None:
    """A file that needs a password fails; one that only forbids printing does not."""
    with pytest.raises(IngestError, match="encrypted"):
        _load("secret.pdf", make_pdf(["text"], password="hush"))

    expected = replace(_text("text"), places=(Place(0, 1),))
    assert [expected] == _blocks("open.pdf", make_pdf(["text"], password=""))


def test_a_cipher_that_nothing_here_reads_counts_as_encrypted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Newer ciphers need a package that is not installed, which the author cannot change."""

    def decrypt(_: PdfReader, password: str) -> None:
        raise DependencyError(password)

    monkeypatch.setattr(PdfReader, "decrypt", decrypt)
    with pytest.raises(IngestError, match="encrypted"):
        _load("open.pdf", make_pdf(["text"], password=""))


def test_a_docx_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Declared sizes are checked before unpacking; false sizes are detected."""
    with pytest.raises(IngestError, match=r"unpacks from [\d,]+ to [\d,]+ bytes; that is refused"):
        _load("bomb.docx", zip_bomb(20))
    with pytest.raises(IngestError, match="cannot be parsed: BadZipFile"):
        _load("lie.docx", lying_docx())
    with pytest.raises(IngestError, match="archive of 10,001 parts"):
        _load("parts.docx", many_parts())
    monkeypatch.setattr(package, "_MAX_UNPACKED_BYTES", 100)
    with pytest.raises(IngestError, match="that is refused"):
        _load("large.docx", make_docx(("Normal", "text")))


def test_entities_are_not_read(tmp_path: Path) -> None:
    """They would expand beyond the memory, or to the content of other files."""
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    for xml in (entity_bomb(), external_entity(str(secret))):
        with pytest.raises(IngestError, match=r"amplification|document type"):
            _load("a.docx", docx_with(xml))
        shown = str(_load("a.xhtml", xml).blocks)
        assert "seen &" in shown
        assert "lollol" not in shown
        assert "the secret" not in shown


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("document", ["a.md", "a.txt", "a.html"])
def test_text_is_read_in_every_marked_encoding(document: str, encoding: str) -> None:
    """UTF-8 needs no byte order mark, other encodings do."""
    assert [_text("Größe 漢")] == _blocks(document, "Größe 漢".encode(encoding))


@pytest.mark.parametrize("document", ["a.md", "a.txt", "a.html"])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"abc\xff", "not valid UTF-8 at byte 3"),
        (b"\xff\xfea", "not valid UTF-16-LE"),
        (b"%PDF\0\0", "NUL"),
        (b"%PDF-1.4 text", "is a PDF file, and no text"),
        (b"PK\x03\x04text", "is a ZIP archive, such as a DOCX file, and no text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an encrypted or old Office file"),
        (b"{\\rtf1 text}", "is an RTF file"),
        ("a\0b".encode("utf-16"), "NUL"),
    ],
)
def test_bytes_that_are_no_text_are_refused(document: str, data: bytes, reason: str) -> None:
    """An unknown encoding is an error: a guess would index garbage."""
    with pytest.raises(IngestError, match=reason):
        _load(document, data)


@pytest.mark.parametrize(
    ("document", "data", "reason"),
    [
        ("a.pdf", b"", "is empty, and no PDF file"),
        ("a.docx", b"", "is empty, and no Word file"),
        ("a.pdf", b"not what it says", "is not a PDF file; check"),
        ("a.docx", b"not what it says", "is not a Word file (DOCX); check"),
        ("a.pdf", b"PK\x03\x04", "is not a PDF file but a ZIP archive"),
        ("a.docx", b" <!DOCTYPE html><p>", "is not a Word file (DOCX) but an HTML page"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "but an encrypted or old Office file"),
        ("a.pdf", b"%PDF-1.4\n", "is cut off"),
        ("a.docx", b"PK\x03\x04", "is cut off"),
        ("a.pdf", b"%PDF-1.4\n%%EOF", "cannot be parsed"),
    ],
)
def test_broken_files_fail_with_a_reason(document: str, data: bytes, reason: str) -> None:
    """The reason names the real file type, if known, and a remedy."""
    with pytest.raises(IngestError, match=re.escape(reason)) as caught:
        _load(document, data)

    assert document == caught.value.document


@pytest.mark.parametrize("document", ["a.pdf", "a.docx"])
def test_a_file_that_is_cut_off_anywhere_is_refused(document: str) -> None:
    """A lenient parser would silently drop the missing pages."""
    whole = make_pdf(["one", "two"]) if document == "a.pdf" else make_docx(("Normal", "text"))
    assert _load(document, whole).blocks
    for size in range(1, len(whole) - 6, len(whole) // 23):
        with pytest.raises(IngestError, match=r"cut off|is not a"):
            _load(document, whole[:size])


def test_an_archive_that_is_no_word_file_fails_with_a_reason() -> None:
    """Another kind of ZIP archive gives a reason, not a traceback."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr("a.txt", "text")

    with pytest.raises(IngestError, match="no Word file"):
        _load("a.docx", output.getvalue())


@pytest.mark.parametrize("document", ["a.exe", "README", "a.md.bak", ".md"])
def test_an_unsupported_type_names_the_supported_ones(document: str) -> None:
    """The reason for a spreadsheet lists the supported types."""
    with pytest.raises(UnsupportedTypeError, match=r"\.docx, .*\.md, .*\.pdf"):
        _load(document, b"text")


@pytest.mark.parametrize("document", ["A.MD", "b.Markdown"])
def test_suffixes_are_found_in_any_case(document: str) -> None:
    """Some systems write suffixes in capitals."""
    assert [_heading("T")] == _blocks(document, "# T")


def test_a_loader_of_an_extension_goes_first_and_gets_the_common_treatment() -> None:
    """A team's loader reads further formats, or overrides a built-in one; the rest is the same."""

    def load(document: str, data: bytes, /) -> Loaded:
        return Loaded("", (_text(f"{document}\u200b "), _text(data.decode())))

    registry = LoaderRegistry({".CSV": LoaderPart(load), ".txt": LoaderPart(load)})

    assert {".csv", ".txt", ".md"} <= registry.suffixes
    assert Loaded(
        "a", (_text("a.csv"), _text("1,2")), {"type": "csv", "title": "a"}
    ) == registry.load("a.csv", b"1,2")
    assert _text("a.txt") == registry.load("a.txt", b" ").blocks[0]


_WHOLE = {".pdf": make_pdf(["one", "two"], title="T"), ".docx": make_docx(("Normal", "text"))}


@settings(max_examples=60)
@given(
    st.sampled_from(sorted(_WHOLE)),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4), st.integers(0, 20)), max_size=6),
)
def test_no_damage_causes_anything_but_our_error(
    suffix: str, damages: list[tuple[float, bytes, int]]
) -> None:
    """A real file with changed, added or removed bytes is read or rejected."""
    data = _WHOLE[suffix]
    for place, put_in, taken_out in damages:
        start = int(place * len(data))
        data = data[:start] + put_in + data[start + taken_out :]
    with suppress(IngestError):
        assert all(block.text.strip() for block in _load(f"a{suffix}", data).blocks)


@settings(max_examples=50)
@given(
    st.sampled_from([".md", ".html", ".txt", ".pdf", ".docx"]),
    st.binary(max_size=200)
    | st.text(alphabet="#*_`[]()<>!-|\n\t a\\&/{}", max_size=200).map(str.encode),
)
@example(".html", b"<>")
@example(".md", b"[a]: \n<b")
def test_no_bytes_cause_anything_but_our_error(suffix: str, data: bytes) -> None:
    """Any bytes are read or rejected."""
    with suppress(IngestError):
        assert all(block.text.strip() for block in _load(f"a{suffix}", data).blocks)


@pytest.mark.parametrize("suffix", [".md", ".html", ".txt"])
@pytest.mark.parametrize(
    "unit", ["[", "![", "*a ", ">", "- ", "`a", "<", "<!--", "<b>", "a|", "---\n", "&#", "{* "]
)
def test_hostile_documents_take_reasonable_time(suffix: str, unit: str) -> None:
    """Constructions that take some parsers quadratic time."""
    started = process_time()
    with suppress(IngestError):
        _load(f"a{suffix}", unit * (100_000 // len(unit)))

    assert process_time() - started < 5
