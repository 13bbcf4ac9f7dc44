"""What is competed in: a challenge, its phases, and the versioned suites of cases that judge it."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from challenges.models.immutable import AppendOnlyModel
from scoring.values import ContentLimits, EvidenceGrade

# What contestants were told before the phase opened; after that nobody changes the game.
FIXED_ONCE_OPEN = (
    "challenge",
    "slug",
    "opens_at",
    "time_zone",
    "ranked_suite",
    "feedback_suite",
    "policy",
    "policy_parameters",
    "evidence_grade",
    "ties",
    "max_characters",
    "max_lines",
    "max_output_tokens",
    "kinds",
    "max_examples",
    "max_example_characters",
    "max_calls_per_case",
    "energy_purse_mj",
)


class Challenge(models.Model):
    slug = models.SlugField(_("identificador"), max_length=60, unique=True)
    title = models.CharField(_("título"), max_length=120)
    summary = models.CharField(_("resumen"), max_length=300)
    statement = models.TextField(_("enunciado"), help_text=_("Markdown."))
    language = models.CharField(_("idioma"), max_length=5, default="es")
    licence = models.CharField(_("licencia"), max_length=40, default="CC0-1.0")
    is_published = models.BooleanField(_("publicado"), default=True)
    created_at = models.DateTimeField(_("creado el"), db_default=Now())

    class Meta:
        verbose_name = _("desafío")
        verbose_name_plural = _("desafíos")
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class Visibility(models.TextChoices):
    PUBLIC = "public", _("pública")
    PRIVATE = "private", _("privada")


def new_salt() -> str:
    """256 random bits: nobody can try out whether a guessed case is one of ours."""
    return secrets.token_hex(32)


class Suite(AppendOnlyModel):
    """A version of a set of cases. Never edited: a changed case makes a new version.

    ``slots`` maps each name that a template may use to its description. ``sha256`` is that of the canonical
    JSON of slots and cases, so that a score can say what exactly it was judged on. ``salt``, in hexadecimal,
    hides private cases in the sealed records: it is told to nobody before the cases are.
    """

    challenge = models.ForeignKey(
        Challenge, on_delete=models.PROTECT, related_name="suites", verbose_name=_("desafío")
    )
    version = models.PositiveIntegerField(_("versión"))
    visibility = models.CharField(_("visibilidad"), max_length=8, choices=Visibility.choices)
    slots = models.JSONField(_("huecos"), default=dict)
    sha256 = models.CharField("SHA-256", max_length=64)
    salt = models.CharField(_("sal"), max_length=64, default=new_salt, editable=False)
    created_at = models.DateTimeField(_("creada el"), db_default=Now())

    class Meta:
        verbose_name = _("batería")
        verbose_name_plural = _("baterías")
        constraints = [
            models.UniqueConstraint(fields=["challenge", "visibility", "version"], name="suite_version_once"),
            models.CheckConstraint(condition=models.Q(version__gte=1), name="suite_version_from_one"),
            models.CheckConstraint(
                condition=models.Q(visibility__in=Visibility.values), name="suite_visibility_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.challenge.slug} · {self.get_visibility_display()} v{self.version}"


class Case(AppendOnlyModel):
    """One question with its right answer. ``inputs`` are the values of the suite's slots."""

    suite = models.ForeignKey(
        Suite, on_delete=models.CASCADE, related_name="cases", verbose_name=_("batería")
    )
    key = models.CharField(_("clave"), max_length=40)
    position = models.PositiveIntegerField(_("orden"))
    group = models.CharField(_("grupo"), max_length=40, blank=True)
    inputs: models.JSONField[dict[str, str], dict[str, str]] = models.JSONField(_("entradas"))
    expected: models.JSONField[Any, Any] = models.JSONField(_("respuesta esperada"))
    grader: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(_("corrector"))
    weight = models.PositiveIntegerField(_("peso"), default=1)

    class Meta:
        verbose_name = _("caso")
        verbose_name_plural = _("casos")
        ordering = ["suite_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["suite", "key"], name="case_key_once_per_suite"),
            models.UniqueConstraint(fields=["suite", "position"], name="case_position_once_per_suite"),
            models.CheckConstraint(condition=models.Q(weight__gte=1), name="case_weight_from_one"),
        ]

    def __str__(self) -> str:
        return self.key


def _grade_choices() -> list[tuple[str, str]]:
    return [(grade.value, grade.value) for grade in EvidenceGrade]


class Ties(models.TextChoices):
    """Who shares a rank on the board."""

    INTERVAL = "interval", _("quienes no se distinguen del primero de su grupo")
    SCORE = "score", _("quienes tienen la misma puntuación")


def only_prompts() -> list[str]:
    return ["prompt"]


class Phase(models.Model):
    """A stretch of a challenge with its own clock, policy, quotas and board.

    Quality and energy come from ``ranked_suite`` alone (private, so that nobody learns it by heart);
    ``feedback_suite`` (public) is run afterwards so that a contestant sees answers case by case.
    """

    challenge = models.ForeignKey(
        Challenge, on_delete=models.PROTECT, related_name="phases", verbose_name=_("desafío")
    )
    slug = models.SlugField(_("identificador"), max_length=60)
    title = models.CharField(_("título"), max_length=120)
    opens_at = models.DateTimeField(_("abre el"))
    closes_at = models.DateTimeField(_("cierra el"))
    freeze_at = models.DateTimeField(_("congela la clasificación el"), null=True, blank=True)
    time_zone = models.CharField(_("zona horaria"), max_length=60, default="Europe/Madrid")

    ranked_suite = models.ForeignKey(
        Suite, on_delete=models.PROTECT, related_name="ranked_in", verbose_name=_("batería que puntúa")
    )
    feedback_suite = models.ForeignKey(
        Suite,
        on_delete=models.PROTECT,
        related_name="feedback_in",
        verbose_name=_("batería de muestra"),
        null=True,
        blank=True,
    )

    policy = models.CharField(_("política"), max_length=40, default="verde")
    policy_parameters: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(
        _("parámetros de la política")
    )
    evidence_grade = models.CharField(
        _("grado de evidencia"), max_length=1, choices=_grade_choices(), default=EvidenceGrade.E.value
    )
    ties = models.CharField(_("comparten puesto"), max_length=8, choices=Ties.choices, default=Ties.INTERVAL)

    attempts_per_day = models.PositiveIntegerField(_("intentos por día"), default=10)
    attempts_per_phase = models.PositiveIntegerField(_("intentos en la fase"), default=100)
    running_per_participation = models.PositiveSmallIntegerField(
        _("evaluaciones a la vez por participación"), default=2
    )
    energy_purse_mj = models.PositiveBigIntegerField(
        _("bolsa de energía por participación (mJ)"),
        null=True,
        blank=True,
        help_text=_("Lo que pueden gastar entre todos los intentos de la fase. Vacío: sin límite."),
    )

    max_characters = models.PositiveIntegerField(_("caracteres como máximo"), default=8000)
    max_lines = models.PositiveIntegerField(_("líneas como máximo"), default=400)
    max_output_tokens = models.PositiveIntegerField(_("tokens de respuesta como máximo"), default=64)
    kinds: models.JSONField[list[str], list[str]] = models.JSONField(
        _("tipos de envío"), default=only_prompts, help_text=_("Lo que se puede enviar en esta fase.")
    )
    max_examples = models.PositiveSmallIntegerField(_("ejemplos como máximo"), default=8)
    max_example_characters = models.PositiveIntegerField(
        _("caracteres de los ejemplos como máximo"), default=16_000
    )
    max_calls_per_case = models.PositiveSmallIntegerField(_("pasos por caso como máximo"), default=4)
    concurrency = models.PositiveSmallIntegerField(_("peticiones a la vez"), default=4)
    case_timeout_s = models.PositiveIntegerField(_("segundos por caso"), default=60)

    class Meta:
        verbose_name = _("fase")
        verbose_name_plural = _("fases")
        ordering = ["opens_at"]
        permissions = [
            ("export_ranking", "Puede descargar la clasificación (jurado)"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["challenge", "slug"], name="phase_slug_once_per_challenge"),
            models.CheckConstraint(
                condition=models.Q(closes_at__gt=models.F("opens_at")), name="phase_closes_after_it_opens"
            ),
            models.CheckConstraint(
                condition=models.Q(attempts_per_day__gte=1) & models.Q(attempts_per_phase__gte=1),
                name="phase_allows_an_attempt",
            ),
            models.CheckConstraint(
                condition=models.Q(running_per_participation__gte=1), name="phase_lets_an_evaluation_run"
            ),
            models.CheckConstraint(
                condition=models.Q(energy_purse_mj=None) | models.Q(energy_purse_mj__gte=1),
                name="phase_energy_purse_not_empty",
            ),
            models.CheckConstraint(condition=models.Q(concurrency__gte=1), name="phase_concurrency_from_one"),
            models.CheckConstraint(
                condition=models.Q(max_calls_per_case__gte=1), name="phase_allows_a_call_per_case"
            ),
            models.CheckConstraint(condition=models.Q(ties__in=Ties.values), name="phase_ties_is_known"),
            models.CheckConstraint(
                condition=models.Q(evidence_grade__in=[grade.value for grade in EvidenceGrade]),
                name="phase_evidence_grade_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.challenge.slug} · {self.title}"

    def is_open(self, at: datetime) -> bool:
        return self.opens_at <= at < self.closes_at

    def is_frozen(self, at: datetime) -> bool:
        return self.freeze_at is not None and at >= self.freeze_at

    @property
    def limits(self) -> ContentLimits:
        return ContentLimits(
            max_characters=self.max_characters,
            max_lines=self.max_lines,
            max_output_tokens=self.max_output_tokens,
            max_examples=self.max_examples,
            max_example_characters=self.max_example_characters,
            max_calls_per_case=self.max_calls_per_case,
        )
