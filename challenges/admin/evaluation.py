"""How submissions are judged: evaluations, runs, calls and measurements, as the workers wrote them."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from challenges.admin.readonly import HiddenWhileFrozen, ReadOnlyAdmin, ReadOnlyInline
from challenges.models import Call, Evaluation, Measurement, Run


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


@admin.register(Evaluation)
class EvaluationAdmin(ReadOnlyAdmin):
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
