"""What judges took away: each export is kept by its hash, so that a printed ranking can be proved."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from challenges.models.challenge import Phase
from challenges.models.immutable import AppendOnlyModel


class RankingExport(AppendOnlyModel):
    phase = models.ForeignKey(Phase, on_delete=models.PROTECT, related_name="exports", verbose_name=_("fase"))
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="exports", verbose_name=_("persona")
    )
    board_version = models.PositiveBigIntegerField(_("versión de la clasificación"))
    rows = models.PositiveIntegerField(_("filas"))
    sha256 = models.CharField("SHA-256", max_length=64)
    created_at = models.DateTimeField(_("descargada el"), db_default=Now())

    class Meta:
        verbose_name = _("descarga de la clasificación")
        verbose_name_plural = _("descargas de la clasificación")

    def __str__(self) -> str:
        return f"{self.phase} · {self.sha256[:12]}"
