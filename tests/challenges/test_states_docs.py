"""docs/states.md is the table of transitions: made of it, whole, and nothing else."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import translation

from challenges import state_map, transitions
from challenges.models import Reason, State
from challenges.state_map import MEMBERS, Edge, Group

ROOT = Path(__file__).resolve().parents[2]


def _befores(edge: Edge) -> list[State | None]:
    return list(MEMBERS[edge.before]) if isinstance(edge.before, Group) else [edge.before]


def test_the_document_is_the_table() -> None:
    written = (ROOT / state_map.DOCUMENT).read_text()
    assert written == state_map.document(), f"the table has changed: run {state_map.COMMAND}"


def test_the_command_prints_the_document_whatever_the_readers_language() -> None:
    printed = io.StringIO()
    with translation.override("en"):
        call_command("show_states", stdout=printed)
    assert printed.getvalue() == state_map.document()


def test_edges_add_nothing_to_the_table_leave_nothing_out_and_say_nothing_twice() -> None:
    told = [
        (before, edge.after, by, reason)
        for edge in state_map.edges()
        for before in _befores(edge)
        for by, reason in edge.causes
    ]
    table = [
        (arrow.before, arrow.after, arrow.by, reason)
        for arrow in transitions.TABLE
        for reason in arrow.reasons
    ]
    assert len(told) == len(set(told))
    assert set(told) == set(table)


def test_rows_add_nothing_to_the_table_and_leave_nothing_out() -> None:
    told = {
        (before, row.after, row.by, reason)
        for row in state_map.rows()
        for before in row.befores
        for reason in row.reasons
    }
    table = {
        (arrow.before, arrow.after, arrow.by, reason)
        for arrow in transitions.TABLE
        for reason in arrow.reasons
    }
    assert told == table


@pytest.mark.parametrize("code", [*State.values, *Reason.values])
def test_every_state_and_reason_is_explained(code: str) -> None:
    assert f"| `{code}` |" in state_map.document()
