"""The tests notice when somebody breaks the engine: each planted mistake makes one of them fail."""

from __future__ import annotations

import os

import pytest

from tests.mutants.mutant import Edit, Mutant
from tests.mutants.planted import MUTANTS
from tests.mutants.running import DoesNotApply, Fate, Outcome, check, run

# Those before it are tried each time: a whole run takes as long as a storm.
EACH_TIME = 76


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_still_fits_the_code(mutant: Mutant) -> None:
    check(mutant)


def test_a_mutant_whose_text_is_gone_says_so() -> None:
    gone = Edit(file="challenges/lease.py", old="nobody ever wrote this", new="")
    with pytest.raises(DoesNotApply, match="the mutant no longer applies: «ghost»"):
        check(Mutant(name="ghost", edits=(gone,), caught_by=("tests/challenges/test_lease.py",)))


@pytest.mark.storm
def test_a_mutant_that_changes_nothing_lives_and_tests_that_do_not_exist_catch_nothing() -> None:
    comment = Edit(file="challenges/turns.py", old="# What a contestant's", new="# What any contestant's")
    harmless = Mutant(
        name="harmless", edits=(comment,), caught_by=("tests/challenges/test_lease.py", "-k", "stale")
    )
    unwatched = Mutant(
        name="unwatched", edits=(comment,), caught_by=("tests/challenges/test_lease.py", "-k", "no_such_test")
    )
    assert [each.fate for each in run([harmless, unwatched], tell=_say)] == [Fate.LIVES, Fate.UNCLEAR]


@pytest.mark.storm
def test_no_mutant_lives() -> None:
    """The engine's and the record's, and every sixth of the others; all of them with ``MUTANTS=all``."""
    is_all = os.environ.get("MUTANTS") == "all"
    outcomes = run(MUTANTS if is_all else (*MUTANTS[:EACH_TIME], *MUTANTS[EACH_TIME::6]), tell=_say)
    survivors = [(each.mutant.name, each.fate, each.told) for each in outcomes if each.fate != Fate.CAUGHT]
    assert survivors == []


def _say(outcome: Outcome) -> None:
    print(f"{outcome.fate} in {outcome.seconds:.1f} s: {outcome.mutant.name}")
