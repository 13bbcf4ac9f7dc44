"""What became of a submission, put the way its page tells it: state, progress, score by parts, or the fault.

Read only. Of private cases it gives totals by group and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from challenges import board, cancelling, energy_account, energy_words, outcome, reviewing, waiting
from challenges.cancelling import was_withdrawn
from challenges.energy_account import Account
from challenges.models import Evaluation, Record, Run, Score, State, Submission, Visibility
from challenges.outcome import Progress
from challenges.reviewing import Told
from challenges.sentences import state_words
from challenges.waiting import Absence
from desafio.pages import cases, formula, gaining, layer
from scoring.energy.witness import CO2_G_PER_KWH, CO2_YEAR
from scoring.errors import CONTEXT_TOO_LONG
from scoring.quality import weighted_mean
from scoring.values import GradedCase

# What its author reads beside each state: what is happening, and what happens next.
NEXT: Mapping[str, str | Promise] = {
    State.PENDING: gettext_lazy("Está guardado y entra en la cola enseguida. No tienes que hacer nada."),
    State.HELD: gettext_lazy(
        "El modelo o el medidor de energía no están disponibles ahora mismo. Tu envío está guardado y "
        "seguirá solo en cuanto vuelvan: no tienes que hacer nada."
    ),
    State.QUEUED: gettext_lazy("Espera su turno y empezará solo. Puedes cerrar esta página y volver luego."),
    State.PREPARING: gettext_lazy("Le ha llegado el turno. En unos segundos el modelo empieza a responder."),
    State.RUNNING: gettext_lazy("El modelo está respondiendo a los casos. Después se corrigen y se puntúan."),
    State.GRADING: gettext_lazy("El modelo ha terminado. Se corrigen las respuestas y sale la puntuación."),
    State.SCORED: gettext_lazy("Ya tiene puntuación: más abajo se explica de dónde sale."),
    State.REJECTED: gettext_lazy("No se ha podido puntuar. Más abajo está el motivo y qué puedes cambiar."),
    State.ERRORED: gettext_lazy(
        "No se ha podido puntuar por un fallo nuestro. Te hemos devuelto el intento."
    ),
    State.CANCELLED: gettext_lazy("La organización lo ha cancelado. Te hemos devuelto el intento."),
    State.SUPERSEDED: gettext_lazy(
        "La organización lo ha retirado para evaluarlo de nuevo. Aquí verás el resultado nuevo: no tienes "
        "que hacer nada."
    ),
}


WITHDRAWN = gettext_lazy("Lo retiraste tú antes de que empezara. Has recuperado el intento.")
# What a usual LED lamp for a room draws.
LAMP_W = 8
# A prompt under which the model keeps going away can make hundreds of steps.
STEPS_SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A submission with the evaluation that counts and its score, if there is one."""

    submission: Submission
    evaluation: Evaluation
    score: Score | None

    @property
    def is_final(self) -> bool:
        return outcome.is_over(self.evaluation)

    @property
    def is_tried_again(self) -> bool:
        """A fault of ours stopped it, and it waits for its next try."""
        return self.evaluation.failures > 0 and not self.evaluation.is_final

    @property
    def is_repeated(self) -> bool:
        """What was measured before does not count, and this is another series from its beginning."""
        return self.evaluation.series > 1

    @property
    def is_kept_out(self) -> bool:
        """Its score does not count: an organizer has to look at it first, or did and refused it."""
        return outcome.is_kept_out(self.evaluation)

    @property
    def can_be_withdrawn(self) -> bool:
        return cancelling.can_be_withdrawn(self.evaluation)

    @property
    def state(self) -> str:
        return state_words(self.evaluation)

    @property
    def next(self) -> str:
        return str(WITHDRAWN if was_withdrawn(self.evaluation) else NEXT[self.evaluation.state])


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of an evaluation. Who took it, and the detail of why, stay with the organizers."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The last steps, in their order; ``before`` counts those that came before them and are not shown.

    ``read_at`` is the database's moment of reading them.
    """

    steps: list[Step]
    before: int
    read_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """What changes while one waits. ``absence`` is what does not answer."""

    progress: Progress | None
    absence: Absence | None
    history: History


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why there is no score. Unless it is theirs (``is_theirs``), the attempt was given back."""

    is_theirs: bool
    is_cancelled: bool
    is_withdrawn: bool
    code: str
    reason: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTotal:
    name: str
    cases: int
    quality: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """What stands behind the energy of a score, and a comparison that anybody can do in their head.

    ``seconds`` are of all repetitions together. ``lamp_s`` is how many seconds a lamp of ``lamp_w`` watts
    burns with the figure: joules divided by watts.
    """

    account: Account
    grade_words: str
    flag_words: list[str]
    seconds: Decimal
    witness_note: str
    lamp_s: float
    lamp_w: int = LAMP_W
    co2_g_per_kwh: Decimal = CO2_G_PER_KWH
    co2_year: int = CO2_YEAR
    location: str = field(default_factory=lambda: settings.MACHINE_LOCATION)
    pue: float = field(default_factory=lambda: settings.MACHINE_PUE)

    @property
    def co2_of_the_room_mg(self) -> int | None:
        """With cooling and supply; None where nobody told their share."""
        co2_mg = self.account.co2_mg
        return None if co2_mg is None or self.pue <= 1 else round(co2_mg * self.pue)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A score and everything that explains it. ``place`` is the participation's row of the public board.

    ``is_the_one_that_counts`` says whether that row shows this very score; ``is_after_freeze`` that it
    cannot, because the board was frozen before. ``review`` is there for a score that was held. ``by_parts``
    and ``gains`` are None for a rule that cannot work; ``layer`` is of a score that counts under a policy by
    layers.
    """

    score: Score
    by_parts: formula.Sum | None
    gains: gaining.Gains | None
    layer: layer.OfBoard | None
    energy: Energy | None
    record: Record | None
    is_estimate: bool
    place: dict[str, Any] | None
    is_the_one_that_counts: bool
    is_after_freeze: bool
    review: Told | None
    groups: list[GroupTotal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One public case with what the model really answered."""

    case: cases.ShownCase
    run: Run


def line(submission: Submission) -> Line:
    """Uses the prefetched ``outcome.evaluations()``."""
    evaluation = outcome.current(submission)
    return Line(submission=submission, evaluation=evaluation, score=outcome.score_of(evaluation))


def following(shown: Line) -> Following:
    """Progress is None once nothing more is to come."""
    submission, evaluation = shown.submission, shown.evaluation
    absence = waiting.absence(submission, evaluation)
    return Following(
        progress=None if evaluation.is_final else outcome.progress(submission, evaluation, absence),
        absence=absence,
        history=_history(evaluation),
    )


def _history(evaluation: Evaluation) -> History:
    last = list(evaluation.changes.order_by("-number").annotate(read_at=Now())[:STEPS_SHOWN])
    return History(
        steps=[Step(at=change.at, text=change.get_reason_display()) for change in reversed(last)],
        before=last[-1].number - 1 if last else 0,
        read_at=last[0].read_at if last else None,
    )


def fault(evaluation: Evaluation) -> Fault | None:
    if evaluation.state in (State.ERRORED, State.CANCELLED):
        return Fault(
            is_theirs=False,
            is_cancelled=evaluation.state == State.CANCELLED,
            is_withdrawn=was_withdrawn(evaluation),
            code=evaluation.fault_code,
        )
    if evaluation.state != State.REJECTED:
        return None
    reason, fix = _their_fault(evaluation)
    return Fault(
        is_theirs=True,
        is_cancelled=False,
        is_withdrawn=False,
        code=evaluation.fault_code,
        reason=reason,
        fix=fix,
    )


def _their_fault(evaluation: Evaluation) -> tuple[str, str]:
    fix = _("Acorta las instrucciones o la plantilla y vuelve a enviarla.")
    if evaluation.fault_code != CONTEXT_TOO_LONG:
        return _("El modelo no ha podido ejecutar tu propuesta."), _(
            "Revisa la plantilla y vuelve a enviarla."
        )
    if (case := outcome.public_case_refused(evaluation.submission, evaluation)) is not None:
        return _("Con el caso %(case)s, tu propuesta no cabe en el contexto del modelo.") % {
            "case": case
        }, fix
    return _("Con alguno de los casos, tu propuesta no cabe en el contexto del modelo."), fix


def result(shown: Line) -> Result | None:
    submission, evaluation, score = shown.submission, shown.evaluation, shown.score
    if score is None:
        return None
    by_parts = formula.of_score(score)
    rows = _board_rows(submission)
    place = _place(rows, submission)
    counts = place is not None and _is_of(place, score)
    review = reviewing.told(score)
    return Result(
        score=score,
        by_parts=by_parts,
        gains=_gains(score) if by_parts is not None else None,
        layer=layer.find(score.policy, rows, place) if place is not None and counts else None,
        energy=_energy(evaluation),
        record=getattr(score, "record", None),
        is_estimate=score.evidence_grade in board.ESTIMATES,
        place=place,
        is_the_one_that_counts=counts,
        is_after_freeze=_is_after(submission.phase.freeze_at, score, review),
        review=review,
        groups=_groups(submission, evaluation),
    )


def _gains(score: Score) -> gaining.Gains:
    return gaining.of(
        policy=score.policy,
        parameters=score.policy_parameters,
        quality=score.quality,
        use=formula.use_of(score),
    )


def _is_after(freeze_at: datetime | None, score: Score, review: Told | None) -> bool:
    """Whether it counts since the freeze only; one that is kept out is not waiting for its end."""
    counts_since = score.created_at
    if review is not None:
        if not review.counts or review.decided_at is None:
            return False
        counts_since = review.decided_at
    return freeze_at is not None and counts_since >= freeze_at


def _energy(evaluation: Evaluation) -> Energy | None:
    account = energy_account.of(evaluation)
    if account is None:
        return None
    windows = account.windows
    return Energy(
        account=account,
        grade_words=energy_words.of_figure(account.grade, is_counted=account.is_counted),
        flag_words=energy_words.of_flags(account.flags),
        seconds=sum((window.seconds for window in windows), Decimal(0)),
        witness_note=next((window.witness_note for window in windows if window.witness_note), ""),
        lamp_s=account.energy_mj / 1000 / LAMP_W,
    )


def feedback(shown: Line) -> list[Feedback]:
    """The public cases that were answered; none before the score, and none of a suite that is not public."""
    suite = shown.submission.phase.feedback_suite
    if shown.score is None or suite is None or suite.visibility != Visibility.PUBLIC:
        return []
    runs = _runs(shown.evaluation).filter(case__suite=suite).select_related("case")
    return [Feedback(case=cases.shown(run.case), run=run) for run in runs]


def _runs(evaluation: Evaluation) -> QuerySet[Run]:
    # Answers and quality are those of the first repetition that counts.
    runs = Run.objects.filter(evaluation=evaluation, repetition=evaluation.series)
    return runs.order_by("case__position")


def _board_rows(submission: Submission) -> list[dict[str, Any]]:
    # The moment came with the submission: a page asks the clock no second time.
    return board.build(submission.phase, at=getattr(submission, "asked_at", None)).rows


def _place(rows: list[dict[str, Any]], submission: Submission) -> dict[str, Any] | None:
    mine = str(submission.participation.public_id)
    return next((row for row in rows if row["participation"] == mine), None)


def _is_of(place: dict[str, Any], score: Score) -> bool:
    """Whether the board's row shows this very score: two submissions may have equal figures."""
    shown_at = datetime.fromisoformat(place["scored_at"])
    milliseconds = score.created_at.microsecond // 1000 * 1000
    return Decimal(place["score"]) == score.value and shown_at == score.created_at.replace(
        microsecond=milliseconds
    )


def _groups(submission: Submission, evaluation: Evaluation) -> list[GroupTotal]:
    by_group: dict[str, list[GradedCase]] = defaultdict(list)
    ranked = _runs(evaluation).filter(case__suite=submission.phase.ranked_suite)
    # Grades and nothing else: no text of a private case comes anywhere near a page.
    for name, grade, weight in ranked.values_list("case__group", "grade", "case__weight"):
        by_group[name].append(GradedCase(value=grade, weight=weight))
    return [
        GroupTotal(name=name, cases=len(graded), quality=weighted_mean(graded))
        for name, graded in by_group.items()
    ]
