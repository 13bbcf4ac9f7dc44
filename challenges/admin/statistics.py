"""A phase's figures for its organizers: what its suite can tell apart, and what each of its cases did.

``PhaseAdmin`` hangs them on its own page. Cases are private: their statistics ask for the permission to see
them, and while a board is frozen only judges learn of what was scored since.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.db.models import F, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from challenges import case_statistics, dispatch, suite_power
from challenges.admin.readonly import RowAdmin, without_hidden
from challenges.case_statistics import CaseRow, CaseStatistics, GroupRow, Order
from challenges.models import Phase
from challenges.suite_power import BoardPower, SuitePower

ONE_DECIMAL, THREE_DECIMALS = Decimal("0.1"), Decimal("0.001")
MINUS = "\N{MINUS SIGN}"
# The lowest discrimination first: those are the cases that deserve a look.
FIRST_ORDER: Order = "discriminacion"
COLUMNS: tuple[tuple[Order, Promise], ...] = (
    ("caso", _("Caso")),
    ("grupo", _("Grupo")),
    ("orden", _("Orden")),
    ("peso", _("Peso")),
    ("dificultad", _("Dificultad")),
    ("discriminacion", _("Discriminación")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column by which the table can be sorted; ``sorted`` is what ``aria-sort`` says of it."""

    title: str
    query: str
    sorted: str


class PhaseStatisticsPages(RowAdmin):
    """The pages of this module, for the admin of phases."""

    change_form_template = "admin/challenges/phase/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/casos/", view(self.cases), name="challenges_phase_cases"),
            path("<int:pk>/casos.csv", view(self.cases_file), name="challenges_phase_cases_file"),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        phase: Phase | None = kwargs.get("obj")
        if phase is not None and phase.pk:
            context |= {
                "may_see_cases": self._may_see_cases(request, phase),
                "power": _told_power(request, Phase.objects.select_related("ranked_suite").get(pk=phase.pk)),
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def cases(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The table, sorted by a column of ``COLUMNS``; a minus before its name turns it round."""
        phase = self._phase(request, pk)
        order, is_falling = _asked(request)
        before = _known_until(request, phase)
        found = case_statistics.of_phase(phase, before=before)
        rows = case_statistics.in_order(found.cases, order, is_falling=is_falling)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Estadísticas de los casos"),
            "row": phase,
            "before": before,
            "found": found,
            "columns": list(_columns(order, is_falling)),
            "cases": [_told_case(each) for each in rows],
            "groups": [_told_group(each, found) for each in found.groups],
        }
        return TemplateResponse(request, "admin/challenges/phase/cases.html", context)

    def cases_file(self, request: HttpRequest, pk: int) -> HttpResponse:
        """All of the table with all its decimals, in the suite's order."""
        phase = self._phase(request, pk)
        found = case_statistics.of_phase(phase, before=_known_until(request, phase))
        name = f"casos-{phase.challenge.slug}-{phase.slug}.csv"
        return HttpResponse(
            case_statistics.as_csv(found.cases),
            content_type="text/csv; charset=utf-8; header=present",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def _may_see_cases(self, request: HttpRequest, phase: Phase) -> bool:
        return self.has_view_permission(request, phase) and request.user.has_perm("challenges.view_case")

    def _phase(self, request: HttpRequest, pk: int) -> Phase:
        # Before the row is looked for: who may not see cases does not learn which phases there are.
        if not (self.has_view_permission(request) and request.user.has_perm("challenges.view_case")):
            raise PermissionDenied
        phase = Phase.objects.select_related("challenge", "ranked_suite").filter(pk=pk).first()
        if phase is None:
            raise Http404
        return phase


def _known_until(request: HttpRequest, phase: Phase) -> datetime | None:
    """The freeze, for whoever is kept from what came after it; None for all that there is."""
    if request.user.has_perm("challenges.export_ranking") or not phase.is_frozen(dispatch.now()):
        return None
    return phase.freeze_at


def _asked(request: HttpRequest) -> tuple[Order, bool]:
    """The order in the address, and whether it is turned round; the first order for any that is none."""
    asked = request.GET.get("por", FIRST_ORDER)
    known: dict[str, Order] = {order: order for order in case_statistics.ORDERS}
    order = known.get(asked.removeprefix("-"))
    return (order, asked.startswith("-")) if order else (FIRST_ORDER, False)


def _columns(order: Order, is_falling: bool) -> Iterator[Column]:
    for name, title in COLUMNS:
        is_this = name == order
        turned = f"-{name}" if is_this and not is_falling else name
        yield Column(
            title=str(title),
            query=urlencode({"por": turned}),
            sorted=("descending" if is_falling else "ascending") if is_this else "none",
        )


# --- as people read it --------------------------------------------------------------------------------------


def _told_case(row: CaseRow) -> dict[str, Any]:
    return {
        "row": row,
        "difficulty": _share(row.found.difficulty),
        "discrimination": "—" if row.found.discrimination is None else _signed(row.found.discrimination),
        "is_negative": row.found.is_negative,
        "is_always_right": row.found.is_always_right,
        "is_always_wrong": row.found.is_always_wrong,
    }


def _told_group(row: GroupRow, found: CaseStatistics) -> dict[str, Any]:
    percent = Decimal(100 * row.weight) / sum(each.weight for each in found.groups)
    return {
        "row": row,
        "weight_percent": number_format(percent.quantize(ONE_DECIMAL, rounding=ROUND_HALF_EVEN)),
        "difficulty": _share(row.difficulty),
    }


def _share(share: Decimal) -> str:
    return number_format(share.quantize(THREE_DECIMALS, rounding=ROUND_HALF_EVEN))


def _signed(figure: Decimal) -> str:
    """With three decimals. One that is negative says so however small it is."""
    return f"{MINUS}{_share(abs(figure))}" if figure < 0 else _share(figure)


def _told_power(request: HttpRequest, phase: Phase) -> dict[str, Any] | None:
    """What the suite can tell apart, in words; None for a suite without cases."""
    places = without_hidden(
        suite_power.places_on(phase.ranked_suite),
        request,
        freeze="phase__freeze_at",
        is_from_before=Q(score__created_at__lt=F("phase__freeze_at")),
    )
    power = suite_power.of_phase(phase, places)
    if power is None:
        return None
    return {
        "found": power,
        "effective_cases": number_format(power.effective_cases.quantize(ONE_DECIMAL, rounding=ROUND_FLOOR)),
        "least": _least(power.of_two.best_known),
        "can_change": dispatch.now() < phase.opens_at,
        "boards": [_told_board(each, power) for each in power.boards],
    }


def _told_board(board: BoardPower, power: SuitePower) -> dict[str, Any]:
    return {
        "rows": number_format(board.rows, force_grouping=True),
        "worst": _least(board.worst),
        "measured": _least(board.measured) if power.baselines else "",
        "cases_needed": [
            "—" if each is None else number_format(each, force_grouping=True) for each in board.cases_needed
        ],
    }


def _least(difference: Decimal | None) -> str:
    """Rounded up: nobody is promised that less would be found."""
    if difference is None:
        return str(_("ninguna"))
    return number_format(difference.quantize(THREE_DECIMALS, rounding=ROUND_CEILING))
