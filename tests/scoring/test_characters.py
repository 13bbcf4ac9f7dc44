"""Claims on unseen characters: what a model reads and a person cannot see is told with its place."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.solutions.characters import MAX_PROBLEMS, find_unseen

# Of Unicode's Default_Ignorable_Code_Point: drawn as nothing by every font. In no category of its own.
IGNORABLE = "\u034f\u115f\u17b4\u180b\u180f\u2065\u3164\ufe00\ufe0d\uffa0\ufff0\U000e0100\U000e01ef\U000e0fff"
FORMAT = "\u00ad\u200b\u200c\u200d\u2060\u2064\ufeff\ufff9\U000e0001\U000e0041\U000e007f\U0001d173"
BIDI = "\u061c\u200e\u200f\u202a\u202d\u202e\u2066\u2068\u2069"
CONTROLS = "\x00\x07\x08\x0b\x0c\r\x1b\x7f\x85\x9f\u2028\u2029\ud800\udfff"


def codes(text: str) -> list[str]:
    return [problem.code for problem in find_unseen(text, field="user")]


@pytest.mark.parametrize("character", CONTROLS, ids=ascii)
def test_controls_are_told(character: str) -> None:
    assert codes(f"a{character}b") == ["control_character"]


@pytest.mark.parametrize("character", BIDI, ids=ascii)
def test_what_turns_the_direction_of_reading_is_told(character: str) -> None:
    assert codes(f"a{character}b") == ["bidi_character"]


@pytest.mark.parametrize("character", FORMAT + IGNORABLE + "\u2800", ids=ascii)
def test_what_is_drawn_as_nothing_is_told(character: str) -> None:
    assert codes(f"a{character}b") == ["invisible_character"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "¿Qué «aparato» gasta más: la nevera o el horno?\n\t– Ñandú, pingüino, l·l, ª, º, €…",
        "عربى עברית 日本語 한국어 Ελληνικά",  # letters read from right to left are letters
        "e\u0301 o\u0308",  # an accent written apart
        "⚡ ☀\ufe0f ❤\ufe0e 🔋",  # a sign with the mark that asks for its coloured or its plain form
        "a\u00a0b\u202fc\u2003d",  # wide and narrow spaces are seen as spaces
    ],
)
def test_what_can_be_seen_is_not_told(text: str) -> None:
    assert codes(text) == []


def test_each_is_told_with_its_line_and_column() -> None:
    problems = find_unseen("uno\n\u200bdos\n\ttr\u202ees\x00", field="sampling.stop.0")
    assert [problem.field for problem in problems] == ["sampling.stop.0"] * 3
    assert [(problem.line, problem.params["column"]) for problem in problems] == [(2, 1), (3, 4), (3, 7)]
    assert [problem.params["character"] for problem in problems] == ["U+200B", "U+202E", "U+0000"]


def test_a_megabyte_of_them_is_told_as_the_first_few() -> None:
    assert [problem.params["column"] for problem in find_unseen("\u200b" * 1_000_000, field="user")] == list(
        range(1, MAX_PROBLEMS + 1)
    )


@settings(deadline=None)
@given(text=st.text(max_size=200))
def test_every_character_is_looked_at_by_itself(text: str) -> None:
    one_by_one = [code for character in text for code in codes(character)]
    assert codes(text) == one_by_one[:MAX_PROBLEMS]


def test_no_character_of_unicode_without_a_glyph_slips_through() -> None:
    unseen = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    missed = [
        f"U+{point:04X}"
        for point in range(sys.maxunicode + 1)
        if unicodedata.category(chr(point)) in unseen and chr(point) not in "\n\t" and not codes(chr(point))
    ]
    assert missed == []
