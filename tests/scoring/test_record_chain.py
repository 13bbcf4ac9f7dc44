"""Claims on the chain: who seals behind whom, and the first broken link named for what it is."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.record import sealed
from scoring.record.chain import EMPTY, Head, Sealed, seal, verify
from scoring.record.errors import ChainBroken, NotCanonical, RecordUnreadable
from scoring.record.sealed import NO_PREVIOUS, Chain
from tests.scoring.records import a_chain, a_record, a_sealed, a_window, the_runs

LINKS = a_chain(6)


def contents(links: list[Sealed]) -> list[bytes]:
    return [link.content for link in links]


def broken(links: list[Sealed], start: Head = EMPTY) -> ChainBroken:
    with pytest.raises(ChainBroken) as found:
        verify(contents(links), start)
    return found.value


# --- sealing -----------------------------------------------------------------------------------------------


def test_the_first_record_stands_behind_64_zeros_and_each_other_behind_the_one_before_it() -> None:
    assert LINKS[0].previous_sha256 == NO_PREVIOUS == "0" * 64
    assert [link.number for link in LINKS] == [1, 2, 3, 4, 5, 6]
    for earlier, later in pairwise(LINKS):
        assert later.previous_sha256 == earlier.sha256 == hashlib.sha256(earlier.content).hexdigest()
        assert sealed.read(later.content).chain.previous_sha256 == earlier.sha256


def test_the_same_record_behind_the_same_one_gives_the_same_bytes() -> None:
    assert a_sealed(a_record(number=3), LINKS[1].head) == LINKS[2]


def test_runs_and_windows_may_come_in_any_order() -> None:
    runs = (*the_runs(repetition=2), *the_runs())
    windows = (a_window(runs, repetition=2), a_window(runs))
    record = a_record(runs=runs, windows=windows)
    backwards = replace(record, runs=record.runs[::-1], windows=record.windows[::-1])
    assert seal(backwards) == seal(record)


def test_whatever_place_a_record_claims_it_gets_the_one_behind_the_head() -> None:
    record = a_record()
    liar = replace(record, chain=replace(record.chain, number=99, previous_sha256="f" * 64))
    assert seal(liar) == seal(record)


def test_a_value_that_no_record_can_hold_is_refused_with_its_path() -> None:
    record = a_record()
    with pytest.raises(NotCanonical) as fraction:
        seal(replace(record, rules=replace(record.rules, parameters={"lambda": 0.5})))  # type: ignore[dict-item]  # on purpose
    assert fraction.value.where == "rules.parameters.lambda"
    with pytest.raises(RecordUnreadable) as number:
        seal(replace(record, score=replace(record.score, quality="0.5")))
    assert number.value.where == "score.quality"


# --- the first broken link ---------------------------------------------------------------------------------


def test_a_whole_chain_has_the_last_record_for_its_head() -> None:
    assert verify(contents(LINKS)) == LINKS[-1].head == Head(number=6, sha256=LINKS[-1].sha256)
    assert verify([]) == EMPTY


def test_a_part_of_a_chain_holds_behind_the_link_before_it() -> None:
    assert verify(contents(LINKS[3:]), LINKS[2].head) == LINKS[-1].head
    assert broken(LINKS[3:], LINKS[1].head).number == 3


@given(at=st.integers(0, 4))
@settings(deadline=None)
def test_a_missing_record_is_named(at: int) -> None:
    found = broken(LINKS[:at] + LINKS[at + 1 :])
    assert (found.number, found.problem) == (at + 1, "missing")
    assert f"el número {at + 2}" in found.found


@given(at=st.integers(0, 5))
@settings(deadline=None)
def test_a_doubled_record_is_named(at: int) -> None:
    found = broken(LINKS[: at + 1] + LINKS[at:])
    assert (found.number, found.problem) == (at + 2, "doubled")


@given(order=st.permutations(range(6)))
@settings(deadline=None)
def test_records_in_another_order_are_named_where_the_order_first_fails(order: list[int]) -> None:
    links = [LINKS[place] for place in order]
    if links == LINKS:
        return
    found = broken(links)
    first = next(place for place, link in enumerate(links) if link is not LINKS[place])
    assert (found.number, found.problem) == (first + 1, "reordered")


def test_a_record_of_another_phase_is_named_with_both_phases() -> None:
    other = Chain(challenge="energia", phase="segunda", phase_id=2)
    found = broken([*LINKS[:2], seal(a_record(chain=other), LINKS[1].head)])
    assert (found.number, found.problem) == (3, "other-phase")
    assert "energia/primera (1)" in found.expected
    assert "energia/segunda (2)" in found.found


@given(at=st.integers(0, 4), where=st.integers(0), change=st.integers(1, 255))
@settings(deadline=None, max_examples=200)
def test_one_byte_changed_in_any_record_but_the_last_breaks_the_chain(
    at: int, where: int, change: int
) -> None:
    content = bytearray(LINKS[at].content)
    content[where % len(content)] ^= change
    with pytest.raises((ChainBroken, RecordUnreadable)):
        verify([*contents(LINKS[:at]), bytes(content), *contents(LINKS[at + 1 :])])


def test_whoever_seals_a_changed_record_again_breaks_the_next_link() -> None:
    richer = a_record(number=2, environment={"python": "3.12"})
    found = broken([LINKS[0], seal(richer, LINKS[0].head), *LINKS[2:]])
    assert (found.number, found.problem) == (3, "previous")
    assert LINKS[1].sha256 in found.found


def test_two_places_in_one_record_are_no_place() -> None:
    content = LINKS[0].content
    place = content[: content.index(b"}") + 1].removeprefix(b"{")
    with pytest.raises(RecordUnreadable, match="su lugar en la cadena"):
        sealed.place_of(content[:-1] + b"," + place + b"}")
