"""Private cases that are told to everybody: proposed by one organizer, confirmed by another.

``publishing`` writes these rows; ``record_export`` reads which suites are published. What was confirmed
cannot be taken back: whoever has the cases has them.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from challenges.models.challenge import Suite


class CasePublication(models.Model):
    """A private suite on its way to the public; published once somebody else than its proposer confirms."""

    suite = models.OneToOneField(
        Suite, on_delete=models.PROTECT, related_name="publication", verbose_name=_("batería")
    )
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("quién lo propone"),
    )
    proposed_at = models.DateTimeField(_("propuesta el"), db_default=Now())
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("quién lo confirma"),
        null=True,
        blank=True,
    )
    confirmed_at = models.DateTimeField(_("publicada el"), null=True, blank=True)

    class Meta:
        verbose_name = _("publicación de casos")
        verbose_name_plural = _("publicaciones de casos")
        permissions = [("publish_cases", "Puede proponer y confirmar la publicación de casos privados")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(confirmed_by=None, confirmed_at=None)
                | models.Q(confirmed_by__isnull=False, confirmed_at__isnull=False),
                name="case_publication_confirmed_whole",
            ),
            models.CheckConstraint(
                condition=models.Q(confirmed_by=None) | ~models.Q(confirmed_by=models.F("proposed_by")),
                name="case_publication_by_two_people",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.suite} · {'publicada' if self.confirmed_at else 'propuesta'}"
