"""Scores, and the board that is derived from them."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from challenges.models.challenge import Phase
from challenges.models.evaluation import Evaluation
from challenges.models.immutable import AppendOnlyModel
from challenges.models.people import Participation
from scoring.values import EvidenceGrade


class Score(AppendOnlyModel):
    """What an evaluation was worth, with all that is needed to compute it again.

    ``case_grades`` are the grades of its cases in millionths, in the suite's order, and ``repetitions_mj``
    the energies that its own is the median of: what a board needs of it to tell chance from difference. Both
    are in the runs and windows too, and None in a score from before they were kept here.
    """

    evaluation = models.OneToOneField(
        Evaluation, on_delete=models.PROTECT, related_name="score", verbose_name=_("evaluación")
    )
    phase = models.ForeignKey(Phase, on_delete=models.PROTECT, related_name="scores", verbose_name=_("fase"))
    participation = models.ForeignKey(
        Participation, on_delete=models.PROTECT, related_name="scores", verbose_name=_("participación")
    )
    value = models.DecimalField(_("puntuación"), max_digits=8, decimal_places=4)
    quality = models.DecimalField(_("calidad"), max_digits=7, decimal_places=6)
    green = models.DecimalField(_("ahorro"), max_digits=7, decimal_places=6)
    reaches_minimum = models.BooleanField(_("hace lo que pide la política"))
    energy_mj = models.PositiveBigIntegerField(_("energía (mJ)"))
    evidence_grade = models.CharField(
        _("grado de evidencia"), max_length=1, choices=[(g.value, g.value) for g in EvidenceGrade]
    )
    is_ranked = models.BooleanField(_("entra en la clasificación"))
    prompt_tokens = models.PositiveBigIntegerField(_("tokens de entrada"))
    completion_tokens = models.PositiveBigIntegerField(_("tokens de salida"))
    policy = models.CharField(_("política"), max_length=40)
    policy_parameters: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(
        _("parámetros de la política")
    )
    suite_sha256 = models.CharField(_("SHA-256 de la batería"), max_length=64)
    case_grades: models.JSONField[list[int] | None, list[int] | None] = models.JSONField(
        _("notas de los casos (millonésimas)"), null=True, blank=True, editable=False
    )
    repetitions_mj: models.JSONField[list[int] | None, list[int] | None] = models.JSONField(
        _("energía de cada repetición (mJ)"), null=True, blank=True, editable=False
    )
    created_at = models.DateTimeField(_("puntuado el"), db_default=Now())

    class Meta:
        verbose_name = _("puntuación")
        verbose_name_plural = _("puntuaciones")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(quality__gte=0) & models.Q(quality__lte=1),
                name="score_quality_between_0_and_1",
            ),
            models.CheckConstraint(
                condition=models.Q(green__gte=0) & models.Q(green__lte=1), name="score_green_between_0_and_1"
            ),
            models.CheckConstraint(
                condition=models.Q(value__gte=0) & models.Q(value__lte=100),
                name="score_value_between_0_and_100",
            ),
        ]
        indexes = [models.Index(fields=["phase", "participation", "created_at"], name="score_history")]

    def __str__(self) -> str:
        return f"{self.value}"


class Standing(models.Model):
    """A participation's best score in a phase. Derived: it can be thrown away and rebuilt from the scores."""

    phase = models.ForeignKey(
        Phase, on_delete=models.CASCADE, related_name="standings", verbose_name=_("fase")
    )
    participation = models.ForeignKey(
        Participation, on_delete=models.CASCADE, related_name="standings", verbose_name=_("participación")
    )
    score = models.ForeignKey(Score, on_delete=models.CASCADE, related_name="+", verbose_name=_("puntuación"))
    attempts = models.PositiveIntegerField(_("intentos puntuados"), default=1)
    updated_at = models.DateTimeField(_("cambió el"))

    class Meta:
        verbose_name = _("puesto")
        verbose_name_plural = _("puestos")
        constraints = [
            models.UniqueConstraint(fields=["phase", "participation"], name="standing_once_per_phase"),
            models.CheckConstraint(condition=models.Q(attempts__gte=1), name="standing_has_an_attempt"),
        ]

    def __str__(self) -> str:
        return f"{self.participation}: {self.score}"


class Leaderboard(models.Model):
    """The version of a phase's board: grows by one in the transaction that changes a standing."""

    phase = models.OneToOneField(
        Phase, on_delete=models.CASCADE, related_name="leaderboard", primary_key=True, verbose_name=_("fase")
    )
    version = models.PositiveBigIntegerField(_("versión"), default=0)
    updated_at = models.DateTimeField(_("cambió el"), db_default=Now())

    class Meta:
        verbose_name = _("clasificación")
        verbose_name_plural = _("clasificaciones")

    def __str__(self) -> str:
        return f"{self.phase} v{self.version}"
