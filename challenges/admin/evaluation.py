"""How submissions are judged: evaluations, runs, calls and measurements, as the workers wrote them.

An evaluation that has not ended can be cancelled, with a reason; its history keeps who did it and why.
"""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from challenges import cancelling, transitions
from challenges.admin import states
from challenges.admin.readonly import HiddenWhileFrozen, ReadOnlyAdmin, ReadOnlyInline, without_hidden
from challenges.models import Call, Evaluation, Measurement, Person, Run, StateChange
from challenges.models.evaluation import FINAL


class CallInline(ReadOnlyInline):
    model = Call
    fields = [
        "index",
        "text",
        "finish_reason",
        "prompt_tokens",
        "completion_tokens",
        "duration_ms",
        "attempts",
    ]


class StateChangeInline(ReadOnlyInline):
    """The evaluation's history, the newest last. A freeze hides here what it hides in the list of all."""

    model = StateChange
    fields = ["number", "moment", "before", "after", "reason", "by", "who", "detail", "fence"]
    readonly_fields = ["moment"]
    ordering = ["number"]
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        freeze = "evaluation__submission__phase__freeze_at"
        rows = super().get_queryset(request)
        return without_hidden(rows, request, freeze=freeze, is_from_before=Q(at__lt=F(freeze)))

    @admin.display(description=_("cuándo"))
    def moment(self, change: StateChange) -> str:
        """To the second: a history of minutes would not say what came of what."""
        return timezone.localtime(change.at).strftime("%d/%m/%Y %H:%M:%S")


class CancelForm(forms.Form):
    """Why, and which: the evaluations that were shown when it was asked, and no others."""

    why = forms.CharField(
        label=_("Motivo"),
        max_length=transitions.LONGEST_DETAIL,
        help_text=_("Queda en el historial de cada evaluación, con tu cuenta. Su autor no lo ve."),
        widget=forms.TextInput(attrs={"class": "vTextField", "autofocus": True}),
    )
    # One field for all: a long selection would have more fields than the site takes.
    chosen = forms.CharField(widget=forms.HiddenInput)

    def clean_chosen(self) -> set[int]:
        written: str = self.cleaned_data["chosen"]
        return {int(pk) for pk in written.split(",") if pk.isdecimal()}


@admin.register(Evaluation)
class EvaluationAdmin(ReadOnlyAdmin):
    actions = ["cancel"]
    change_list_template = "admin/challenges/evaluation/change_list.html"
    inlines = [StateChangeInline]
    list_display = [
        "id",
        "submission",
        "person",
        "phase",
        "state",
        "failures",
        "worker",
        "created_at",
        "finished_at",
    ]
    list_select_related = ["submission__participation__person", "submission__phase__challenge"]
    list_filter = ["state", "submission__phase", "fault_code", "model"]
    search_fields = ["submission__id", "submission__participation__person__email", "worker", "fault_code"]
    date_hierarchy = "created_at"

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("challenges.change_evaluation")

    @admin.action(description=_("Cancelar"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, evaluations: QuerySet[Evaluation]) -> HttpResponse | None:
        """Ask for the reason first, then cancel what has not ended by then."""
        is_confirmed = "confirm" in request.POST
        form = CancelForm(request.POST) if is_confirmed else None
        if form is not None and form.is_valid():
            self._cancel(request, evaluations, form.cleaned_data["chosen"], form.cleaned_data["why"])
            return None
        unfinished = list(evaluations.exclude(state__in=FINAL).order_by("pk").values_list("pk", flat=True))
        if not unfinished:
            self.message_user(
                request, _("Todas han terminado ya: no hay nada que cancelar."), messages.WARNING
            )
            return None
        chosen = ",".join(map(str, unfinished))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Cancelar evaluaciones"),
            "unfinished": unfinished,
            "over": evaluations.filter(state__in=FINAL).count(),
            "form": form or CancelForm(initial={"chosen": chosen}),
        }
        return TemplateResponse(request, "admin/challenges/evaluation/cancel.html", context)

    def _cancel(
        self, request: HttpRequest, evaluations: QuerySet[Evaluation], chosen: set[int], why: str
    ) -> None:
        person = cast(Person, request.user)
        asked = [each for each in evaluations.order_by("pk").iterator() if each.pk in chosen]
        done = sum(cancelling.cancel(each, person=person, why=why) for each in asked)
        told = ngettext("%(count)d evaluación cancelada.", "%(count)d evaluaciones canceladas.", done)
        self.message_user(request, told % {"count": done}, messages.SUCCESS)
        if late := len(chosen) - done:
            told = ngettext(
                "%(count)d terminó antes y se queda como está.",
                "%(count)d terminaron antes y se quedan como están.",
                late,
            )
            self.message_user(request, told % {"count": late}, messages.WARNING)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.states)
        return [path("estados/", view, name="challenges_evaluation_states"), *super().get_urls()]

    def states(self, request: HttpRequest) -> HttpResponse:
        """The table of transitions as a picture, with how many are in each state now."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            **states.context(),
            "opts": self.opts,
            "title": _("Estados"),
        }
        return TemplateResponse(request, "admin/challenges/evaluation/states.html", context)

    @admin.display(description=_("persona"))
    def person(self, evaluation: Evaluation) -> str:
        return str(evaluation.submission.participation.person)

    @admin.display(description=_("fase"))
    def phase(self, evaluation: Evaluation) -> str:
        return str(evaluation.submission.phase)


@admin.register(Run)
class RunAdmin(HiddenWhileFrozen):
    phase_path = "evaluation__submission__phase"
    moment_path = "finished_at"

    list_display = ["id", "evaluation", "case", "repetition", "grade", "finished_at"]
    list_select_related = ["evaluation", "case"]
    list_filter = ["evaluation__submission__phase", "case__group"]
    search_fields = ["evaluation__submission__id", "case__key"]
    date_hierarchy = "finished_at"
    inlines = [CallInline]


@admin.register(Call)
class CallAdmin(HiddenWhileFrozen):
    phase_path = "run__evaluation__submission__phase"
    moment_path = "created_at"

    list_display = [
        "id",
        "run",
        "model",
        "prompt_tokens",
        "completion_tokens",
        "duration_ms",
        "attempts",
        "created_at",
    ]
    list_select_related = ["run"]
    list_filter = ["model", "finish_reason", "run__evaluation__submission__phase"]
    search_fields = ["run__evaluation__submission__id", "run__case__key"]
    date_hierarchy = "created_at"


@admin.register(Measurement)
class MeasurementAdmin(HiddenWhileFrozen):
    phase_path = "evaluation__submission__phase"
    moment_path = "created_at"

    list_display = [
        "id",
        "evaluation",
        "repetition",
        "is_ranked",
        "energy_mj",
        "witness_mj",
        "evidence_grade",
        "source",
        "created_at",
    ]
    list_select_related = ["evaluation"]
    list_filter = ["evidence_grade", "is_ranked", "source", "evaluation__submission__phase"]
    search_fields = ["evaluation__submission__id", "source"]
    date_hierarchy = "created_at"
