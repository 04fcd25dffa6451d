"""The numbers that Word counts are those that it shows."""

from __future__ import annotations

from lxml import etree

from app.ingestion.loaders.numbering import Numbering

_FORMATS = (
    ("upperRoman", "%1."),
    ("decimal", "%1.%2"),
    ("lowerLetter", "(%3)"),
    ("bullet", "x"),
    ("decimalZero", "%5"),
)
_LEVELS = "".join(
    f"<lvl ilvl='{depth}'><start val='1'/><numFmt val='{kind}'/><lvlText val='{text}'/></lvl>"
    for depth, (kind, text) in enumerate(_FORMATS)
)
_LISTS = (
    f"<numbering><abstractNum abstractNumId='7'>{_LEVELS}</abstractNum>"
    "<num numId='1'><abstractNumId val='7'/></num><num numId='2'><abstractNumId val='7'/></num>"
    "<num numId='3'><abstractNumId val='7'/><lvlOverride ilvl='0'><startOverride val='9'/>"
    "</lvlOverride></num><num numId='4'><abstractNumId val='none'/></num></numbering>"
)


def test_labels_follow_the_count() -> None:
    """Deeper levels begin again; lists of one definition go on, unless they start anew."""
    numbering = Numbering(etree.fromstring(_LISTS))
    asked = {
        "1": "0:I. 0:II. 1:II.1 2:(a) 2:(b) 3: 1:II.2 2:(a) 4:01",
        "2": "0:III. 1:III.1",
        "3": "0:IX. 0:X. 1:X.1",
        "4": "0:",
        "none": "0:",
    }
    for id_, labels in asked.items():
        for one in labels.split():
            depth, _, label = one.partition(":")
            assert label == numbering.label(id_, int(depth)), (id_, one)


def test_letters_are_doubled_after_the_last() -> None:
    """As Word does, where a spreadsheet would go on with `ab`."""
    numbering = Numbering(etree.fromstring(_LISTS))
    labels = [numbering.label("1", 2) for _ in range(28)]

    assert ["(a)", "(z)", "(aa)", "(bb)"] == [labels[at] for at in (0, 25, 26, 27)]


def test_a_file_without_lists_has_no_numbers() -> None:
    """A paragraph can name a list that is not defined."""
    assert "" == Numbering(None).label("1", 0)
