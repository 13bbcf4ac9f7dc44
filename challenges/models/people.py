"""Who takes part: people, what they consented to, and their participation in a challenge."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _


class PersonManager(UserManager["Person"]):
    """Accounts are known by e-mail; there is no user name."""

    def _create_by_email(self, email: str, password: str | None, **fields: Any) -> Person:
        if not email:
            raise ValueError("an account needs an e-mail address")
        person = self.model(email=self.normalize_email(email).lower(), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def create_user(  # type: ignore[override]  # Django's own signature starts with a user name, and we have none
        self, email: str, password: str | None = None, **fields: Any
    ) -> Person:
        return self._create_by_email(email, password, **fields)

    def create_superuser(  # type: ignore[override]  # as above
        self, email: str, password: str | None = None, **fields: Any
    ) -> Person:
        return self._create_by_email(email, password, **{**fields, "is_staff": True, "is_superuser": True})


class Person(AbstractUser):
    """An account. ``board_name`` is the only part of it that the public sees."""

    username = None  # type: ignore[assignment]  # the e-mail address is the name of the account
    first_name = None  # type: ignore[assignment]  # we ask for nothing that the contest does not need
    last_name = None  # type: ignore[assignment]
    email = models.EmailField(_("correo electrónico"), unique=True)
    board_name = models.CharField(
        _("nombre en la clasificación"), max_length=40, blank=True, help_text=_("Lo que ve todo el mundo.")
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[PersonManager] = PersonManager()

    class Meta:
        verbose_name = _("persona")
        verbose_name_plural = _("personas")
        constraints = [
            models.UniqueConstraint(Lower("email"), name="person_email_once_whatever_the_case"),
            models.UniqueConstraint(
                Lower("board_name"), name="person_board_name_once", condition=~models.Q(board_name="")
            ),
        ]

    def __str__(self) -> str:
        return self.board_name or self.email

    def get_full_name(self) -> str:
        return str(self)

    def get_short_name(self) -> str:
        return str(self)


class Purpose(models.TextChoices):
    """What a person may consent to, one by one (GDPR art. 7: a consent per purpose)."""

    RULES = "rules", _("Acepto las bases del desafío.")
    PUBLISH_NAME = "publish_name", _("Acepto que mi nombre de la clasificación sea público.")
    PUBLISH_PROMPT = "publish_prompt", _("Acepto que se publique mi propuesta cuando termine el desafío.")
    NEWS = "news", _("Quiero recibir noticias de próximas ediciones.")


class Consent(models.Model):
    """One consent of one person to one text; withdrawn, never deleted."""

    person = models.ForeignKey(
        Person, on_delete=models.CASCADE, related_name="consents", verbose_name=_("persona")
    )
    purpose = models.CharField(_("finalidad"), max_length=32, choices=Purpose.choices)
    text = models.TextField(_("texto aceptado"))
    given_at = models.DateTimeField(_("dado el"), db_default=Now())
    withdrawn_at = models.DateTimeField(_("retirado el"), null=True, blank=True)

    class Meta:
        verbose_name = _("consentimiento")
        verbose_name_plural = _("consentimientos")
        constraints = [
            models.UniqueConstraint(
                fields=["person", "purpose"],
                condition=models.Q(withdrawn_at=None),
                name="consent_once_per_purpose",
            ),
            models.CheckConstraint(
                condition=models.Q(purpose__in=Purpose.values), name="consent_purpose_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.purpose}"


class Participation(models.Model):
    """A person in a challenge. Its row is the lock under which attempts are counted."""

    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="participations", verbose_name=_("persona")
    )
    challenge = models.ForeignKey(
        "challenges.Challenge",
        on_delete=models.PROTECT,
        related_name="participations",
        verbose_name=_("desafío"),
    )
    public_id = models.UUIDField(_("identificador público"), default=uuid.uuid4, unique=True, editable=False)
    joined_at = models.DateTimeField(_("se unió el"), db_default=Now())

    class Meta:
        verbose_name = _("participación")
        verbose_name_plural = _("participaciones")
        constraints = [
            models.UniqueConstraint(fields=["person", "challenge"], name="participation_once_per_challenge")
        ]

    def __str__(self) -> str:
        return f"{self.person} · {self.challenge}"
