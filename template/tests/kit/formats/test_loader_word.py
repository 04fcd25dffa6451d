"""A Word file gives all the text that Word shows, once, and no hidden text."""

from __future__ import annotations

import pytest
from lxml import etree

from app.ingestion.loaders import LoaderRegistry
from app.ingestion.loaders.styles import Numbering
from fixtures.files import docx_of, make_docx
from gwkit.documents import Block, BlockKind
from gwkit.errors import IngestError

_BOX = "<w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent>"
_BOXES = (
    f"<mc:AlternateContent><mc:Choice Requires='wps'><wps:txbx>{_BOX}</wps:txbx></mc:Choice>"
    f"<mc:Fallback><w:pict><v:textbox>{_BOX}</v:textbox></w:pict></mc:Fallback>"
    "</mc:AlternateContent>"
)


def _run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>"


def _p(content: str, properties: str = "") -> str:
    content = content if content.startswith("<") else _run(content)
    return f"<w:p><w:pPr>{properties}</w:pPr>{content}</w:p>"


def _tc(content: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{content}</w:tc>"


def _field(kind: str) -> str:
    return f"<w:r><w:fldChar w:fldCharType='{kind}'/></w:r>"


def _style(name: str, properties: str = "", based_on: str = "") -> str:
    return (
        f"<w:style w:type='paragraph' w:styleId='{name}'><w:name w:val='{name}'/>"
        f"<w:basedOn w:val='{based_on}'/>{properties}</w:style>"
    )


def _texts(data: bytes) -> list[str]:
    return [block.text for block in LoaderRegistry().load("a.docx", data).blocks]


@pytest.mark.parametrize(
    ("inline", "expected"),
    [
        (f"<w:del><w:r><w:delText>12</w:delText></w:r></w:del>{_run('36')}", "lasts 36 months"),
        (f"<w:del>{_run('12')}</w:del><w:ins>{_run('36')}</w:ins>", "lasts 36 months"),
        (f"<w:ins><w:del>{_run('12')}</w:del></w:ins>{_run('36')}", "lasts 36 months"),
        (f"<w:moveFrom>{_run('12')}</w:moveFrom>{_run('36')}", "lasts 36 months"),
        (f"<w:sdt><w:sdtContent>{_run('36')}</w:sdtContent></w:sdt>", "lasts 36 months"),
        *(
            (f"<w:{wrapper}>{_run('36')}</w:{wrapper}>", "lasts 36 months")
            for wrapper in ("bdo", "customXml", "hyperlink", "ins", "moveTo", "smartTag")
        ),
        (f"<w:fldSimple w:instr='REF x'>{_run('36')}</w:fldSimple>", "lasts 36 months"),
        (
            _field("begin")
            + "<w:r><w:instrText>REF </w:instrText></w:r>"
            + f"{_field('separate')}{_run('36')}{_field('end')}",
            "lasts 36 months",
        ),
        (f"{_field('begin')}{_run('36')}", "lasts 36 months"),
        (
            f"<w:ruby><w:rt>{_run('no')}</w:rt><w:rubyBase>{_run('36')}</w:rubyBase></w:ruby>",
            "lasts 36 months",
        ),
        (
            "<w:r><w:t>3</w:t><w:noBreakHyphen/><w:t>6</w:t><w:br/><w:softHyphen/></w:r>",
            "lasts 3-6\n months",
        ),
        ("<w:r><w:tab/><w:t>36</w:t></w:r>", "lasts \t36 months"),
        ("<w:r><w:t>5 </w:t><w:sym w:font='Symbol' w:char='F06D'/></w:r>", "lasts 5 μ months"),
        ("<m:f><m:num><m:t>1</m:t></m:num><m:den><m:t>2</m:t></m:den></m:f>", "lasts 1/2 months"),
        (_run("12", "<w:vanish/>") + _run("36", "<w:vanish w:val='0'/>"), "lasts 36 months"),
        (_run("12", "<w:rStyle w:val='hidden'/>") + _run("36"), "lasts 36 months"),
        (f"<w:r><w:commentReference w:id='1'/></w:r>{_run('36')}", "lasts 36 months"),
    ],
)
@pytest.mark.parametrize("strict", [False, True])
def test_text_inside_a_paragraph(inline: str, expected: str, *, strict: bool) -> None:
    """Wrappers are read; deletions, instructions and hidden text are not."""
    styles = _style("hidden", "<w:rPr><w:vanish/></w:rPr>")
    comments = f"<w:comment w:id='1'>{_p('remark')}</w:comment>"
    paragraph = _p(f"{_run('It lasts ')}{inline}{_run(' months')}")
    data = docx_of(paragraph, strict=strict, styles=styles, comments=comments)

    assert [f"It {expected}"] == _texts(data)


@pytest.mark.parametrize("drawing", [_BOXES, f"<w:pict>{_BOX}</w:pict>"])
def test_a_text_box_is_read_once(drawing: str) -> None:
    """Word writes a text box twice, for its own older versions."""
    table = f"<w:tbl><w:tr>{_tc(_p(f'<w:r>{drawing}</w:r>'))}{_tc(_p('cell'))}</w:tr></w:tbl>"

    assert ["text", "boxed"] == _texts(docx_of(_p(f"{_run('text')}<w:r>{drawing}</w:r>")))
    assert ["| cell", "boxed"] == _texts(docx_of(table))


def test_wrapped_paragraphs_and_table_parts() -> None:
    """Content controls can contain paragraphs, rows and cells, and all can be inserted."""

    def wrapped(content: str) -> str:
        inner = f"<w:customXml>{content}</w:customXml>"
        return f"<w:sdt><w:sdtPr><w:tag/></w:sdtPr><w:sdtContent>{inner}</w:sdtContent></w:sdt>"

    row = f"<w:tr>{_tc(_p('a'))}{wrapped(_tc(wrapped(_p('b'))))}</w:tr>"
    deleted = f"<w:tr><w:trPr><w:del/></w:trPr>{_tc(_p('c'))}</w:tr>"
    body = wrapped(_p("text")) + f"<w:tbl>{wrapped(row)}{deleted}</w:tbl>"

    assert ["text", "a | b"] == _texts(docx_of(body))


def test_tables() -> None:
    """A cell over columns is read once, one over rows in each row, a nested table inline."""
    inner = f"<w:tbl><w:tr>{_tc(_p('x'))}{_tc(_p('y'))}</w:tr></w:tbl>"
    wide, tall = "<w:gridSpan w:val='2'/>", "<w:vMerge w:val='restart'/>"
    body = (
        f"<w:tbl><w:tr>{_tc(_p('a'), wide)}{_tc(_p('b'), tall)}</w:tr>"
        f"<w:tr>{_tc(_p('c') + _p('d'))}{_tc(_p('e') + inner)}{_tc(_p(''), '<w:vMerge/>')}</w:tr>"
        f"<w:tr>{_tc(_p(''))}{_tc(_p(''))}{_tc(_p('f'))}</w:tr></w:tbl>"
    )

    assert ["a | b\nc d | e x | y | b\n | | f"] == _texts(docx_of(body))


def test_headers_footers_and_notes_are_read_once() -> None:
    """Text that stands on every page is read once, a note after the paragraph that refers to it."""
    to_note, to_end = (
        f"<w:r><w:{kind}Reference w:id='2'/></w:r>" for kind in ("footnote", "endnote")
    )
    note = f"<w:footnote w:id='2'>{_p(_run('note') + to_note)}</w:footnote>"
    end = f"<w:endnote w:id='2'>{_p('end')}</w:endnote>"
    data = docx_of(
        _p(_run("text") + to_note + to_end) + _p(to_note) + _p("more"),
        header1=_p("head", "<w:outlineLvl w:val='0'/>"),
        header2=_p("head", "<w:outlineLvl w:val='0'/>"),
        footer1=_p("foot"),
        footnotes=f"<w:footnote w:id='0'>{_p('unused')}</w:footnote>{note}",
        endnotes=end,
    )

    assert ["head", "foot", "text", "note", "end", "more"] == _texts(data)


@pytest.mark.parametrize(
    ("properties", "level"),
    [
        ("<w:pStyle w:val='heading 3'/>", 3),
        ("<w:pStyle w:val='corporate'/>", 2),
        ("<w:pStyle w:val='outlined'/>", 4),
        ("<w:pStyle w:val='unoutlined'/>", 0),
        ("<w:pStyle w:val='circular'/>", 0),
        ("<w:outlineLvl w:val='0'/>", 1),
        ("<w:outlineLvl w:val='8'/>", 6),
        ("<w:pStyle w:val='corporate'/><w:outlineLvl w:val='9'/>", 0),
        ("<w:pStyle w:val='corporate'/><w:numPr><w:numId w:val='1'/></w:numPr>", 2),
    ],
)
def test_headings(properties: str, level: int) -> None:
    """A heading has its own outline level, or a style with that level or name."""
    styles = (
        _style("heading 2")
        + _style("heading 3")
        + _style("middle", based_on="heading 2")
        + _style("corporate", based_on="middle")
        + _style("outlined", "<w:pPr><w:outlineLvl w:val='3'/></w:pPr>", based_on="heading 2")
        + _style("unoutlined", "<w:pPr><w:outlineLvl w:val='9'/></w:pPr>", based_on="heading 2")
        + _style("circular", based_on="circular")
    )
    (block,) = LoaderRegistry().load("a.docx", docx_of(_p("T", properties), styles=styles)).blocks
    kind = BlockKind.HEADING if level else BlockKind.TEXT

    assert Block(kind, "T", level) == block


def test_lists_code_and_contents() -> None:
    """List items are marked by depth, code is unchanged, and contents are dropped."""

    def item(depth: int, number: int = 1) -> str:
        return f"<w:numPr><w:ilvl w:val='{depth}'/><w:numId w:val='{number}'/></w:numPr>"

    def styled(name: str) -> str:
        return f"<w:pStyle w:val='{name}'/>"

    styles = "".join(map(_style, ("Source Code", "toc 1", "List Bullet")))
    styles += _style("mine", f"<w:pPr>{item(0)}</w:pPr>")
    body = (
        _p("T<w:tab/>1", styled("toc 1"))
        + _p("a", item(0))
        + _p("b", item(1))
        + _p("c", styled("List Bullet"))
        + _p("d", styled("mine"))
        + _p("e", styled("mine") + item(0, 0))
        + _p("if x:", styled("Source Code"))
        + _p("    y", styled("Source Code"))
    )

    assert ["- a\n  - b\n- c\n- d", "e", "if x:\n    y"] == _texts(docx_of(body, styles=styles))


def test_numbers_of_lists_and_headings() -> None:
    """Texts refer to `section 2`, and Word counts such numbers without writing them down."""
    properties = "<w:numPr><w:numId w:val='1'/></w:numPr>"
    numbering = (
        "<w:abstractNum w:abstractNumId='7'><w:lvl><w:lvlText w:val='%1.'/></w:lvl></w:abstractNum>"
        "<w:num w:numId='1'><w:abstractNumId w:val='7'/></w:num>"
    )
    cell = f"<w:tbl><w:tr>{_tc(_p('b', properties))}</w:tr></w:tbl>"
    heading = _p("T", f"<w:outlineLvl w:val='0'/>{properties}")
    body = _p("a", properties) + cell + heading

    assert ["1. a", "2. b", "3. T"] == _texts(docx_of(body, numbering=numbering))


def test_labels_follow_the_count() -> None:
    """Deeper levels restart; lists of one definition continue, unless they restart explicitly."""
    formats = ("upperRoman", "%1."), ("decimal", "%1.%2"), ("lowerLetter", "(%3)"), ("bullet", "x")
    levels = "".join(
        f"<lvl ilvl='{depth}'><numFmt val='{kind}'/><lvlText val='{text}'/></lvl>"
        for depth, (kind, text) in enumerate(formats)
    )
    nums = "".join(
        f"<num numId='{n}'><abstractNumId val='7'/>%s</num>" % more
        for n, more in (
            (1, ""),
            (2, ""),
            (3, "<lvlOverride ilvl='0'><startOverride val='9'/></lvlOverride>"),
        )
    )
    definition = f"<abstractNum abstractNumId='7'>{levels}</abstractNum>"
    numbering = Numbering(etree.fromstring(f"<numbering>{definition}{nums}</numbering>"))
    asked = {
        "1": "0:I. 0:II. 1:II.1 2:(a) 2:(b) 3: 1:II.2 2:(a)",
        "2": "0:III. 1:III.1",
        "3": "0:IX. 0:X. 1:X.1",
        "none": "0:",
    }
    for id_, labels in asked.items():
        for one in labels.split():
            depth, _, label = one.partition(":")
            assert label == numbering.label(id_, int(depth)), (id_, one)


@pytest.mark.parametrize(
    ("title", "expected"),
    [("Set", "Set"), ("", "The report"), ("Microsoft Word - Document1.docx", "The report")],
)
def test_the_title(title: str, expected: str) -> None:
    """The author's title precedes the paragraph in the title's style."""
    data = make_docx(("heading 1", "Part"), ("Title", "The report"), title=title)

    assert expected == LoaderRegistry().load("a.docx", data).title


def test_an_archive_of_another_kind_is_refused() -> None:
    """A workbook may have the name of a Word file."""
    with pytest.raises(IngestError, match="no Word file"):
        _texts(docx_of("").replace(b"document", b"workbook"))


def test_a_file_that_word_would_merge_is_reported() -> None:
    """Some programs write their text as a page that Word converts on opening."""
    loaded = LoaderRegistry().load("a.docx", docx_of(_p("text"), aFChunk=""))

    assert "is not read" in loaded.metadata["incomplete"]
