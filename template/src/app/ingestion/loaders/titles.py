"""Tells the title that an author gave a file from the names that programs and printers leave."""

from __future__ import annotations

import re

__all__ = ["own_title"]

_LONGEST = 250
"""Characters in a name that a program gives."""

_NO_TITLE = re.compile(
    r"""
    [\W\d_]*                                                       # nothing, or numbers alone
    | microsoft\ (?:word|excel|powerpoint|publisher|visio)\b.*     # a printer driver's
    | .*\.(?:docx?|dotx?|dvi|eps|fm|html?|indd|key|md|odp|ods|odt|pages|p65|pdf|pmd|pptx?|ps|pub|qxd
        |rtf|tex|tmp|txt|vsdx?|wpd|xlsx?|xml)                      # a file name
    | \S*_\S*                                                      # one without its suffix
    | (?:[a-z]:)?[\\/].* | \w+:/\S+ | about:.*                     # a path or an address
    | <[0-9a-f\s]*>                                                # bytes
    | \(?(?:anonymous|unknown|unspecified|none|null|n/a|blank|empty|default|title|no\ title)\)?
    | (?:new\ |blank\ |untitled\ |word\ |scanned\ )?
        (?:document|doc|dokument|documento|untitled|unnamed|unbenannt|sans\ titre|sin\ título
        |senza\ titolo|presentation|präsentation|présentation|presentación|slide|folie|diapositive
        |diapositiva|book|workbook|sheet|mappe|layout|template|scan|print|page)[\s\d-]*
    | (?:microsoft\ )?powerpoint(?:[\ -](?:presentation|präsentation|presentatie|bemutató))?
    | (?:apresentação|presentación|présentation|presentazione)\ [\w\ ]{0,12}powerpoint
    """,
    re.IGNORECASE | re.VERBOSE,
)


def own_title(title: str) -> str:
    """Return the title that an author gave, or an empty text where a program did."""
    title = " ".join(title.replace("\0", "").split())
    return "" if len(title) <= _LONGEST and _NO_TITLE.fullmatch(title) else title
