"""Claims on canonical JSON: RFC 8785's own vectors, one text for one value, and everything else refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.record.canonical import LARGEST_WHOLE, MAX_DEPTH, dumps, loads, loads_for_shape
from scoring.record.errors import NotCanonical

WHOLES = st.integers(-LARGEST_WHOLE, LARGEST_WHOLE)
# Beyond U+FFFF the order of UTF-16 is another than that of code points.
TEXTS = st.text(st.characters(codec="utf-8")) | st.text("aé\ue000\U0001f600", max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | WHOLES | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
READERS = pytest.mark.parametrize("read", [loads, loads_for_shape])

# --- the vectors of RFC 8785 (3.2.2, 3.2.3) and of its test data, those without fractions ------------------


@pytest.mark.parametrize(
    ("given_json", "canonical"),
    [
        (
            '{"string": "\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/",'
            ' "literals": [null, true, false]}',
            '{"literals":[null,true,false],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
        ),
        (
            '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh",'
            '"1":"One","\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control",'
            '"\\u00f6":"Latin Small Letter O With Diaeresis"}',
            '{"\\r":"Carriage Return","1":"One","\u0080":"Control","ö":"Latin Small Letter O With Diaeresis",'
            '"€":"Euro Sign","😀":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
        ),
        (
            '[56, {"d": true, "10": null, "1": [ ]}]',
            '[56,{"1":[],"10":null,"d":true}]',
        ),
        (
            '{"peach": "This sorting order", "péché": "is wrong according to French",'
            ' "pêche": "but canonicalization MUST", "sin": "ignore locale"}',
            '{"peach":"This sorting order","péché":"is wrong according to French",'
            '"pêche":"but canonicalization MUST","sin":"ignore locale"}',
        ),
        (
            '{"1": {"f": {"f": "hi","F": 5} ,"\\n": 56}, "10": { }, "": "empty", "a": { },'
            ' "111": [ {"e": "yes","E": "no" } ], "A": { }}',
            '{"":"empty","1":{"\\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}',
        ),
        ('{"Unnormalized Unicode":"A\\u030a"}', '{"Unnormalized Unicode":"A\u030a"}'),
        (
            '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\u000a":"Newline","1":"One",'
            '"\\u0080":"Control\\u007f","\\ud83d\\ude02":"Smiley","</script>":"Browser Challenge"}',
            '{"\\n":"Newline","\\r":"Carriage Return","1":"One","</script>":"Browser Challenge",'
            '"\u0080":"Control\u007f","€":"Euro Sign","😂":"Smiley"}',
        ),
    ],
    ids=["strings", "order", "arrays", "french", "structures", "unicode", "weird"],
)
def test_the_rfcs_own_vectors_come_out_byte_for_byte(given_json: str, canonical: str) -> None:
    assert dumps(json.loads(given_json)) == canonical.encode()
    assert loads(canonical.encode()) == json.loads(given_json)


def test_every_control_character_is_escaped_as_the_rfc_says() -> None:
    short = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
    for code in range(0x20):
        escaped = short.get(chr(code), f"\\u{code:04x}")
        assert dumps(chr(code)) == f'"{escaped}"'.encode()


# --- one value, one text ---------------------------------------------------------------------------------


@READERS
@given(value=VALUES)
def test_what_is_written_reads_back_the_same(read: Any, value: Any) -> None:
    raw = dumps(value)
    assert read(raw) == value
    assert dumps(read(raw)) == raw


@given(entries=st.dictionaries(TEXTS, WHOLES, max_size=6), order=st.randoms())
def test_the_order_in_which_keys_were_put_in_does_not_matter(entries: dict[str, int], order: Any) -> None:
    shuffled = list(entries.items())
    order.shuffle(shuffled)
    assert dumps(dict(shuffled)) == dumps(entries)


@READERS
@given(value=VALUES, space=st.sampled_from([" ", "\n", "\t"]))
def test_another_writing_of_the_same_value_is_refused(read: Any, value: Any, space: str) -> None:
    raw = dumps(value)
    for other in (space.encode() + raw, raw + space.encode(), b"\xef\xbb\xbf" + raw):
        with pytest.raises(NotCanonical):
            read(other)


@READERS
@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b'{"b":1,"a":2}', "desde el byte 2"),
        (b'{"a":1,"a":1}', "a: es una clave que está dos veces"),
        (b'{"x":{"a":1,"a":2}}', "está dos veces"),
        (b'"\\u0041"', "desde el byte 1"),
        (b'"\\/"', "desde el byte 1"),
        (b'"\\u000F"', "desde el byte"),
        ('{"\ue000":1,"😀":2}'.encode(), "desde el byte"),
        (b"-0", "desde el byte"),
        (b"[1.0]", "decimales"),
        (b"[1e3]", "decimales"),
        (b"NaN", "decimales"),
        (b"Infinity", "decimales"),
        (b'"\\ud800"', "medio carácter"),
        (b"", "no es JSON desde el carácter 0"),
        (b'{"a":', "no es JSON desde el carácter 5"),
        (b"\xff", "el byte 0 no es UTF-8"),
        (b'"\xed\xa0\x80"', "el byte 1 no es UTF-8"),
        (b"1 2", "no es JSON"),
        (b"1" * 5000, "cifras|fuera de"),
    ],
)
def test_bytes_that_are_not_canonical_are_refused_with_what_and_where(
    read: Any, raw: bytes, what: str
) -> None:
    with pytest.raises(NotCanonical, match=what):
        read(raw)


# --- what canonical JSON cannot hold ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "where", "what"),
    [
        ({"a": [1, {"b": 0.5}]}, "a.1.b", "decimales"),
        ({"a": float("nan")}, "a", "decimales"),
        ([2**53], "0", "entero fuera"),
        ([-(2**53)], "0", "entero fuera"),
        ({"a": "\ud800"}, "a", "medio carácter"),
        ({"\udfff": 1}, "", "medio carácter"),
        ({"a": {1: 2}}, "a", "no es un texto"),
        ({"a": b"bytes"}, "a", "bytes"),
        ({"a": {1, 2}}, "a", "set"),
    ],
)
def test_a_value_that_cannot_be_written_is_refused_with_its_path(value: Any, where: str, what: str) -> None:
    with pytest.raises(NotCanonical, match=what) as refused:
        dumps(value)
    assert refused.value.where == where


def test_the_largest_whole_numbers_are_written_and_read() -> None:
    for value in (LARGEST_WHOLE, -LARGEST_WHOLE):
        assert loads(dumps(value)) == value
    for raw in (b"9007199254740992", b"-9007199254740992"):
        with pytest.raises(NotCanonical, match="entero fuera"):
            loads(raw)


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_so_many_levels_and_no_more() -> None:
    assert loads(dumps(nested(MAX_DEPTH))) == nested(MAX_DEPTH)
    with pytest.raises(NotCanonical, match="niveles"):
        dumps(nested(MAX_DEPTH + 1))
    with pytest.raises(NotCanonical, match="niveles"):
        loads(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))


@READERS
def test_a_hundred_thousand_levels_are_refused_and_not_a_crash(read: Any) -> None:
    with pytest.raises(NotCanonical, match="niveles"):
        read(b"[" * 100_000 + b"]" * 100_000)


@READERS
def test_more_bytes_than_were_allowed_are_not_even_parsed(read: Any) -> None:
    with pytest.raises(NotCanonical, match="tiene 11 bytes y el máximo es 10"):
        read(b'"123456789"', max_bytes=10)
