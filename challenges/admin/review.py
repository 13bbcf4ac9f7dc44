"""Scores that are held for an organizer's eye: what speaks for each, and the form that decides.

Rows are only looked at; a decision is a row of its own, which ``reviewing.decide`` writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from challenges import energy_words, merit, reviewing
from challenges.admin.integrity import IntegrityPages
from challenges.admin.readonly import HiddenWhileFrozen, ReadOnlyInline
from challenges.models import Person, Review, ReviewDecision, Verdict
from challenges.reviewing import DecisionRefused

# What a refused decision is called; ``reviewing`` knows only its code.
REFUSED: Mapping[str, str | Promise] = {
    "not_allowed": _("Tu cuenta no puede decidir sobre puntuaciones apartadas."),
    "own_score": _("Es tu propia puntuación: tiene que decidir otra persona."),
    "reason_missing": _("Escribe el motivo: quien hizo el envío lo lee."),
    "reason_too_long": _("El motivo es demasiado largo: 300 caracteres como máximo."),
}
WAITING = "waiting"


class DecideForm(forms.Form):
    """What, and why. An empty reason is the use case's to refuse: it would pass as one of white space."""

    verdict = forms.ChoiceField(label=_("Decisión"), choices=Verdict.choices, widget=forms.RadioSelect)
    reason = forms.CharField(
        label=_("Motivo"),
        required=False,
        help_text=_("Lo lee quien hizo el envío, y va en la clasificación que descarga el jurado."),
        widget=forms.Textarea(
            attrs={
                "class": "vLargeTextField",
                "rows": 3,
                "maxlength": reviewing.LONGEST_REASON,
                "required": True,
            }
        ),
    )


class VerdictFilter(admin.SimpleListFilter):
    title = _("decisión")
    parameter_name = "decision"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(verdict or WAITING, words) for verdict, words in reviewing.STATUS_WORDS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if (chosen := self.value()) is None:
            return queryset
        return queryset.filter(verdict=merit.NOBODY_YET if chosen == WAITING else chosen)


class DecisionInline(ReadOnlyInline):
    """All that was decided, the last one last: it is the one that holds."""

    model = ReviewDecision
    fields = ["moment", "verdict", "person", "reason"]
    readonly_fields = ["moment"]
    ordering = ["pk"]
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("person")

    @admin.display(description=_("cuándo"))
    def moment(self, decision: ReviewDecision) -> str:
        return timezone.localtime(decision.decided_at).strftime("%d/%m/%Y %H:%M:%S")


@admin.register(Review)
class ReviewAdmin(IntegrityPages):
    """Those that wait come first. After a freeze only judges see what was scored since."""

    phase_path = "score__phase"
    moment_path = "score__created_at"
    change_form_template = "admin/challenges/review/change_form.html"
    change_list_template = "admin/challenges/review/change_list.html"
    inlines = [DecisionInline]

    list_display = ["score_value", "status", "phase", "participation", "energy_mj", "why", "created_at"]
    list_select_related = [
        "score__phase__challenge",
        "score__participation__person",
        "score__participation__challenge",
    ]
    list_filter = [VerdictFilter, "score__phase"]
    search_fields = [
        "score__participation__person__email",
        "score__participation__person__board_name",
        "score__evaluation__submission__id",
    ]
    fields = [
        "status",
        "phase",
        "participation",
        "submission",
        "score_value",
        "energy_mj",
        "why",
        "created_at",
    ]
    date_hierarchy = "created_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # What waits has no verdict, which comes before any.
        rows = super().get_queryset(request)
        ordered: QuerySet[Any] = rows.annotate(verdict=merit.last_verdict()).order_by("verdict", "-pk")
        return ordered

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return reviewing.may_decide(cast(Person, request.user))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.decide)
        return [
            path("<int:pk>/decidir/", view, name="challenges_review_decide"),
            *self.integrity_urls(),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        review = self.get_object(request, object_id)
        shown: dict[str, Any] = {"may_decide": self.has_decide_permission(request)}
        if review is not None and self.has_view_permission(request):
            shown |= {"evidence": reviewing.evidence(review.score), "score": review.score}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def decide(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What speaks for the score with the form below; a POST decides."""
        if not (self.has_view_permission(request) and self.has_decide_permission(request)):
            raise PermissionDenied
        review = self.get_object(request, str(pk))
        if review is None:
            raise Http404
        form = DecideForm(request.POST) if request.method == "POST" else DecideForm()
        if form.is_bound and form.is_valid() and self._decides(request, review, form):
            return HttpResponseRedirect(reverse("admin:challenges_review_change", args=[review.pk]))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Decidir si la puntuación cuenta"),
            "review": review,
            "score": review.score,
            "status": self.status(review),
            "why": energy_words.of_flags(review.flags),
            "evidence": reviewing.evidence(review.score),
            "decisions": review.decisions.select_related("person").order_by("pk"),
            "form": form,
        }
        return TemplateResponse(request, "admin/challenges/review/decide.html", context)

    def _decides(self, request: HttpRequest, review: Review, form: DecideForm) -> bool:
        verdict, reason = Verdict(form.cleaned_data["verdict"]), form.cleaned_data["reason"]
        try:
            decision = reviewing.decide(review, verdict, cast(Person, request.user), reason)
        except DecisionRefused as refused:
            form.add_error(
                "reason" if refused.code.startswith("reason") else None, str(REFUSED[refused.code])
            )
            return False
        told = _("Decidido: %(verdict)s. La clasificación ya está al día.")
        words = {"verdict": decision.get_verdict_display()}
        self.log_change(request, review, f"{decision.get_verdict_display()}: {decision.reason}")
        self.message_user(request, told % words, messages.SUCCESS)
        return True

    @admin.display(description=_("puntuación"), ordering="score__value")
    def score_value(self, review: Review) -> str:
        return str(review.score)

    @admin.display(description=_("decisión"), ordering="verdict")
    def status(self, review: Any) -> str:
        return str(reviewing.STATUS_WORDS[review.verdict])

    @admin.display(description=_("fase"), ordering="score__phase")
    def phase(self, review: Review) -> str:
        return str(review.score.phase)

    @admin.display(description=_("participación"), ordering="score__participation")
    def participation(self, review: Review) -> str:
        return str(review.score.participation)

    @admin.display(description=_("envío"))
    def submission(self, review: Review) -> str:
        return str(review.score.evaluation.submission_id)

    @admin.display(description=_("energía (mJ)"), ordering="score__energy_mj")
    def energy_mj(self, review: Review) -> int:
        return review.score.energy_mj

    @admin.display(description=_("por qué se apartó"))
    def why(self, review: Review) -> SafeString:
        words = energy_words.of_flags(review.flags)
        return format_html_join("", "<div>{}</div>", ((each,) for each in words))


@admin.register(ReviewDecision)
class ReviewDecisionAdmin(HiddenWhileFrozen):
    phase_path = "review__score__phase"
    moment_path = "review__score__created_at"

    list_display = ["decided_at", "review", "verdict", "person", "reason"]
    list_select_related = ["review", "person"]
    list_filter = ["verdict", "review__score__phase"]
    search_fields = ["reason", "person__email", "review__score__evaluation__submission__id"]
    date_hierarchy = "decided_at"
