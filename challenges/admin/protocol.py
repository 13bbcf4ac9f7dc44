"""Beside the measured evaluations: the reference workload's runs with their drift, and who has a device.

An organizer looks at a day's drift as a plot, and may choose the run that its others are held against.
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from challenges import drift
from challenges.admin.readonly import ReadOnlyAdmin
from challenges.models import DeviceLease, Person, ReferenceBaseline, ReferenceRun
from scoring.energy.drift import energy_of_a_pass

LONGEST_REASON = 300
MINUS = "\N{MINUS SIGN}"


class BaselineForm(forms.Form):
    reason = forms.CharField(
        label=_("Motivo"),
        max_length=LONGEST_REASON,
        help_text=_("Queda guardado con tu cuenta. Lo medido antes de elegirla se queda como está."),
        widget=forms.TextInput(attrs={"class": "vTextField", "autofocus": True}),
    )


@admin.register(ReferenceRun)
class ReferenceRunAdmin(ReadOnlyAdmin):
    actions = ["use_as_baseline"]
    change_list_template = "admin/challenges/referencerun/change_list.html"
    list_display = [
        "created_at",
        "device",
        "place",
        "evaluation",
        "series",
        "energy_of_a_pass",
        "drifted",
        "idle",
        "workload",
        "flags",
    ]
    list_select_related = ["evaluation"]
    list_filter = ["place", "device", "workload"]
    search_fields = ["evaluation__submission__id", "device"]
    date_hierarchy = "created_at"
    ordering = ["-created_at", "-pk"]

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """With each row's drift beside it: asked for all rows at once, and not one by one."""
        changes = super().get_changelist_instance(request)
        for each in drift.as_it_was(changes.result_list):
            # Beside the row's own fields: Django hands these very objects to ``drifted``.
            vars(each.run)["drift"] = each
        return changes

    @admin.display(description=_("por pasada (mJ)"))
    def energy_of_a_pass(self, run: ReferenceRun) -> str:
        return number_format(round(energy_of_a_pass(run)), force_grouping=True)

    @admin.display(description=_("respecto a la base"))
    def drifted(self, run: ReferenceRun) -> str:
        found: drift.Drift | None = getattr(run, "drift", None)
        if found is None:
            (found,) = drift.as_it_was([run])
        return str(_("es la base")) if found.is_baseline else _percent(found.percent)

    @admin.display(description=_("reposo (W)"))
    def idle(self, run: ReferenceRun) -> str | None:
        idle_mw = drift.idle_mw(run)
        return None if idle_mw is None else number_format(idle_mw / 1000, decimal_pos=1)

    def has_baseline_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("challenges.add_referencebaseline")

    @admin.action(description=_("Usar como base del día"), permissions=["baseline"])
    def use_as_baseline(self, request: HttpRequest, runs: QuerySet[ReferenceRun]) -> HttpResponse | None:
        """Ask for the reason first. One run and no more: a day has one base."""
        chosen = list(runs[:2])
        if len(chosen) != 1:
            self.message_user(request, _("Elige una sola medida: será la base de su día."), messages.WARNING)
            return None
        (run,) = chosen
        form = BaselineForm(request.POST if "confirm" in request.POST else None)
        if form.is_valid():
            person, reason = cast(Person, request.user), form.cleaned_data["reason"]
            drift.choose_baseline(run, person=person, reason=reason)
            self.message_user(request, _("Base del día elegida."), messages.SUCCESS)
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Usar como base del día"),
            "run": run,
            "form": form,
        }
        return TemplateResponse(request, "admin/challenges/referencerun/baseline.html", context)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.plot)
        return [path("deriva/", view, name="challenges_referencerun_drift"), *super().get_urls()]

    def plot(self, request: HttpRequest) -> HttpResponse:
        """A day of a device: each run's drift from the day's base, drawn and in a table."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        days = drift.days()
        shown = _chosen(request, days)
        runs = drift.of_day(shown.date, shown.device) if shown else []
        tolerance = Fraction(settings.REFERENCE_TOLERANCE_PERCENT)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Deriva de la carga de referencia"),
            "days": days,
            "shown": shown,
            "tolerance": number_format(float(tolerance), decimal_pos=2),
            # As a script reads a number, whatever the page's language.
            "tolerance_number": f"{float(tolerance):.6f}",
            "rows": [_row(each, tolerance) for each in runs],
        }
        return TemplateResponse(request, "admin/challenges/referencerun/drift.html", context)


@admin.register(ReferenceBaseline)
class ReferenceBaselineAdmin(ReadOnlyAdmin):
    list_display = ["chosen_at", "run", "person", "reason"]
    list_select_related = ["run", "person"]
    search_fields = ["reason", "person__email"]
    date_hierarchy = "chosen_at"


@admin.register(DeviceLease)
class DeviceLeaseAdmin(ReadOnlyAdmin):
    list_display = ["device", "holder", "since", "lease_until"]
    search_fields = ["device", "holder"]


def _chosen(request: HttpRequest, days: list[drift.Day]) -> drift.Day | None:
    """The day and device asked for, else the last that was measured. Any other answer is an empty day."""
    newest = days[0] if days else None
    try:
        asked = date.fromisoformat(request.GET.get("dia", ""))
    except ValueError:
        return newest
    device = request.GET.get("dispositivo", "") or (newest.device if newest else "")
    known = (day for day in days if (day.date, day.device) == (asked, device))
    return next(known, drift.Day(date=asked, device=device, runs=0))


def _row(each: drift.Drift, tolerance: Fraction) -> dict[str, Any]:
    run, percent = each.run, each.percent
    return {
        "run": run,
        "at": timezone.localtime(run.created_at, timezone.get_default_timezone()).strftime("%H:%M:%S"),
        "minutes": f"{_minutes(run):.3f}",
        "percent": _percent(percent),
        "number": "" if percent is None else f"{float(percent):.6f}",
        "pass_mj": number_format(each.pass_mj, force_grouping=True),
        "idle": "" if each.idle_mw is None else number_format(each.idle_mw / 1000, decimal_pos=1),
        "is_baseline": each.is_baseline,
        "is_beyond": percent is not None and abs(percent) > tolerance,
    }


def _minutes(run: ReferenceRun) -> float:
    """Since the day began, by the clock on the wall."""
    local = timezone.localtime(run.created_at, timezone.get_default_timezone())
    return local.hour * 60 + local.minute + local.second / 60


def _percent(percent: Fraction | None) -> str:
    """With its sign, and three decimals: what is beyond the tolerance must not read as if it were not."""
    if percent is None:
        return "—"
    thousandths = round(percent * 1000)
    sign = "+" if thousandths > 0 else MINUS if thousandths < 0 else ""
    return f"{sign}{number_format(abs(thousandths) / 1000, decimal_pos=3)} %"
