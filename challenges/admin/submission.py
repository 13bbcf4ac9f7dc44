"""What was handed in. Contestants' prompts are theirs: they are shown one at a time, never in a list."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from challenges.admin.readonly import ReadOnlyAdmin, ReadOnlyInline, shown_json
from challenges.models import Evaluation, State, Submission


class EvaluationInline(ReadOnlyInline):
    model = Evaluation
    fields = ["state", "failures", "created_at", "started_at", "finished_at", "fault_code"]


@admin.register(Submission)
class SubmissionAdmin(ReadOnlyAdmin):
    list_display = ["id", "person", "phase", "kind", "state", "created_at"]
    list_select_related = ["participation__person", "phase__challenge"]
    list_filter = ["evaluations__state", "phase__challenge", "phase", "kind"]
    search_fields = [
        "id",
        "content_sha256",
        "participation__person__email",
        "participation__person__board_name",
    ]
    date_hierarchy = "created_at"
    inlines = [EvaluationInline]
    fields = [
        "id",
        "participation",
        "phase",
        "kind",
        "shown_content",
        "content_sha256",
        "idempotency_key",
        "created_at",
    ]
    readonly_fields = ["id", "shown_content"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Submission]:
        in_force = Evaluation.objects.exclude(state=State.SUPERSEDED)
        return (
            super()
            .get_queryset(request)
            .select_related(*self.list_select_related)
            .prefetch_related(Prefetch("evaluations", queryset=in_force, to_attr="in_force"))
        )

    @admin.display(description=_("persona"), ordering="participation__person__email")
    def person(self, submission: Submission) -> str:
        return str(submission.participation.person)

    @admin.display(description=_("estado"))
    def state(self, submission: Any) -> str:
        return ", ".join(evaluation.get_state_display() for evaluation in submission.in_force)

    @admin.display(description=_("contenido"))
    def shown_content(self, submission: Submission) -> SafeString:
        return shown_json(submission.content)
