"""One storm from its first process to its last count: ``weather(plan)``.

It sets up Django for databases of its own, so that it runs once in a process that has not done so:
``python -m tests.storm``, which ``./alia storm`` and the tests start.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tests.storm import stage, truth
from tests.storm.plan import BROKER, DATABASE, FREEZES, KILLS, Kind, Plan
from tests.storm.report import Figures, Report
from tests.storm.stage import Stage

if TYPE_CHECKING:
    from challenges.models import Participation, Phase
    from tests.storm.audit import Recovery
    from tests.storm.faults import Faults
    from tests.storm.handing_in import HandingIn

LOOK_EVERY_S = 0.05
TELL_EVERY_S = 5.0
# Nothing scored for so long: whatever is left is lost.
STANDSTILL_S = 60.0
PURSE_MJ = 10**12

# What a worker logs when it may not write: its lease is another's, or the server ended its session meanwhile.
REFUSALS = ("is no longer held", "database away")

Tell = Callable[[str], None]


def weather(plan: Plan, *, tell: Tell = lambda line: print(line, file=sys.stderr, flush=True)) -> Report:
    """Carry out the plan and count. The logs are deleted after a storm that was weathered, else named."""
    folder = Path(tempfile.mkdtemp(prefix="desafio-storm-"))
    keeps_logs = True
    try:
        report = _weather(plan, folder, tell)
        keeps_logs = bool(report.broken_promises())
    finally:
        if keeps_logs:
            tell(f"the logs of all processes lie in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return report


def _weather(plan: Plan, folder: Path, tell: Tell) -> Report:
    began = time.monotonic()
    with ExitStack() as ends:
        ours = stage.prepare(folder, database=plan.database)
        ends.callback(ours.close)
        backend_url = _start(ours, plan)
        phase, participations = _make_rows(plan)
        for _ in range(plan.workers):
            ours.start_worker()

        from tests.storm.faults import Faults
        from tests.storm.handing_in import HandingIn

        handing_in, faults = HandingIn(plan, phase, participations), Faults(ours)
        ends.callback(handing_in.stop)
        set_up = time.monotonic()
        handing_in.start()
        _let_it_rage(plan, handing_in, faults, tell)
        over = time.monotonic()
        handing_in.stop()
        ours.stop_workers()
        times = (set_up - began, over - set_up)
        return _count(plan, ours, phase, handing_in, faults, backend_url, times)


def _start(ours: Stage, plan: Plan) -> str:
    """All processes but the workers, and the tables."""
    import django

    backend_url = ours.start_backend(answer_ms=plan.answer_ms)
    ours.valkey.start()
    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    settings.PASSWORD_HASHERS = ["tests.hashing.QuickArgon2"]
    call_command("migrate", interactive=False, verbosity=0)
    ours.start_sweeper()
    return backend_url


def _make_rows(plan: Plan) -> tuple[Phase, list[Participation]]:
    from challenges.models import Ties
    from tests.factories import a_challenge, a_participation, a_phase

    ranked, public = split(plan.cases)
    challenge = a_challenge()
    phase = a_phase(
        challenge,
        ranked_cases=truth.suite_of(ranked),
        feedback_cases=truth.suite_of(public),
        policy=truth.POLICY,
        policy_parameters=dict(truth.PARAMETERS),
        attempts_per_day=plan.submissions,
        attempts_per_phase=plan.submissions,
        # Never exhausted: it is there for what is reserved and settled on the way.
        energy_purse_mj=PURSE_MJ,
        # The audit works places out from scores alone.
        ties=Ties.SCORE,
        # One call at a time: a kill cuts or repeats no more than the calls that are in flight.
        concurrency=1,
    )
    return phase, [a_participation(phase) for _ in range(plan.participations)]


def split(cases: int) -> tuple[range, range]:
    """The numbers of the ranked cases, and that of the public one, which there is from two cases on."""
    ranked = max(1, cases - 1)
    return range(ranked), range(ranked, cases)


def _let_it_rage(plan: Plan, handing_in: HandingIn, faults: Faults, tell: Tell) -> None:
    """Until everything is scored and everything of the plan has happened, or until nothing goes on."""
    from challenges.models import Evaluation, State

    coming = list(plan.events)
    scored, moved_at, told_at = -1, time.monotonic(), time.monotonic()
    while time.monotonic() < moved_at + STANDSTILL_S:
        now_scored = Evaluation.objects.filter(state=State.SCORED).count()
        if now_scored != scored:
            scored, moved_at = now_scored, time.monotonic()
            handing_in.tell_scored(scored)
        if coming and coming[0].after <= scored:
            event = coming.pop(0)
            tell(f"  {scored} scored: {event.kind}")
            faults.carry_out(event)
            moved_at = time.monotonic()
        faults.thaw_who_is_due()
        if not coming and handing_in.is_over and not faults.is_anybody_frozen and _is_all_over():
            return
        if time.monotonic() > told_at + TELL_EVERY_S:
            told_at = time.monotonic()
            tell(f"  {scored} of {plan.submissions} scored, {len(coming)} events to come")
        time.sleep(LOOK_EVERY_S)
    tell(f"  nothing was scored for {STANDSTILL_S:g} s")


def _is_all_over() -> bool:
    from challenges.models import Evaluation

    return not Evaluation.objects.unfinished().exists()


def _count(
    plan: Plan,
    ours: Stage,
    phase: Phase,
    handing_in: HandingIn,
    faults: Faults,
    backend_url: str,
    times: tuple[float, float],
) -> Report:
    from challenges.models import Score
    from tests.storm import audit

    began = time.monotonic()
    calls = audit.calls_of(backend_url)
    found = audit.Audit(
        plan=plan, phase=phase, ranked=split(plan.cases)[0], handed_in=handing_in, calls=calls
    )
    lost, doubled, wrong = found.lost(), found.doubled(), found.wrong()
    recoveries = audit.recoveries(faults.orphaned, faults.sweeper_killed_at)
    holds, told = audit.check_invariants()
    setup_s, wall_s = times
    scored = Score.objects.count()
    figures = Figures(
        accepted=len(handing_in.accepted),
        scored=scored,
        lost=len(lost),
        doubled=len(doubled),
        wrong=len(wrong),
        calls=plan.submissions * plan.cases,
        repeated=calls.repeated,
        cut=calls.cut,
        refused_writes=sum(map(ours.worker_logs().count, REFUSALS)),
        refused_tally=audit.refused_tally(),
        kills=sum(faults.done[kind] for kind in KILLS),
        freezes=sum(faults.done[kind] for kind in FREEZES),
        broker_restarts=sum(faults.done[kind] for kind in BROKER),
        database_restarts=sum(faults.done[kind] for kind in DATABASE),
        sweeper_kills=faults.done[Kind.KILL_SWEEPER],
        recoveries=len(recoveries),
        longest_recovery_s=_longest_s(each for each in recoveries if not each.without_sweeper),
        longest_without_sweeper_s=_longest_s(each for each in recoveries if each.without_sweeper),
        wall_s=wall_s,
        evaluations_per_s=scored / wall_s,
        setup_s=setup_s,
        audit_s=time.monotonic() - began,
        invariants_hold=holds,
    )
    details = {
        "lost": lost,
        "doubled": doubled,
        "wrong": wrong,
        "recoveries": [str(each) for each in recoveries],
        "faults of the database": handing_in.faults,
        "notes": faults.notes,
        "invariants": [] if holds else [told],
    }
    kinds = {"kills": KILLS, "freezes": FREEZES, "broker restarts": BROKER, "database restarts": DATABASE}
    planned = {name: plan.how_many(found) for name, found in kinds.items()}
    return Report(
        seed=plan.seed,
        submissions=plan.submissions,
        cases=plan.cases,
        database=plan.database,
        lease_s=int(os.environ["LEASE_SECONDS"]),
        planned=planned,
        figures=figures,
        details={name: lines for name, lines in details.items() if lines},
    )


def _longest_s(recoveries: Iterable[Recovery]) -> float | None:
    return max((each.claimed_s for each in recoveries), default=None)
