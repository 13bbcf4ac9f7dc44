"""The table of transitions as a picture for organizers, with how many evaluations are in each state now.

Every figure of the picture is an SVG attribute in whole pixels and every colour is a class's: the site's
policy lets no inline style through. What may follow what comes from ``state_map``; only the places of the
states are chosen here, so that a new arrow appears by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from challenges import state_map
from challenges.models import Evaluation, State
from challenges.state_map import Edge, Group

WIDTH, HEIGHT = 1110, 490


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle around a middle, in pixels."""

    x: int
    y: int
    half_width: int
    half_height: int

    @property
    def rectangle(self) -> dict[str, str]:
        """The attributes, as texts: a template would write numbers in its reader's way."""
        return {
            "x": str(self.x - self.half_width),
            "y": str(self.y - self.half_height),
            "width": str(2 * self.half_width),
            "height": str(2 * self.half_height),
        }

    def border_towards(self, x: float, y: float) -> tuple[float, float]:
        """Where the line from the middle to that point leaves the rectangle."""
        across, down = x - self.x, y - self.y
        reach = max(abs(across) / self.half_width, abs(down) / self.half_height) or 1.0
        return self.x + across / reach, self.y + down / reach


def _state(x: int, y: int) -> Box:
    return Box(x=x, y=y, half_width=74, half_height=27)


PLACES: Mapping[State | Group | None, Box] = {
    None: Box(x=14, y=130, half_width=7, half_height=7),
    State.PENDING: _state(135, 130),
    State.QUEUED: _state(310, 130),
    State.HELD: _state(310, 270),
    State.PREPARING: _state(500, 130),
    State.RUNNING: _state(675, 130),
    State.GRADING: _state(850, 130),
    State.CANCELLED: _state(310, 420),
    State.ERRORED: _state(500, 420),
    State.REJECTED: _state(675, 420),
    State.SCORED: _state(850, 420),
    State.SUPERSEDED: _state(1035, 420),
    Group.UNFINISHED: Box(x=489, y=188, half_width=450, half_height=150),
    Group.WAITING: Box(x=222, y=188, half_width=170, half_height=122),
    Group.ACTIVE: Box(x=675, y=118, half_width=257, half_height=52),
    Group.ENDED: Box(x=580, y=426, half_width=352, half_height=52),
}
TITLES: Mapping[Group, str | Promise] = {
    Group.UNFINISHED: _("sin terminar"),
    Group.WAITING: _("esperan"),
    Group.ACTIVE: _("las tiene un proceso"),
    Group.ENDED: _("terminadas"),
}
# How far an arrow bends to its left, in pixels, where a straight one would run through something.
BENDS: Mapping[tuple[State | Group | None, State], int] = {
    (State.PENDING, State.PREPARING): -70,
    (Group.ACTIVE, State.QUEUED): -45,
    (State.QUEUED, State.HELD): 14,
    (State.HELD, State.QUEUED): 14,
    (State.RUNNING, State.HELD): 35,
}


def context() -> dict[str, Any]:
    """What templates/admin/challenges/evaluation/states.html shows."""
    counted = Evaluation.objects.order_by().values_list("state").annotate(number=Count("pk"))
    numbers = dict(counted)
    return {
        "size": {"width": str(WIDTH), "height": str(HEIGHT)},
        "frames": [_frame(group) for group in Group],
        "arrows": [_arrow(edge) for edge in state_map.edges()],
        "start": {name: str(getattr(PLACES[None], name)) for name in ("x", "y")},
        "states": [_node(state, numbers.get(state.value, 0)) for state in State],
        "rows": [_row(row) for row in state_map.rows()],
    }


def _frame(group: Group) -> dict[str, Any]:
    box = PLACES[group]
    # Arrows come from above to those that have ended; into the others none comes that way.
    line = box.y + box.half_height - 8 if group == Group.ENDED else box.y - box.half_height + 16
    corner = {"x": str(box.x - box.half_width + 10), "y": str(line)}
    return {"rectangle": box.rectangle, "title": TITLES[group], "corner": corner}


def _node(state: State, number: int) -> dict[str, Any]:
    box = PLACES[state]
    return {
        "state": state,
        "label": state.label,
        "number": number,
        "url": f"{reverse('admin:challenges_evaluation_changelist')}?state__exact={state.value}",
        "rectangle": box.rectangle,
        "x": str(box.x),
        "label_y": str(box.y - 5),
        "number_y": str(box.y + 16),
    }


def _arrow(edge: Edge) -> dict[str, Any]:
    before, after = PLACES[edge.before], PLACES[edge.after]
    bend = BENDS.get((edge.before, edge.after), 0)
    across, down = after.x - before.x, after.y - before.y
    length = max((across**2 + down**2) ** 0.5, 1.0)
    # Through the middle of the line, and from there to its left as one looks along it.
    turn_x = (before.x + after.x) / 2 + down / length * bend * 2
    turn_y = (before.y + after.y) / 2 - across / length * bend * 2
    start, end = before.border_towards(turn_x, turn_y), after.border_towards(turn_x, turn_y)
    turn = (turn_x, turn_y) if bend else ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    return {"path": f"M {_point(start)} Q {_point(turn)} {_point(end)}", "why": _why(edge)}


def _point(point: tuple[float, float]) -> str:
    return f"{round(point[0])} {round(point[1])}"


def _why(edge: Edge) -> str:
    return "; ".join(f"{reason.label} ({by.label})" for by, reason in edge.causes)


def _row(row: state_map.Row) -> dict[str, Any]:
    return {
        "befores": ", ".join(str(before.label) if before else "—" for before in row.befores),
        "after": row.after.label,
        "by": row.by.label,
        "reasons": [reason.label for reason in row.reasons],
    }
