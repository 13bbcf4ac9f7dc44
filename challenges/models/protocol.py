"""Beside a measured evaluation: the reference workload's runs, their baselines, and who has the device.

``measuring`` writes the runs, ``device_lease`` the leases; an organizer chooses a baseline in the admin.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from challenges.models.evaluation import Evaluation
from challenges.models.immutable import AppendOnlyModel
from scoring.values import EvidenceGrade


class ReferenceRun(AppendOnlyModel):
    """One run of the reference workload (``scoring.energy.reference``) around the windows of an evaluation.

    ``series`` is the evaluation's at that time; ``place`` says before or after its repetitions. Energy and
    time are of ``passes`` whole passes, which are the same work wherever and whenever they run. ``idle_mj``
    and ``idle_seconds`` are of a window right before it in which nobody asked anything; None where none was
    taken.
    """

    class Place(models.TextChoices):
        BEFORE = "before", _("antes")
        AFTER = "after", _("después")

    evaluation = models.ForeignKey(
        Evaluation, on_delete=models.CASCADE, related_name="reference_runs", verbose_name=_("evaluación")
    )
    series = models.PositiveSmallIntegerField(_("serie"))
    place = models.CharField(_("momento"), max_length=8, choices=Place.choices)
    workload = models.CharField(_("carga de referencia"), max_length=60)
    source = models.CharField(_("fuente"), max_length=120)
    device = models.CharField(_("dispositivo"), max_length=120)
    evidence_grade = models.CharField(
        _("grado de evidencia"), max_length=1, choices=[(g.value, g.value) for g in EvidenceGrade]
    )
    model = models.CharField(_("modelo"), max_length=120, blank=True)
    model_revision = models.CharField(_("revisión del modelo"), max_length=120, blank=True)
    concurrency = models.PositiveSmallIntegerField(_("peticiones a la vez"))
    passes = models.PositiveIntegerField(_("pasadas"))
    prompt_tokens = models.PositiveBigIntegerField(_("tokens de entrada"))
    completion_tokens = models.PositiveBigIntegerField(_("tokens de salida"))
    energy_mj = models.PositiveBigIntegerField(_("energía (mJ)"))
    seconds = models.DecimalField(_("segundos"), max_digits=12, decimal_places=3)
    idle_mj = models.PositiveBigIntegerField(_("energía en reposo (mJ)"), null=True, blank=True)
    idle_seconds = models.DecimalField(
        _("segundos en reposo"), max_digits=12, decimal_places=3, null=True, blank=True
    )
    evidence: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(_("pruebas"), default=dict)
    flags: models.JSONField[list[str], list[str]] = models.JSONField(_("avisos"), default=list)
    created_at = models.DateTimeField(_("medida el"), db_default=Now())

    class Meta:
        verbose_name = _("carga de referencia medida")
        verbose_name_plural = _("cargas de referencia medidas")
        constraints = [
            models.CheckConstraint(condition=models.Q(passes__gte=1), name="reference_run_has_a_pass"),
            models.CheckConstraint(condition=models.Q(seconds__gt=0), name="reference_run_took_time"),
            models.CheckConstraint(
                condition=models.Q(idle_mj=None, idle_seconds=None)
                | models.Q(idle_mj__isnull=False, idle_seconds__gt=0),
                name="reference_run_idle_is_whole",
            ),
        ]
        indexes = [
            models.Index(fields=["device", "created_at"], name="reference_run_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.place} · {self.energy_mj} mJ / {self.passes}"


class ReferenceBaseline(AppendOnlyModel):
    """An organizer's choice: its day's runs are held against this one from now on, not the first."""

    run = models.ForeignKey(
        ReferenceRun, on_delete=models.CASCADE, related_name="baselines", verbose_name=_("carga medida")
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("persona")
    )
    reason = models.CharField(_("motivo"), max_length=300)
    chosen_at = models.DateTimeField(_("elegida el"), db_default=Now())

    class Meta:
        verbose_name = _("base de referencia elegida")
        verbose_name_plural = _("bases de referencia elegidas")

    def __str__(self) -> str:
        return f"{self.run}: {self.reason}"


class DeviceLease(models.Model):
    """Who has a measured device to itself, and until when. ``holder`` is a worker process."""

    device = models.CharField(_("dispositivo"), max_length=200, primary_key=True)
    holder = models.CharField(_("quién"), max_length=160, blank=True)
    lease_until = models.DateTimeField(_("hasta"), null=True, blank=True)
    since = models.DateTimeField(_("desde"), null=True, blank=True)

    class Meta:
        verbose_name = _("dispositivo que se mide")
        verbose_name_plural = _("dispositivos que se miden")

    def __str__(self) -> str:
        return f"{self.device}: {self.holder or '·'}"
