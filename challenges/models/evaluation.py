"""One judging of a submission, down to each request and each measured window.

The evaluation row is also the queue: workers claim it here, and every write of a worker carries the ``fence``
that its claim was given. See docs/adr/0001 for why.
"""

from __future__ import annotations

from typing import Any, Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from challenges.models.challenge import Case
from challenges.models.immutable import AppendOnlyModel
from challenges.models.people import Participation
from challenges.models.submission import Submission
from scoring.values import EvidenceGrade


class State(models.TextChoices):
    PENDING = "PENDING", _("recibido")
    HELD = "HELD", _("en espera del modelo")
    QUEUED = "QUEUED", _("en cola")
    PREPARING = "PREPARING", _("preparando")
    RUNNING = "RUNNING", _("respondiendo")
    GRADING = "GRADING", _("corrigiendo")
    SCORED = "SCORED", _("puntuado")
    REJECTED = "REJECTED", _("rechazado")
    ERRORED = "ERRORED", _("error nuestro")
    CANCELLED = "CANCELLED", _("cancelado")
    SUPERSEDED = "SUPERSEDED", _("sustituido")


WAITING = (State.PENDING, State.QUEUED)
ACTIVE = (State.PREPARING, State.RUNNING, State.GRADING)
UNFINISHED = (*WAITING, State.HELD, *ACTIVE)
FINAL = (State.SCORED, State.REJECTED, State.ERRORED, State.CANCELLED, State.SUPERSEDED)
# Attempts that ended by our fault are given back, so these do not count against a quota.
REFUNDED = (State.ERRORED, State.CANCELLED)


IS_WAITING = models.Q(state__in=WAITING)
# A fault, or a busy backend, gives an evaluation a rest.
IS_RESTED = models.Q(not_before=None) | models.Q(not_before__lte=Now())


class EvaluationQuerySet(models.QuerySet["Evaluation"]):
    def waiting(self) -> Self:
        return self.filter(IS_WAITING)

    def active(self) -> Self:
        return self.filter(state__in=ACTIVE)

    def held(self) -> Self:
        return self.filter(state=State.HELD)

    def unfinished(self) -> Self:
        return self.exclude(state__in=FINAL)

    def rested(self) -> Self:
        """Those that may go on now."""
        return self.filter(IS_RESTED)

    def in_turn(self) -> Self:
        """The order in which workers claim; ``turns`` tells how a turn is given."""
        return self.order_by("turn", "id")

    def ahead_of(self, evaluation: Evaluation) -> Self:
        """Those that workers take before it, by the order in which they claim."""
        earlier = models.Q(turn__lt=evaluation.turn) | models.Q(turn=evaluation.turn, pk__lt=evaluation.pk)
        return self.waiting().filter(earlier)


class Evaluation(models.Model):
    """``fence`` grows with each claim; a write with an older fence hits no row.

    ``failures`` counts tries that ended by a fault of ours (three, then ERRORED). ``repetition`` is the one
    that is being run: a counter's window that was interrupted is void and runs again whole under the next
    number. ``series`` is the first repetition that counts towards the figure, and the one whose answers are
    graded: it moves on when what was measured before may not be counted with what comes. ``participation``
    is the submission's own, kept here because the queue is shared out by it; ``turn`` is its place in that
    order, ``steps`` the number of its last state change, and ``expiries`` counts the workers that fell
    silent over it.
    """

    submission = models.ForeignKey(
        Submission, on_delete=models.CASCADE, related_name="evaluations", verbose_name=_("envío")
    )
    # Without an index of its own: evaluation_last_turn begins with it.
    participation = models.ForeignKey(
        Participation,
        on_delete=models.PROTECT,
        related_name="evaluations",
        verbose_name=_("participación"),
        db_index=False,
    )
    turn = models.BigIntegerField(_("turno"), default=0)
    state = models.CharField(_("estado"), max_length=12, choices=State.choices, default=State.PENDING)
    fence = models.PositiveIntegerField(_("valla"), default=0)
    lease_until = models.DateTimeField(_("arrendado hasta"), null=True, blank=True)
    worker = models.CharField(_("trabajador"), max_length=120, blank=True)
    repetition = models.PositiveSmallIntegerField(_("repetición"), default=1)
    series = models.PositiveSmallIntegerField(_("serie"), default=1)
    failures = models.PositiveSmallIntegerField(_("fallos nuestros"), default=0)
    steps = models.PositiveIntegerField(_("cambios de estado"), default=0)
    expiries = models.PositiveSmallIntegerField(_("procesos que se callaron"), default=0)
    not_before = models.DateTimeField(_("no antes de"), null=True, blank=True)
    created_at = models.DateTimeField(_("creada el"), db_default=Now())
    rung_at = models.DateTimeField(_("avisada el"), null=True, blank=True)
    held_since = models.DateTimeField(_("en espera desde"), null=True, blank=True)
    started_at = models.DateTimeField(_("empezó el"), null=True, blank=True)
    finished_at = models.DateTimeField(_("terminó el"), null=True, blank=True)
    fault_code = models.CharField(_("código del fallo"), max_length=40, blank=True)
    fault_detail = models.TextField(_("detalle del fallo"), blank=True)
    model = models.CharField(_("modelo"), max_length=120, blank=True)
    model_revision = models.CharField(_("revisión del modelo"), max_length=120, blank=True)

    objects = EvaluationQuerySet.as_manager()

    class Meta:
        verbose_name = _("evaluación")
        verbose_name_plural = _("evaluaciones")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=State.values), name="evaluation_state_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=ACTIVE, lease_until__isnull=False)
                | (~models.Q(state__in=ACTIVE) & models.Q(lease_until=None)),
                name="evaluation_lease_exactly_while_active",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=FINAL, finished_at__isnull=False)
                | (~models.Q(state__in=FINAL) & models.Q(finished_at=None)),
                name="evaluation_finished_exactly_when_final",
            ),
            models.CheckConstraint(
                condition=models.Q(state=State.HELD, held_since__isnull=False)
                | (~models.Q(state=State.HELD) & models.Q(held_since=None)),
                name="evaluation_held_since_exactly_while_held",
            ),
            models.CheckConstraint(
                condition=models.Q(series__gte=1, series__lte=models.F("repetition")),
                name="evaluation_series_begins_by_now",
            ),
            models.UniqueConstraint(
                fields=["submission"],
                condition=~models.Q(state=State.SUPERSEDED),
                name="evaluation_one_in_force_per_submission",
            ),
        ]
        indexes = [
            models.Index(
                fields=["turn", "id"], name="evaluation_queue", condition=models.Q(state__in=WAITING)
            ),
            models.Index(fields=["turn", "id"], name="evaluation_held", condition=models.Q(state=State.HELD)),
            models.Index(fields=["-turn"], name="evaluation_served", condition=models.Q(fence__gt=0)),
            models.Index(fields=["participation", "-turn"], name="evaluation_last_turn"),
            models.Index(
                fields=["participation"], name="evaluation_running", condition=models.Q(state__in=ACTIVE)
            ),
            models.Index(
                fields=["finished_at"],
                name="evaluation_finished",
                condition=models.Q(finished_at__isnull=False),
            ),
            models.Index(
                fields=["lease_until"], name="evaluation_leases", condition=models.Q(state__in=ACTIVE)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} · {self.state}"

    @property
    def is_final(self) -> bool:
        return self.state in FINAL


class Run(AppendOnlyModel):
    """One case in one repetition, finished: written once with its grade. Unfinished cases have no row."""

    evaluation = models.ForeignKey(
        Evaluation, on_delete=models.CASCADE, related_name="runs", verbose_name=_("evaluación")
    )
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="runs", verbose_name=_("caso"))
    repetition = models.PositiveSmallIntegerField(_("repetición"), default=1)
    fence = models.PositiveIntegerField(_("valla"))
    answer = models.TextField(_("respuesta"), blank=True)
    grade = models.DecimalField(_("nota"), max_digits=7, decimal_places=6)
    reason = models.TextField(_("motivo"), blank=True)
    evidence = models.TextField(_("qué coincidió"), blank=True)
    finished_at = models.DateTimeField(_("terminó el"), db_default=Now())

    class Meta:
        verbose_name = _("ejecución de un caso")
        verbose_name_plural = _("ejecuciones de casos")
        constraints = [
            models.UniqueConstraint(fields=["evaluation", "case", "repetition"], name="run_once"),
            models.CheckConstraint(
                condition=models.Q(grade__gte=0) & models.Q(grade__lte=1), name="run_grade_between_0_and_1"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.evaluation_id}/{self.case_id}/{self.repetition}"


class Call(AppendOnlyModel):
    """One answered request to the backend, with its text, tokens and times (milliseconds of wall clock)."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="calls", verbose_name=_("ejecución"))
    index = models.PositiveSmallIntegerField(_("número"), default=0)
    text = models.TextField(_("texto"), blank=True)
    finish_reason = models.CharField(_("por qué terminó"), max_length=32)
    model = models.CharField(_("modelo"), max_length=120)
    prompt_tokens = models.PositiveIntegerField(_("tokens de entrada"))
    completion_tokens = models.PositiveIntegerField(_("tokens de salida"))
    cached_tokens = models.PositiveIntegerField(_("tokens en caché"), default=0)
    first_token_ms = models.FloatField(_("ms hasta el primer token"))
    duration_ms = models.FloatField(_("ms en total"))
    attempts = models.PositiveSmallIntegerField(_("intentos de transporte"), default=1)
    created_at = models.DateTimeField(_("terminó el"), db_default=Now())

    class Meta:
        verbose_name = _("petición")
        verbose_name_plural = _("peticiones")
        constraints = [models.UniqueConstraint(fields=["run", "index"], name="call_once_per_run")]

    def __str__(self) -> str:
        return f"{self.run_id}#{self.index}"


class Measurement(AppendOnlyModel):
    """Energy of one window of an evaluation: the ranked suite's (``is_ranked``) or the feedback suite's.

    ``evidence`` is what the figure can be worked out from again, as the sealed record tells it: the
    coefficients of a token model, or the counter's device and edges.
    """

    evaluation = models.ForeignKey(
        Evaluation, on_delete=models.CASCADE, related_name="measurements", verbose_name=_("evaluación")
    )
    repetition = models.PositiveSmallIntegerField(_("repetición"), default=1)
    is_ranked = models.BooleanField(_("puntúa"), default=True)
    energy_mj = models.PositiveBigIntegerField(_("energía (mJ)"))
    seconds = models.DecimalField(_("segundos"), max_digits=12, decimal_places=3)
    evidence_grade = models.CharField(
        _("grado de evidencia"), max_length=1, choices=[(g.value, g.value) for g in EvidenceGrade]
    )
    source = models.CharField(_("fuente"), max_length=120)
    evidence: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(_("pruebas"), default=dict)
    flags: models.JSONField[list[str], list[str]] = models.JSONField(_("avisos"), default=list)
    witness_mj = models.PositiveBigIntegerField(_("segundo testigo (mJ)"), null=True, blank=True)
    co2_mg = models.PositiveBigIntegerField(_("CO₂ (mg)"), null=True, blank=True)
    witness_note = models.CharField(_("nota del testigo"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("cerrada el"), db_default=Now())

    class Meta:
        verbose_name = _("medida de energía")
        verbose_name_plural = _("medidas de energía")
        constraints = [
            models.UniqueConstraint(
                fields=["evaluation", "repetition", "is_ranked"], name="measurement_once_per_window"
            ),
            models.CheckConstraint(
                condition=models.Q(evidence_grade__in=[grade.value for grade in EvidenceGrade]),
                name="measurement_evidence_grade_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(seconds__gte=0), name="measurement_seconds_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.energy_mj} mJ ({self.evidence_grade})"
