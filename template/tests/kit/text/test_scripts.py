"""Words are found in scripts without spaces and with combining marks; English is not affected."""

from __future__ import annotations

import pytest

from gwkit.text.sentences import quotes
from gwkit.text.terms import TermRules
from gwkit.text.words import content_words


def _finds(text: str, query: str) -> bool:
    """Say whether every term of a query is one of a text."""
    rules = TermRules()
    return set(rules.of_query(query)) <= set(rules.of_text(text))


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("休假申请须提前两周提交。", "申请"),
        ("周五提供鱼。", "鱼"),
        ("用Python程序处理", "python"),
        ("用Python程序处理", "程序"),
        ("有給休暇の申請はシステムから", "システム"),
        ("พนักงานลาพักร้อนได้", "พักร้อน"),
        ("ພະນັກງານລາພັກ", "ລາພັກ"),
        ("បុគ្គលិកសុំច្បាប់", "ច្បាប់"),
        ("ဝန်ထမ်းခွင့်ရက်", "ခွင့်"),
        ("हिन्दी में लिखा", "हिन्दी"),
        ("இந்த மொழி", "மொழி"),
        ("running late", "run"),
        ("한국어를 배우는 학생", "한국어"),
        ("Университету нужны документы", "университета"),
        ("Canción de cuna", "canciones"),
        ("كِتَاب", "كتاب"),
        ("Ünïcode naïve", "naive"),
    ],
)
def test_words_are_found(text: str, query: str) -> None:
    """A word within a sentence is found, with or without spaces around it."""
    assert _finds(text, query)


@pytest.mark.parametrize(
    ("text", "query"),
    [("休假申请", "请假"), ("हिन्दी", "हि"), ("मोर", "मीर"), ("食堂", "堂食"), ("late", "ate")],
)
def test_other_words_are_not_found(text: str, query: str) -> None:
    """A word needs its letters in order, and their marks."""
    assert not _finds(text, query)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("日本語 検索", ["日本", "本語", "検索"]),
        ("Python程序", ["python", "程序"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("กำลัง", ["กำ", "ำลั", "ลัง"]),
        ("한국어 1,000", ["한국", "국어", "1000"]),
    ],
)
def test_words_of_an_answer(text: str, words: list[str]) -> None:
    """A sentence and a question are compared by the same pieces."""
    assert words == content_words(text)


def test_sentences_without_spaces() -> None:
    """Each can be quoted by itself, with its closing quotation mark."""
    text = "他说「好。」然后走。真的吗\uff01是。"
    found = [text[quote.start : quote.end] for quote in quotes(text)]
    assert ["他说「好。」", "然后走。", "真的吗\uff01", "是。"] == found
