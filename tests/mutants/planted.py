"""Mistakes that somebody could make in the engine, and the tests that must notice each.

An edit's old text stands exactly once in its file. Where one guard hides the absence of another, a mutant
takes both away: what is shown is that no test passes without the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Database = Literal["sqlite", "postgres"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """``caught_by`` are arguments of pytest: a file, or a file and the part of a test's name after ``-k``."""

    name: str
    edits: tuple[Edit, ...]
    caught_by: tuple[str, ...]
    database: Database = "sqlite"


def _mutant(
    name: str, file: str, old: str, new: str, *caught_by: str, database: Database = "sqlite"
) -> Mutant:
    return Mutant(
        name=name, edits=(Edit(file=file, old=old, new=new),), caught_by=caught_by, database=database
    )


MUTANTS: tuple[Mutant, ...] = (
    # --- leases and fences ----------------------------------------------------------------------------------
    _mutant(
        "a write does not look at its fence",
        "challenges/lease.py",
        "pk=lease.evaluation_id, fence=lease.fence, lease_until__gt=Now()",
        "pk=lease.evaluation_id, lease_until__gt=Now()",
        "tests/challenges/test_stale_writes.py",
    ),
    _mutant(
        "a lease is renewed after its end",
        "challenges/lease.py",
        "pk=lease.evaluation_id, fence=lease.fence, lease_until__gt=Now()",
        "pk=lease.evaluation_id, fence=lease.fence",
        "tests/challenges/test_stale_writes.py",
    ),
    _mutant(
        "a claim gives no new fence",
        "challenges/lease.py",
        '"fence": F("fence") + 1,',
        '"fence": F("fence"),',
        "tests/challenges/test_lease.py",
    ),
    _mutant(
        "a run is stored without the lease",
        "challenges/case_runs.py",
        "        lease.renew(part.held)\n",
        "",
        "tests/challenges/test_stale_writes.py",
    ),
    _mutant(
        "a measurement is stored without the lease",
        "challenges/energy_window.py",
        "        lease.renew(held)\n",
        "",
        "tests/challenges/test_stale_writes.py",
    ),
    _mutant(
        "the sweeper takes leases that are good",
        "challenges/sweeping.py",
        "Evaluation.objects.active().filter(lease_until__lte=Now())",
        "Evaluation.objects.active()",
        "tests/challenges/test_sweeping.py",
        "-k",
        "ran_out",
    ),
    _mutant(
        "silence is not counted",
        "challenges/sweeping.py",
        'fields = {"expiries": F("expiries") + 1, "rung_at": None}',
        'fields = {"rung_at": None}',
        "tests/challenges/test_dying_workers.py",
    ),
    # --- claims ---------------------------------------------------------------------------------------------
    Mutant(
        name="a claim locks nothing and its update has no condition",
        edits=(
            Edit(
                file="challenges/lease.py",
                old='rows.select_for_update(skip_locked=True, of=("self",)).first()',
                new="rows.first()",
            ),
            Edit(
                file="challenges/transitions.py",
                old='allowed.select_for_update(skip_locked=skip_locked, of=("self",)).only(',
                new="allowed.only(",
            ),
            Edit(
                file="challenges/transitions.py",
                old="Evaluation.objects.filter(pk__in=pks, state__in=befores).update(",
                new="Evaluation.objects.filter(pk__in=pks).update(",
            ),
            Edit(
                file="challenges/lease.py",
                old="Participation.objects.select_for_update(no_key=True)",
                new="Participation.objects",
            ),
        ),
        caught_by=("tests/challenges/test_lease.py", "-k", "two_claimers or same_moment"),
        database="postgres",
    ),
    _mutant(
        "a claimer waits for rows that another has",
        "challenges/lease.py",
        'rows.select_for_update(skip_locked=True, of=("self",)).first()',
        'rows.select_for_update(of=("self",)).first()',
        "tests/challenges/test_nobody_waits.py",
        database="postgres",
    ),
    _mutant(
        "a claim does not wait until a rest is over",
        "challenges/lease.py",
        "IS_WAITING & IS_RESTED & ",
        "IS_WAITING & ",
        "tests/challenges/test_lease.py",
        "-k",
        "before_its_time",
    ),
    Mutant(
        name="a claim does not count what a participation has running",
        edits=(
            Edit(
                file="challenges/lease.py",
                old=" & ~Q(participation__in=_full_participations())",
                new="",
            ),
            Edit(
                file="challenges/lease.py",
                old="if not _may_run_another(row.participation_id, at_most=row.most_running):",
                new="if False:",
            ),
        ),
        caught_by=("tests/challenges/test_lease.py", "-k", "only_so_many"),
    ),
    _mutant(
        "what one phase lets run is let run by another with the same participation",
        "challenges/lease.py",
        "if not _may_run_another(row.participation_id, at_most=row.most_running):",
        "if False:",
        "tests/challenges/test_lease.py",
        "-k",
        "each_phase_has",
    ),
    _mutant(
        "a participation that one phase holds back is held back in all",
        "challenges/lease.py",
        "Q(participation=row.participation_id) & of_this_phase",
        "Q(participation=row.participation_id)",
        "tests/challenges/test_lease.py",
        "-k",
        "each_phase_has",
    ),
    _mutant(
        "a claim does not look again under the participation's lock",
        "challenges/lease.py",
        "if not _may_run_another(row.participation_id, at_most=row.most_running):",
        "if False:",
        "tests/challenges/test_lease.py",
        "-k",
        "same_moment",
        database="postgres",
    ),
    _mutant(
        "turns do not advance, so that one participation takes all",
        "challenges/turns.py",
        "max(earliest, last + cost)",
        "earliest",
        "tests/challenges/test_lease.py",
        "-k",
        "take_turns or behind_their_own",
    ),
    _mutant(
        "turns begin at the smallest that waits, not at the virtual time",
        "challenges/turns.py",
        "    return served or 0\n",
        "    return 0\n",
        "tests/challenges/test_lease.py",
        "-k",
        "away_gains_nothing",
    ),
    _mutant(
        "claims go by arrival and not by turn",
        "challenges/models/evaluation.py",
        'return self.order_by("turn", "id")',
        'return self.order_by("id")',
        "tests/challenges/test_lease.py",
        "-k",
        "take_turns or behind_their_own",
    ),
    # --- handing in -----------------------------------------------------------------------------------------
    _mutant(
        "attempts are counted without the participation's lock",
        "challenges/submission.py",
        "locked = Participation.objects.select_for_update(",
        "locked = (lambda **_: Participation.objects)(",
        "tests/challenges/test_submission.py",
        "-k",
        "twenty_at_once",
        database="postgres",
    ),
    _mutant(
        "the key of two clicks is not looked for again under the lock",
        "challenges/submission.py",
        """        if (earlier := _earlier(participation, phase, idempotency_key, canonical)) is not None:
            return earlier
        now =""",
        "        now =",
        "tests/challenges/test_submission.py",
        "-k",
        "two_clicks",
        database="postgres",
    ),
    _mutant(
        "more energy is set aside than the purse holds",
        "challenges/purse.py",
        "    if estimated_mj > left:\n",
        "    if estimated_mj > phase.energy_purse_mj:\n",
        "tests/challenges/test_purse.py",
    ),
    _mutant(
        "what was rejected is given back",
        "challenges/models/evaluation.py",
        "REFUNDED = (State.ERRORED, State.CANCELLED)",
        "REFUNDED = (State.ERRORED, State.CANCELLED, State.REJECTED)",
        "tests/challenges/test_submission.py",
        "-k",
        "every_other_end",
    ),
    Mutant(
        name="a ring that fails is the contestant's",
        edits=(
            Edit(
                file="challenges/after_commit.py",
                old="transaction.on_commit(run, robust=True)",
                new="transaction.on_commit(run)",
            ),
            Edit(
                file="challenges/dispatch.py",
                old="        current_app.send_task(WORK_TASK, retry=False, ignore_result=True)\n"
                "    except (OperationalError, RedisError, OSError) as fault:",
                new="        current_app.send_task(WORK_TASK, retry=False, ignore_result=True)\n"
                "    except ZeroDivisionError as fault:",
            ),
        ),
        caught_by=("tests/challenges/test_submission.py", "-k", "without_a_broker"),
    ),
    _mutant(
        "what has begun can be withdrawn",
        "challenges/cancelling.py",
        "Evaluation.objects.filter(submission=submission, fence=0)",
        "Evaluation.objects.filter(submission=submission)",
        "tests/challenges/test_cancelling.py",
    ),
    # --- judging and scores ---------------------------------------------------------------------------------
    _mutant(
        "a score is recorded without the lease",
        "challenges/standings.py",
        """        lease.transition(
            held,
            to=State.SCORED,
            reason=Reason.SCORED,
            spent_mj=judged.energy_mj,
            fields={"fault_code": "", "fault_detail": ""},
        )
""",
        "",
        "tests/challenges/test_stale_writes.py",
    ),
    _mutant(
        "an answer that is none is graded as an empty one",
        "challenges/judging.py",
        "        self.note(fault)\n        self.in_a_row += 1\n",
        """        from scoring.values import Completion

        empty = Completion(
            text="", prompt_tokens=0, completion_tokens=0, finish_reason="stop", model="",
            first_token_ms=0.0, duration_ms=0.0,
        )
        await sync_to_async(case_runs.store)(self.part, key=outcome.key, completion=empty)
        return
""",
        "tests/challenges/test_evaluation.py",
        "-k",
        "tried_three_times",
    ),
    _mutant(
        "a counter's window that was interrupted goes on",
        "challenges/judging.py",
        "return source.resumable and same_model",
        "return same_model",
        "tests/challenges/test_evaluation.py",
        "-k",
        "was_interrupted",
    ),
    _mutant(
        "answers of two models are mixed",
        "challenges/judging.py",
        "return source.resumable and same_model",
        "return source.resumable",
        "tests/challenges/test_evaluation.py",
        "-k",
        "two_models",
    ),
    _mutant(
        "cases that were changed go on judging",
        "challenges/suite_hash.py",
        "    return digest(slots=suite.slots, ",
        "    return suite.sha256 or digest(slots=suite.slots, ",
        "tests/challenges/test_invariants.py",
        "-k",
        "hash or suites",
    ),
    _mutant(
        "a fault never is the last",
        "challenges/evaluation.py",
        "    if row.failures >= MOST_FAILURES:\n",
        "    if row.failures > MOST_FAILURES:\n",
        "tests/challenges/test_evaluation.py",
        "-k",
        "tried_three_times",
    ),
    _mutant(
        "a standing follows the last score, not the best",
        "challenges/merit.py",
        "return min(scores, key=_merit)",
        "return max(scores, key=lambda score: score.pk)",
        "tests/challenges/test_standings.py",
        "-k",
        "better_score",
    ),
    _mutant(
        "a score leaves the board's version as it was",
        "challenges/standings.py",
        """participation_id=submission.participation_id))
        _grow_version(phase)
""",
        """participation_id=submission.participation_id))
""",
        "tests/challenges/test_standings.py",
        "-k",
        "first_score",
    ),
    # --- history, purses and circuits -----------------------------------------------------------------------
    _mutant(
        "a step is left out of the history",
        "challenges/transitions.py",
        "for row in batch\n        )",
        "for row in batch[:0]\n        )",
        "tests/challenges/test_lease.py",
        "-k",
        "each_step_says",
    ),
    _mutant(
        "energy that was set aside is never settled",
        "challenges/transitions.py",
        "if to in FINAL and to != State.SUPERSEDED:",
        "if to not in FINAL:",
        "tests/challenges/test_purse.py",
    ),
    _mutant(
        "a circuit never opens",
        "challenges/circuits.py",
        "if is_certain or len(circuit.suspects) >= FAILURES_IN_A_ROW:",
        "if not circuit.suspects:",
        "tests/challenges/test_evaluation.py",
        "-k",
        "costs_nobody_a_try or three_evaluations_in_a_row",
    ),
    _mutant(
        "a circuit never closes",
        "challenges/circuits.py",
        "    if circuit.opened_at is None:\n        return\n    held_s",
        "    if circuit.name:\n        return\n    held_s",
        "tests/challenges/test_evaluation.py",
        "-k",
        "costs_nobody_a_try",
    ),
    _mutant(
        "everybody may be claimed while a circuit is open",
        "challenges/lease.py",
        "may_start &= ~(circuits.affected_by(circuit) & ~Q(pk__in=trials))",
        "may_start &= ~(circuits.affected_by(circuit) & Q(pk=0))",
        "tests/challenges/test_evaluation.py",
        "-k",
        "nobody_runs_into_it",
    ),
    _mutant(
        "the trial of a circuit is held with all the others",
        "challenges/sweeping.py",
        "waiting.exclude(pk__in=trials)",
        "waiting",
        "tests/challenges/test_trials.py",
        "-k",
        "not_held_again",
    ),
    _mutant(
        "what an open circuit concerns is let go with the others",
        "challenges/sweeping.py",
        """    for circuit in open_ones:
        rows = rows.exclude(circuits.affected_by(circuit))
    return rows
""",
        "    return rows\n",
        "tests/challenges/test_evaluation.py",
        "-k",
        "keeps_the_circuit_open or go_on_by_themselves",
    ),
    _mutant(
        "a failure counts though everybody waits",
        "challenges/evaluation.py",
        "is_counted = _died_under_it(row, held, fault) if waits else True",
        "is_counted = True",
        "tests/challenges/test_evaluation.py",
        "-k",
        "costs_nobody_a_try or costs_no_case",
    ),
    # --- the sealed records --------------------------------------------------------------------------------
    _mutant(
        "a score is written without its record",
        "challenges/standings.py",
        "        seal(score)\n",
        "",
        "tests/challenges/test_sealing.py",
        "-k",
        "each_score",
    ),
    _mutant(
        "a record follows none",
        "challenges/sealing.py",
        "head_of(last) if last else EMPTY",
        "EMPTY",
        "tests/challenges/test_sealing.py",
        "-k",
        "each_score",
    ),
    _mutant(
        "a record holds answers to private cases",
        "challenges/sealing.py",
        "answer=call.text if suite.visibility == Visibility.PUBLIC else None",
        "answer=call.text",
        "tests/challenges/test_sealing.py",
        "-k",
        "tells_nothing or each_score",
    ),
    _mutant(
        "private cases are told while a phase is judged on them",
        "challenges/record_export.py",
        "        _check_nobody_is_judged_on(suites)\n",
        "        pass\n",
        "tests/challenges/test_sealing.py",
        "-k",
        "closed_phase",
    ),
    _mutant(
        "a full disk costs a try",
        "challenges/evaluation.py",
        "    except StoreError as fault:\n        _record_not_kept(held, fault)\n",
        "    except StoreError as fault:\n        _give_up(held, fault, reason=Reason.CANNOT_BE_JUDGED)\n",
        "tests/challenges/test_sealing.py",
        "-k",
        "full_disk",
    ),
    _mutant(
        "a file that was changed is not looked at",
        "challenges/invariants/records.py",
        "store.read(row.sha256)",
        "store.path(row.sha256).read_bytes()",
        "tests/challenges/test_invariants.py",
        "-k",
        "record-file",
    ),
    _mutant(
        "what comes after a commit has no name",
        "challenges/after_commit.py",
        "    transaction.on_commit(run, robust=True)",
        "    from functools import partial\n\n    transaction.on_commit(partial(run), robust=True)",
        "tests/challenges/test_after_commit.py",
    ),
    # --- a database that restarts ---------------------------------------------------------------------------
    _mutant(
        "an answer is given up with the connection",
        "challenges/database_restart.py",
        "            if time.monotonic() > give_up_at:\n                raise\n",
        "            raise\n",
        "tests/challenges/test_database_restart.py",
    ),
    _mutant(
        "the connection that broke is kept",
        "challenges/database_restart.py",
        "            await sync_to_async(_leave_the_connection)()\n",
        "",
        "tests/challenges/test_database_restart.py",
        database="postgres",
    ),
)
