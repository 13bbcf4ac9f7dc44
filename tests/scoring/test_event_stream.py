"""An event stream is read alike however the network cuts it, and nothing else is taken for one."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.errors import BackendProtocolError
from scoring.inference.event_stream import LONGEST_LINE_BYTES, EventStream

STREAM = (
    b': ping\r\n\r\ndata: {"a": 1}\r\n\r\nevent: message\nid: 7\ndata: two\ndata:lines\n\ndata: [DONE]\n\n'
)
EVENTS = [b'{"a": 1}', b"two\nlines", b"[DONE]"]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_any_cutting_of_the_stream_gives_the_same_events(cuts: list[int]) -> None:
    stream, edges = EventStream(), [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in pairwise(edges)]
    assert [event for piece in pieces for event in stream.feed(piece)] == EVENTS


def test_an_event_without_its_end_is_no_event() -> None:
    assert EventStream().feed(b"data: half\n") == []


@pytest.mark.parametrize(
    "other", [b"<html>\n", b'{"error": "no"}\n', b"error: {}\n", b"datos: 1\n", b"\x00\xff\n"]
)
def test_what_is_no_event_stream_is_an_error(other: bytes) -> None:
    with pytest.raises(BackendProtocolError):
        EventStream().feed(other)


def test_a_line_without_end_is_given_up() -> None:
    stream = EventStream()
    stream.feed(b"x" * LONGEST_LINE_BYTES)
    with pytest.raises(BackendProtocolError):
        stream.feed(b"x")
