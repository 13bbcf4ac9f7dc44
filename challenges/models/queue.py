"""What the engine keeps beside the evaluations: their history, the circuits, the purses and its own counters.

``transitions``, ``circuits``, ``purse`` and ``tallies`` write these rows, each in the transaction of what it
tells.
"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from challenges.models.challenge import Phase
from challenges.models.evaluation import Evaluation, State
from challenges.models.immutable import AppendOnlyModel
from challenges.models.people import Participation


class Actor(models.TextChoices):
    """Who may change the state of an evaluation."""

    CONTESTANT = "contestant", _("participante")
    BELL = "bell", _("aviso")
    WORKER = "worker", _("proceso que evalúa")
    SWEEPER = "sweeper", _("vigilante de la cola")
    ORGANIZER = "organizer", _("organización")


class Reason(models.TextChoices):
    """Why it changed. The sentence that a person reads is the label."""

    RECEIVED = "received", _("recibido")
    RUNG = "rung", _("avisados los procesos que evalúan")
    CLAIMED = "claimed", _("le ha tocado el turno")
    STARTED = "started", _("el modelo empieza a responder")
    RESUMED = "resumed", _("sigue por el primer caso que faltaba")
    REPEATED_WHOLE = (
        "repeated_whole",
        _("la medida anterior se interrumpió y no cuenta: la repetición se hace entera"),
    )
    ANSWERED = "answered", _("todos los casos tienen respuesta")
    SCORED = "scored", _("puntuado")
    REFUSED = "refused", _("la propuesta no cabe en el contexto del modelo")
    FAILED = "failed", _("un fallo nuestro: se intentará otra vez")
    FAILED_FOR_GOOD = "failed_for_good", _("un fallo nuestro, y ya no se intenta más")
    CANNOT_BE_JUDGED = "cannot_be_judged", _("la batería o la política no se pueden usar")
    WORKER_STOPPED = "worker_stopped", _("el proceso que evaluaba se paró en orden")
    LEASE_EXPIRED = "lease_expired", _("el proceso que evaluaba dejó de dar señales")
    WORKERS_DIED = "workers_died", _("con este envío se caen todos los procesos que evalúan")
    BACKEND_AWAY = "backend_away", _("el modelo no responde")
    METER_AWAY = "meter_away", _("el medidor de energía no responde")
    DEVICE_BUSY = "device_busy", _("otra evaluación está usando el dispositivo que se mide")
    TRIAL = "trial", _("se prueba si ya vuelve a funcionar")
    BACK = "back", _("vuelve a funcionar")
    WITHDRAWN = "withdrawn", _("retirado por su autor antes de empezar")
    CANCELLED = "cancelled", _("cancelado por la organización")
    MIGRATED = "migrated", _("ya existía cuando empezó este registro")
    REJUDGED = "rejudged", _("sustituido por una evaluación nueva")


class StateChange(AppendOnlyModel):
    """One step of an evaluation: from which state to which, who, why, and when by the database's clock.

    ``before`` is empty for the first. ``number`` counts from 1 without a gap, so that a missing step shows.
    ``who`` names the worker or the account; ``detail`` never holds a prompt or a case.
    """

    # Without an index of its own: the unique constraint begins with it.
    evaluation = models.ForeignKey(
        Evaluation,
        on_delete=models.CASCADE,
        related_name="changes",
        verbose_name=_("evaluación"),
        db_index=False,
    )
    number = models.PositiveIntegerField(_("número"))
    before = models.CharField(_("antes"), max_length=12, choices=State.choices, blank=True)
    after = models.CharField(_("después"), max_length=12, choices=State.choices)
    by = models.CharField(_("quién"), max_length=12, choices=Actor.choices)
    who = models.CharField(_("nombre"), max_length=120, blank=True)
    reason = models.CharField(_("motivo"), max_length=20, choices=Reason.choices)
    detail = models.CharField(_("detalle"), max_length=300, blank=True)
    fence = models.PositiveIntegerField(_("valla"), default=0)
    at = models.DateTimeField(_("cuándo"), db_default=Now())

    class Meta:
        verbose_name = _("cambio de estado")
        verbose_name_plural = _("cambios de estado")
        constraints = [
            models.UniqueConstraint(fields=["evaluation", "number"], name="state_change_number_once"),
            models.CheckConstraint(
                condition=models.Q(after__in=State.values), name="state_change_after_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(before__in=["", *State.values]), name="state_change_before_is_known"
            ),
        ]
        indexes = [models.Index(fields=["reason", "at"], name="state_change_reasons")]

    def __str__(self) -> str:
        return f"{self.before or '·'} → {self.after}"


class Circuit(models.Model):
    """Whether the backend, or the meter, may be asked: a circuit breaker that all processes share.

    Closed while ``opened_at`` is None. ``suspects`` are the evaluations that failed in a row since the last
    good one. While it is open ``trial`` is the one evaluation that may run, to find out whether it is back,
    and ``next_trial_at`` when the next one may.
    """

    class Name(models.TextChoices):
        BACKEND = "backend", _("el modelo")
        METER = "meter", _("el medidor de energía")

    name = models.CharField(_("nombre"), max_length=12, primary_key=True, choices=Name.choices)
    opened_at = models.DateTimeField(_("abierto desde"), null=True, blank=True)
    reason = models.CharField(_("motivo"), max_length=300, blank=True)
    suspects: models.JSONField[list[int], list[int]] = models.JSONField(_("fallos seguidos"), default=list)
    trial = models.ForeignKey(
        Evaluation,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("evaluación de prueba"),
    )
    next_trial_at = models.DateTimeField(_("próxima prueba"), null=True, blank=True)
    pause_s = models.PositiveIntegerField(_("pausa entre pruebas (s)"), default=0)
    held_seconds = models.PositiveBigIntegerField(_("segundos en espera, en total"), default=0)

    class Meta:
        verbose_name = _("interruptor")
        verbose_name_plural = _("interruptores")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(opened_at__isnull=False) | models.Q(trial=None, next_trial_at=None),
                name="circuit_has_trials_only_while_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {'open' if self.opened_at else 'closed'}"


class Purse(models.Model):
    """The energy of a participation in a phase, in whole millijoules; its row is the lock of its sums.

    ``reserved_mj`` is the sum of its open reservations, ``spent_mj`` that of the settled ones.
    """

    phase = models.ForeignKey(Phase, on_delete=models.PROTECT, related_name="purses", verbose_name=_("fase"))
    participation = models.ForeignKey(
        Participation, on_delete=models.PROTECT, related_name="purses", verbose_name=_("participación")
    )
    reserved_mj = models.PositiveBigIntegerField(_("reservado (mJ)"), default=0)
    spent_mj = models.PositiveBigIntegerField(_("gastado (mJ)"), default=0)

    class Meta:
        verbose_name = _("bolsa de energía")
        verbose_name_plural = _("bolsas de energía")
        constraints = [
            models.UniqueConstraint(fields=["phase", "participation"], name="purse_once_per_phase"),
            models.CheckConstraint(
                condition=models.Q(reserved_mj__gte=0), name="purse_reserved_not_negative"
            ),
            models.CheckConstraint(condition=models.Q(spent_mj__gte=0), name="purse_spent_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.participation}: {self.spent_mj} mJ"


class Reservation(models.Model):
    """What one evaluation may cost, taken from a purse before it runs, and what it did cost.

    ``settled_mj`` is None until the evaluation ends; 0 where it ended by our fault.
    """

    evaluation = models.OneToOneField(
        Evaluation, on_delete=models.CASCADE, related_name="reservation", verbose_name=_("evaluación")
    )
    purse = models.ForeignKey(
        Purse, on_delete=models.PROTECT, related_name="reservations", verbose_name=_("bolsa de energía")
    )
    reserved_mj = models.PositiveBigIntegerField(_("reservado (mJ)"))
    settled_mj = models.PositiveBigIntegerField(_("gastado (mJ)"), null=True, blank=True)
    settled_at = models.DateTimeField(_("liquidado el"), null=True, blank=True)

    class Meta:
        verbose_name = _("reserva de energía")
        verbose_name_plural = _("reservas de energía")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(settled_mj=None, settled_at=None)
                | models.Q(settled_mj__isnull=False, settled_at__isnull=False),
                name="reservation_settled_at_exactly_when_settled",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reserved_mj} mJ"


class WorkerProcess(models.Model):
    """A process that claims evaluations: who it is, what code it runs, and when it was last seen."""

    name = models.CharField(_("nombre"), max_length=120, unique=True)
    code_version = models.CharField(_("versión del código"), max_length=40)
    engine = models.PositiveIntegerField(_("versión del motor"))
    instance = models.CharField(_("arranque"), max_length=32)
    started_at = models.DateTimeField(_("arrancó el"), db_default=Now())
    seen_at = models.DateTimeField(_("visto el"), db_default=Now())
    stopped_at = models.DateTimeField(_("parado el"), null=True, blank=True)
    clock_ahead_s = models.FloatField(_("reloj adelantado (s)"), default=0.0)

    class Meta:
        verbose_name = _("proceso que evalúa")
        verbose_name_plural = _("procesos que evalúan")

    def __str__(self) -> str:
        return self.name


class Engine(models.Model):
    """The version of the engine that this database was migrated for: one row. Older workers claim nothing."""

    version = models.PositiveIntegerField(_("versión"))
    migrated_at = models.DateTimeField(_("migrado el"), db_default=Now())

    class Meta:
        verbose_name = _("motor")
        verbose_name_plural = _("motor")

    def __str__(self) -> str:
        return str(self.version)


class Tally(models.Model):
    """A counter that only a process itself can tell, summed over its life and over restarts."""

    name = models.CharField(_("nombre"), max_length=60)
    label = models.CharField(_("etiqueta"), max_length=60, blank=True)
    value = models.FloatField(_("valor"), default=0.0)

    class Meta:
        verbose_name = _("contador")
        verbose_name_plural = _("contadores")
        constraints = [models.UniqueConstraint(fields=["name", "label"], name="tally_once")]

    def __str__(self) -> str:
        return f"{self.name}{{{self.label}}} {self.value:g}"
