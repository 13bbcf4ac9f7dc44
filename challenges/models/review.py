"""Scores whose energy stands out: they wait for an organizer's eye before they count on the board.

``reviewing`` writes these rows. The score itself never changes; each decision is a row of its own, and the
last one holds.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from challenges.models.immutable import AppendOnlyModel
from challenges.models.standing import Score


class Verdict(models.TextChoices):
    ACCEPTED = "accepted", _("cuenta")
    REJECTED = "rejected", _("no cuenta")


class Review(AppendOnlyModel):
    """A score that is held, and the flags (``scoring.energy.flags.FOR_REVIEW``, sorted) that say why."""

    score = models.OneToOneField(
        Score, on_delete=models.PROTECT, related_name="review", verbose_name=_("puntuación")
    )
    flags: models.JSONField[list[str], list[str]] = models.JSONField(_("avisos"))
    created_at = models.DateTimeField(_("apartada el"), db_default=Now())

    class Meta:
        verbose_name = _("revisión")
        verbose_name_plural = _("revisiones")

    def __str__(self) -> str:
        return f"{self.score_id}: {', '.join(self.flags)}"


class ReviewDecision(AppendOnlyModel):
    """What an organizer decided about a held score, and why; the author reads the reason."""

    review = models.ForeignKey(
        Review, on_delete=models.PROTECT, related_name="decisions", verbose_name=_("revisión")
    )
    verdict = models.CharField(_("decisión"), max_length=8, choices=Verdict.choices)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("persona")
    )
    reason = models.CharField(_("motivo"), max_length=300)
    decided_at = models.DateTimeField(_("decidida el"), db_default=Now())

    class Meta:
        verbose_name = _("decisión de una revisión")
        verbose_name_plural = _("decisiones de revisiones")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(verdict__in=Verdict.values), name="review_decision_verdict_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.review_id}: {self.verdict}"
