"""The energy that a participation may spend: never more than there is, settled by what was measured."""

from __future__ import annotations

from decimal import Decimal

import pytest

from challenges import cancelling, lease, purse, standings, submission
from challenges.errors import PurseExhausted
from challenges.lease import Lease
from challenges.models import Participation, Phase, Purse, Reason, Reservation, State, Submission
from challenges.standings import Judged
from scoring.values import EvidenceGrade, PolicyResult
from tests.factories import PROMPT, a_participation, a_person, a_phase, unsealed
from tests.in_parallel import in_parallel

pytestmark = pytest.mark.django_db


def estimate(phase: Phase) -> int:
    found = submission.read(phase, PROMPT)
    return purse.estimate_mj(phase, found)


def a_phase_for(evaluations: float) -> Phase:
    """A phase whose purse holds the estimate of so many evaluations."""
    phase = a_phase()
    phase.energy_purse_mj = int(estimate(phase) * evaluations)
    phase.save()
    return phase


def hand_in(participation: Participation, phase: Phase, key: str) -> Submission:
    return submission.submit(participation=participation, phase=phase, content=PROMPT, idempotency_key=key)


def sums(participation: Participation) -> tuple[int, int]:
    row = Purse.objects.get(participation=participation)
    return row.reserved_mj, row.spent_mj


def claimed_up_to(state: State) -> Lease:
    held = lease.claim("obrero")
    assert held is not None
    if state in (State.RUNNING, State.GRADING):
        lease.transition(held, to=State.RUNNING, reason=Reason.STARTED)
    if state == State.GRADING:
        lease.transition(held, to=State.GRADING, reason=Reason.ANSWERED)
    return held


def score(held: Lease, *, energy_mj: int) -> None:
    result = PolicyResult(
        score=Decimal(50), quality=Decimal("0.5"), green=Decimal("0.5"), reaches_minimum=True
    )
    judged = Judged(
        result=result,
        energy_mj=energy_mj,
        evidence_grade=EvidenceGrade.E,
        prompt_tokens=1,
        completion_tokens=1,
    )
    standings.record(held, judged=judged, seal=unsealed)


def test_what_is_handed_in_is_set_aside_and_the_measured_figure_takes_its_place() -> None:
    phase = a_phase_for(1.5)
    ana = a_participation(phase)
    hand_in(ana, phase, "k1")
    assert sums(ana) == (estimate(phase), 0)
    score(claimed_up_to(State.GRADING), energy_mj=777)
    assert sums(ana) == (0, 777)
    left = purse.balance(ana, phase)
    assert left is not None
    assert phase.energy_purse_mj is not None
    assert left.left_mj == phase.energy_purse_mj - 777


def test_what_the_purse_does_not_hold_is_refused_and_takes_no_attempt() -> None:
    phase = a_phase_for(1.5)
    ana = a_participation(phase)
    hand_in(ana, phase, "k1")
    with pytest.raises(PurseExhausted) as refused:
        hand_in(ana, phase, "k2")
    assert refused.value.needed_mj == estimate(phase)
    assert refused.value.left_mj == phase.energy_purse_mj - estimate(phase)  # type: ignore[operator]
    assert Submission.objects.count() == 1
    assert submission.quota(ana, phase).used_phase == 1
    hand_in(a_participation(phase), phase, "k1")


@pytest.mark.parametrize(
    ("state", "to", "reason"),
    [
        (State.PREPARING, State.ERRORED, Reason.FAILED_FOR_GOOD),
        (State.RUNNING, State.REJECTED, Reason.REFUSED),
    ],
)
def test_an_end_without_a_measured_figure_gives_all_of_it_back(
    state: State, to: State, reason: Reason
) -> None:
    phase = a_phase_for(1)
    ana = a_participation(phase)
    hand_in(ana, phase, "k1")
    lease.transition(claimed_up_to(state), to=to, reason=reason)
    assert sums(ana) == (0, 0)
    assert Reservation.objects.get().settled_mj == 0
    hand_in(ana, phase, "k2")


def test_what_is_taken_back_or_cancelled_gives_all_of_it_back() -> None:
    phase = a_phase_for(2)
    ana = a_participation(phase)
    cancelling.withdraw(hand_in(ana, phase, "k1"))
    stopped = hand_in(ana, phase, "k2").evaluations.get()
    assert cancelling.cancel(stopped, person=a_person(is_staff=True), why="un error en la fase")
    assert sums(ana) == (0, 0)


def test_a_wait_or_another_try_keeps_it_set_aside() -> None:
    phase = a_phase_for(1)
    ana = a_participation(phase)
    hand_in(ana, phase, "k1")
    lease.transition(claimed_up_to(State.RUNNING), to=State.QUEUED, reason=Reason.FAILED)
    assert sums(ana) == (estimate(phase), 0)
    lease.transition(claimed_up_to(State.RUNNING), to=State.HELD, reason=Reason.BACKEND_AWAY)
    assert sums(ana) == (estimate(phase), 0)


def test_a_run_may_cost_more_than_was_set_aside_and_then_nothing_is_left() -> None:
    phase = a_phase_for(1)
    ana = a_participation(phase)
    hand_in(ana, phase, "k1")
    assert phase.energy_purse_mj is not None
    score(claimed_up_to(State.GRADING), energy_mj=phase.energy_purse_mj + 5)
    with pytest.raises(PurseExhausted) as refused:
        hand_in(ana, phase, "k2")
    assert refused.value.left_mj == 0


def test_a_phase_without_a_purse_keeps_no_accounts() -> None:
    phase = a_phase()
    hand_in(a_participation(phase), phase, "k1")
    assert not Purse.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_submissions_of_the_same_moment_never_reserve_more_than_there_is() -> None:
    phase = a_phase_for(3)
    ana = a_participation(phase)
    results = in_parallel(*[lambda key=key: hand_in(ana, phase, key) for key in "abcdefgh"])
    refused = [each for each in results if isinstance(each, PurseExhausted)]
    assert (len(refused), Submission.objects.count()) == (5, 3)
    assert sums(ana) == (3 * estimate(phase), 0)
