"""The table of transitions as people look at it: what holds for a whole group of states is told once.

docs/states.md is made of it (command ``show_states``), and so is the organizers' picture (``admin.states``).
It adds nothing to ``transitions.TABLE`` and leaves nothing of it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import override

from challenges.models import Actor, Reason, State
from challenges.models.evaluation import ACTIVE, FINAL, UNFINISHED, WAITING
from challenges.transitions import TABLE


class Group(StrEnum):
    """States for which the same may hold, the larger first; ``UNFINISHED`` contains the two after it."""

    UNFINISHED = "unfinished"
    WAITING = "waiting"
    ACTIVE = "active"
    ENDED = "finished"


MEMBERS: Mapping[Group, frozenset[State]] = {
    Group.UNFINISHED: frozenset(UNFINISHED),
    Group.WAITING: frozenset({*WAITING, State.HELD}),
    Group.ACTIVE: frozenset(ACTIVE),
    Group.ENDED: frozenset(FINAL) - {State.SUPERSEDED},
}
DOCUMENT = "docs/states.md"
COMMAND = f"python manage.py show_states > {DOCUMENT}"

Cause = tuple[Actor, Reason]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """From a state, or from every state of a group, to another; ``before`` None is the beginning."""

    before: State | Group | None
    after: State
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The arrows that differ only in where they begin."""

    befores: tuple[State | None, ...]
    after: State
    by: Actor
    reasons: tuple[Reason, ...]


def edges() -> list[Edge]:
    """Every cause of every arrow, once, in the order of the states."""
    found: list[Edge] = []
    for after in State:
        causes = _causes_into(after)
        for group, members in MEMBERS.items():
            common = set.intersection(*(causes.get(member, set()) for member in members))
            if common:
                found.append(Edge(before=group, after=after, causes=_in_order(common)))
                for member in members:
                    causes[member] -= common
        found += [
            Edge(before=before, after=after, causes=_in_order(left))
            for before, left in causes.items()
            if left
        ]
    return found


def rows() -> list[Row]:
    """The table with one row for what differs only in where it begins."""
    merged: dict[tuple[State, Actor, tuple[Reason, ...]], list[State | None]] = {}
    for arrow in TABLE:
        reasons = tuple(reason for reason in Reason if reason in arrow.reasons)
        merged.setdefault((arrow.after, arrow.by, reasons), []).append(arrow.before)
    return [
        Row(befores=tuple(befores), after=after, by=by, reasons=reasons)
        for (after, by, reasons), befores in merged.items()
    ]


def document() -> str:
    """The whole of docs/states.md."""
    with override("es"):
        parts = [_OPENING, _diagram(), _TABLE_OPENING, _table(), _WORDS_OPENING, _words()]
    return "\n".join(parts)


def _causes_into(after: State) -> dict[State | None, set[Cause]]:
    causes: dict[State | None, set[Cause]] = {}
    for arrow in TABLE:
        if arrow.after == after:
            causes.setdefault(arrow.before, set()).update((arrow.by, reason) for reason in arrow.reasons)
    return causes


def _in_order(causes: Iterable[Cause]) -> tuple[Cause, ...]:
    order = [(by, reason) for by in Actor for reason in Reason]
    return tuple(sorted(causes, key=order.index))


# --- docs/states.md ---------------------------------------------------------------------------------------

_OPENING = f"""\
# The states of an evaluation

Every change of state is one arrow of `TABLE` in `challenges/transitions.py`, taken by `transitions.move`,
which appends a `StateChange` row in the same transaction: that is the history that contestants see on a
submission's page and organizers on an evaluation's. This page is made of that table. Do not edit it; after a
change of the table run

```sh
{COMMAND}
```

An arrow out of a frame holds for every state inside it. In the organizers' pages the same picture, with how
many evaluations are in each state now, is at `/gestion/challenges/evaluation/estados/`.
"""
_TABLE_OPENING = """
## Who may take it where, and why
"""
_WORDS_OPENING = """
## What people read

The codes are what rows hold; on pages they are these words.
"""


def _diagram() -> str:
    ended = MEMBERS[Group.ENDED]
    lines = [
        "```mermaid",
        "flowchart LR",
        '    beginning(("·"))',
        f'    subgraph {Group.UNFINISHED}["not ended"]',
        *_frame(Group.WAITING, "waits"),
        *_frame(Group.ACTIVE, "a worker has it"),
        "    end",
        f'    subgraph {Group.ENDED}["ended"]',
        *(f"        {state}" for state in State if state in ended),
        "    end",
        f"    {State.SUPERSEDED}",
        *(f'    {edge.before or "beginning"} -->|"{_label(edge)}"| {edge.after}' for edge in edges()),
        "```",
    ]
    return "\n".join(lines)


def _frame(group: Group, title: str) -> list[str]:
    inside = [f"            {state}" for state in State if state in MEMBERS[group]]
    return [f'        subgraph {group}["{title}"]', *inside, "        end"]


def _label(edge: Edge) -> str:
    return "<br>".join(dict.fromkeys(reason.value for _by, reason in edge.causes))


def _table() -> str:
    lines = ["| from | to | by | reasons |", "|---|---|---|---|"]
    for row in rows():
        befores = ", ".join(f"`{before}`" if before else "(stored)" for before in row.befores)
        reasons = ", ".join(f"`{reason}`" for reason in row.reasons)
        lines.append(f"| {befores} | `{row.after}` | {row.by} | {reasons} |")
    return "\n".join(lines)


def _words() -> str:
    lines = ["| code | words |", "|---|---|"]
    lines += [f"| `{each.value}` | {each.label} |" for kind in (State, Reason, Actor) for each in kind]
    return "\n".join(lines) + "\n"
