"""What was handed in. A submission is never edited; what became of it is told by its evaluations."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from challenges.models.challenge import Phase
from challenges.models.immutable import AppendOnlyModel
from challenges.models.people import Participation


class Kind(models.TextChoices):
    PROMPT = "prompt", _("prompt")
    FEWSHOT = "fewshot", _("prompt con ejemplos")
    PIPELINE = "pipeline", _("cadena de pasos")


class Submission(AppendOnlyModel):
    """``content`` is the canonical JSON of the kind; ``idempotency_key`` makes two clicks one attempt."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    participation = models.ForeignKey(
        Participation, on_delete=models.PROTECT, related_name="submissions", verbose_name=_("participación")
    )
    phase = models.ForeignKey(
        Phase, on_delete=models.PROTECT, related_name="submissions", verbose_name=_("fase")
    )
    kind = models.CharField(_("tipo"), max_length=16, choices=Kind.choices, default=Kind.PROMPT)
    content: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(_("contenido"))
    content_sha256 = models.CharField(_("SHA-256 del contenido"), max_length=64)
    idempotency_key = models.CharField(_("clave de idempotencia"), max_length=80)
    created_at = models.DateTimeField(_("enviado el"), db_default=Now())

    class Meta:
        verbose_name = _("envío")
        verbose_name_plural = _("envíos")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["participation", "idempotency_key"], name="submission_once_per_idempotency_key"
            ),
            models.CheckConstraint(
                condition=~models.Q(idempotency_key=""), name="submission_has_an_idempotency_key"
            ),
            models.CheckConstraint(condition=models.Q(kind__in=Kind.values), name="submission_kind_is_known"),
        ]
        indexes = [models.Index(fields=["participation", "phase", "created_at"], name="submission_quota")]

    def __str__(self) -> str:
        return str(self.id)
