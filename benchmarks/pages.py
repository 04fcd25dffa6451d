"""Documents to ingest if no folder of real ones is given."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_pages"]

_SECTIONS: Final = 6
_PARAGRAPHS: Final = 4


def write_pages(folder: Path, count: int, *, samples: Path, sections: int = _SECTIONS) -> None:
    """Write pages of Markdown, by default about 7 KB each, from the paragraphs of the samples.

    No two pages are alike: each has its own choice and order of paragraphs, its own number in
    every heading, and the words of each paragraph that are exchanged for those of another. The
    same count gives the same pages.

    Args:
        folder: made, with a hundred pages to each folder in it.
        count: of pages.
        samples: Markdown with the paragraphs to use.
        sections: of each page, of some 1.2 KB each.
    """
    paragraphs = [
        block.strip()
        for path in sorted(samples.rglob("*.md"))
        for block in path.read_text(encoding="utf-8").split("\n\n")
        if block.strip() and not block.lstrip().startswith(("#", "|", "```"))
    ]
    words = sorted({word for paragraph in paragraphs for word in paragraph.split()})
    draw = random.Random(count)  # noqa: S311 - the same pages every time
    for number in range(count):
        page = [f"# Page {number}"]
        for section in range(sections):
            page.append(f"## Section {section} of {number}")
            for paragraph in draw.sample(paragraphs, _PARAGRAPHS):
                text = paragraph.split(" ")
                for place in range(0, len(text), 7):
                    text[place] = draw.choice(words)
                page.append(" ".join(text))
        path = folder / f"{number // 100:03}" / f"page-{number:05}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n\n".join(page) + "\n", encoding="utf-8")
