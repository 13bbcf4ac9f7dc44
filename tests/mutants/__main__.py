"""``python -m tests.mutants``: plant each mistake in a copy of the engine, see a test fail; 1 if one lives.

``--list`` names them, ``--only NAME`` tries those whose names hold NAME, and ``--control`` first runs the
same tests with nothing changed: then they must pass.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.mutants.mutant import Mutant
from tests.mutants.running import DoesNotApply, Fate, Outcome, chosen, controls, run


def main() -> int:
    options = _options()
    mutants = chosen(options.only)
    if not mutants:
        print("no mutant has such a name; see --list", file=sys.stderr)
        return 2
    if options.list:
        for mutant in mutants:
            print(f"{mutant.name:66} {mutant.database:8} {' '.join(mutant.caught_by)}")
        return 0
    try:
        is_well = not options.control or _all(controls(mutants), come_to=Fate.LIVES)
        return 0 if _all(mutants, come_to=Fate.CAUGHT) and is_well else 1
    except DoesNotApply as stale:
        print(stale, file=sys.stderr)
        return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--list", action="store_true", help="name the mutants and the tests against them")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="whose name holds it")
    parser.add_argument("--control", action="store_true", help="run the tests with nothing changed first")
    return parser.parse_args()


def _all(mutants: Sequence[Mutant], *, come_to: Fate) -> bool:
    outcomes = run(mutants, tell=_tell)
    number = sum(outcome.fate == come_to for outcome in outcomes)
    print(f"{number} of {len(outcomes)}: {come_to}")
    return number == len(outcomes)


def _tell(outcome: Outcome) -> None:
    line = f"{outcome.fate:8} {outcome.seconds:6.1f} s  {outcome.mutant.name:66} {outcome.told[:160]}"
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
