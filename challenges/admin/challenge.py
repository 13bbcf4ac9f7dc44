"""Challenges, phases, suites and cases. A suite is a version: it comes from a pack and is not edited here."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from challenges import dispatch, publishing
from challenges.admin.phase_form import PhaseForm
from challenges.admin.readonly import ReadOnlyAdmin, ReadOnlyInline, RowAdmin, shown_json
from challenges.admin.statistics import PhaseStatisticsPages
from challenges.models import Case, Challenge, Person, Phase, Suite, Visibility
from challenges.models.challenge import FIXED_ONCE_OPEN


class PhaseInline(ReadOnlyInline):
    model = Phase
    fields = ["title", "slug", "opens_at", "closes_at", "freeze_at", "policy"]


@admin.register(Challenge)
class ChallengeAdmin(RowAdmin):
    list_display = ["title", "slug", "language", "is_published", "phase_count", "created_at"]
    list_filter = ["is_published", "language"]
    search_fields = ["title", "slug", "summary"]
    date_hierarchy = "created_at"
    inlines = [PhaseInline]
    readonly_fields = ["created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Challenge]:
        rows: QuerySet[Challenge] = super().get_queryset(request)
        return rows.annotate(phases_in_it=Count("phases"))

    @admin.display(description=_("fases"), ordering="phases_in_it")
    def phase_count(self, challenge: Any) -> int:
        return int(challenge.phases_in_it)

    def get_readonly_fields(self, request: HttpRequest, obj: Challenge | None = None) -> list[str]:
        # Its address is in people's hands, and in submissions' files.
        return [*self.readonly_fields, *(["slug"] if obj else [])]


@admin.register(Phase)
class PhaseAdmin(PhaseStatisticsPages):
    form = PhaseForm
    list_display = ["title", "challenge", "opens_at", "closes_at", "freeze_at", "policy", "evidence_grade"]
    list_select_related = ["challenge"]
    list_filter = ["challenge", "policy", "evidence_grade"]
    search_fields = ["title", "slug", "challenge__title", "challenge__slug"]
    date_hierarchy = "opens_at"
    fieldsets = [
        (None, {"fields": ["challenge", "title", "slug"]}),
        (_("Reloj"), {"fields": ["opens_at", "closes_at", "freeze_at", "time_zone"]}),
        (_("Casos"), {"fields": ["ranked_suite", "feedback_suite"]}),
        (
            _("Puntuación"),
            {
                "fields": ["policy", "policy_parameters", "evidence_grade", "ties"],
                "description": _("Se publica antes de abrir; desde que la fase abre ya no se puede cambiar."),
            },
        ),
        (
            _("Intentos"),
            {
                "fields": [
                    "attempts_per_day",
                    "attempts_per_phase",
                    "running_per_participation",
                    "energy_purse_mj",
                ],
                "description": _("La bolsa de energía ya no se puede cambiar desde que la fase abre."),
            },
        ),
        (
            _("Límites de una propuesta"),
            {
                "fields": [
                    "kinds",
                    "max_characters",
                    "max_lines",
                    "max_output_tokens",
                    "max_examples",
                    "max_example_characters",
                    "max_calls_per_case",
                ]
            },
        ),
        (_("Ejecución"), {"fields": ["concurrency", "case_timeout_s"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Phase | None = None) -> tuple[str, ...]:
        return FIXED_ONCE_OPEN if obj is not None and dispatch.now() >= obj.opens_at else ()

    def has_delete_permission(self, request: HttpRequest, obj: Phase | None = None) -> bool:
        if obj is not None and dispatch.now() >= obj.opens_at:
            return False
        return super().has_delete_permission(request, obj)

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> forms.ModelChoiceField[Any] | None:
        if db_field.name in ("ranked_suite", "feedback_suite"):
            # Each option names its challenge: without this, one query an option.
            kwargs["queryset"] = Suite.objects.select_related("challenge").order_by("challenge", "-version")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(Suite)
class SuiteAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "challenge", "visibility", "version", "case_count", "created_at"]
    list_select_related = ["challenge"]
    list_filter = ["visibility", "challenge"]
    search_fields = ["challenge__title", "challenge__slug", "sha256"]
    date_hierarchy = "created_at"
    fields = ["challenge", "visibility", "version", "shown_slots", "case_count", "sha256", "created_at"]
    readonly_fields = ["shown_slots", "case_count"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Suite]:
        rows: QuerySet[Suite] = super().get_queryset(request)
        return rows.annotate(cases_in_it=Count("cases"))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        suite = self.get_object(request, object_id)
        is_private = suite is not None and suite.visibility == Visibility.PRIVATE
        may_publish = is_private and publishing.may_publish(cast(Person, request.user))
        context = {**(extra_context or {}), "may_publish": may_publish}
        return super().change_view(request, object_id, form_url, context)

    @admin.display(description=_("casos"), ordering="cases_in_it")
    def case_count(self, suite: Any) -> int:
        return int(suite.cases_in_it)

    @admin.display(description=_("huecos"))
    def shown_slots(self, suite: Suite) -> SafeString:
        return shown_json(suite.slots)


@admin.register(Case)
class CaseAdmin(ReadOnlyAdmin):
    """Contents are on a case's own page alone, behind the permission to view cases."""

    list_display = ["key", "suite", "group", "grader_name", "weight", "position"]
    list_select_related = ["suite__challenge"]
    list_filter = ["suite__visibility", "suite__challenge", "group"]
    search_fields = ["key", "group"]
    fields = [
        "suite",
        "key",
        "position",
        "group",
        "weight",
        "shown_inputs",
        "shown_expected",
        "shown_grader",
    ]
    readonly_fields = ["shown_inputs", "shown_expected", "shown_grader"]

    @admin.display(description=_("corrector"))
    def grader_name(self, case: Case) -> str:
        return str(case.grader.get("name", ""))

    @admin.display(description=_("entradas"))
    def shown_inputs(self, case: Case) -> SafeString:
        return shown_json(case.inputs)

    @admin.display(description=_("respuesta esperada"))
    def shown_expected(self, case: Case) -> SafeString:
        return shown_json(case.expected)

    @admin.display(description=_("corrector"))
    def shown_grader(self, case: Case) -> SafeString:
        return shown_json(case.grader)
