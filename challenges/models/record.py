"""The sealed records: which file says how a score came about, and its place in its phase's chain."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from challenges.models.challenge import Phase
from challenges.models.immutable import AppendOnlyModel
from challenges.models.standing import Score


class Record(AppendOnlyModel):
    """The ``number``-th record of a phase (from 1). ``sha256`` names the file that holds its bytes.

    ``previous_sha256`` is the hash of the record before it, and 64 zeros for the first: whoever changes one
    would have to change all that follow, and the row of the last one.
    """

    score = models.OneToOneField(
        Score, on_delete=models.PROTECT, related_name="record", verbose_name=_("puntuación")
    )
    phase = models.ForeignKey(Phase, on_delete=models.PROTECT, related_name="records", verbose_name=_("fase"))
    number = models.PositiveBigIntegerField(_("número"))
    sha256 = models.CharField("SHA-256", max_length=64, unique=True)
    previous_sha256 = models.CharField(_("SHA-256 del anterior"), max_length=64)
    size = models.PositiveIntegerField(_("bytes"))
    created_at = models.DateTimeField(_("sellado el"), db_default=Now())

    class Meta:
        verbose_name = _("registro sellado")
        verbose_name_plural = _("registros sellados")
        constraints = [
            models.UniqueConstraint(fields=["phase", "number"], name="record_number_once_per_phase"),
            # Two records after the same one would be two chains.
            models.UniqueConstraint(fields=["phase", "previous_sha256"], name="record_chain_never_forks"),
            models.CheckConstraint(condition=models.Q(number__gte=1), name="record_number_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.phase} · {self.number} · {self.sha256[:12]}"
