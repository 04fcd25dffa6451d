"""Write out what steers a terminal or cannot be seen, in text for people and in JSON."""

from __future__ import annotations

import re

__all__ = ["escape_controls", "escape_json"]

# Line ends and terminal codes (C0, DEL, C1), the marks that turn the direction of text (UAX 9),
# what has no width, tags, and lone surrogates, which no terminal can be sent. Joiners are part of
# how some scripts and emoji are written, but not beside ASCII.
_CONTROLS = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
    r"|(?:(?<=[ -~])|(?<![\s\S]))[\u200c\u200d]|[\u200c\u200d](?=[ -~]|\Z)"
)


def escape_controls(text: str, *, keep: str = "") -> str:
    r"""Return the text with what steers a terminal, or cannot be seen, written out as in `\x1b`.

    These are the control characters and line ends, the marks that change the direction of writing
    (https://trojansource.codes), and characters without a width.

    Args:
        text: any text.
        keep: characters to leave as they are, such as a newline.
    """
    if text.isascii() and text.isprintable():
        return text

    def escaped(match: re.Match[str]) -> str:
        code = match[0].encode("unicode_escape", "surrogatepass").decode("ascii")
        return match[0] if match[0] in keep else code

    return _CONTROLS.sub(escaped, text)


def escape_json(document: str) -> str:
    """Return a JSON document on one line that means the same, with these characters escaped.

    Some readers of lines also end one at U+0085 or U+2028, which JSON may hold as they are.
    """
    if document.isascii() and document.isprintable():
        return document

    def escaped(match: re.Match[str]) -> str:
        units = match[0].encode("utf-16-be", "surrogatepass").hex()
        return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))

    return _CONTROLS.sub(escaped, document)
