"""Plants one mutant in a copy of the tree and runs the tests that should notice it.

``python -m tests.mutants`` and ``tests/challenges/test_mutants.py`` call it. The tree itself stays as it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.mutants.mutant import Edit, Mutant
from tests.mutants.planted import MUTANTS

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("challenges", "scoring", "platform", "templates", "packs", "tests", "manage.py", "pyproject.toml")
AT_ONCE = 2
LONGEST_S = 300
# Of pytest: all passed, some failed.
PASSED, FAILED = 0, 1
# Without migrations it takes half the time; that the schema is that of the models, other checks say.
ARGUMENTS = ("-x", "-q", "--no-header", "--nomigrations", "-p", "no:cacheprovider", "-p", "no:xdist")


class DoesNotApply(Exception):
    """The text that a mutant changes is no longer there exactly once: the mutant must follow the code."""


class Fate(StrEnum):
    CAUGHT = "caught"
    LIVES = "LIVES"
    UNCLEAR = "UNCLEAR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``told`` is the last that pytest said."""

    mutant: Mutant
    fate: Fate
    seconds: float
    told: str


def chosen(names: Sequence[str]) -> tuple[Mutant, ...]:
    """Those whose names hold one of ``names``; all without any."""
    return tuple(each for each in MUTANTS if not names or any(name in each.name for name in names))


def controls(mutants: Sequence[Mutant]) -> tuple[Mutant, ...]:
    """The same tests with nothing changed: all of these must live, or the tests say nothing."""
    selections = sorted({(each.caught_by, each.database) for each in mutants})
    return tuple(
        Mutant(name=f"nothing is changed, {number}", edits=(), caught_by=caught_by, database=database)
        for number, (caught_by, database) in enumerate(selections, start=1)
    )


def check(mutant: Mutant) -> None:
    """Raise DoesNotApply, or SyntaxError for code that is no Python any more."""
    for file in {edit.file for edit in mutant.edits}:
        mutated = _mutated(mutant, file)
        if file.endswith(".py"):
            compile(mutated, file, "exec")


def run(mutants: Sequence[Mutant], *, tell: Callable[[Outcome], None]) -> list[Outcome]:
    """Try all of them, some at once, in their order; ``tell`` hears of each as soon as it is known."""
    for mutant in mutants:
        check(mutant)
    outcomes = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for outcome in pool.map(_try, mutants):
            tell(outcome)
            outcomes.append(outcome)
    return outcomes


def _try(mutant: Mutant) -> Outcome:
    started = time.monotonic()
    with _copy() as tree:
        for file in {edit.file for edit in mutant.edits}:
            (tree / file).write_text(_mutated(mutant, file))
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", *ARGUMENTS, *mutant.caught_by],
            cwd=tree,
            env=_environment(mutant),
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
    fate = {PASSED: Fate.LIVES, FAILED: Fate.CAUGHT}.get(ended.returncode, Fate.UNCLEAR)
    told = (ended.stdout.strip() or ended.stderr.strip() or "nothing").splitlines()
    return Outcome(
        mutant=mutant, fate=fate, seconds=time.monotonic() - started, told=_what_failed(told) or told[-1]
    )


def _what_failed(lines: Sequence[str]) -> str:
    failed = [line for line in lines if line.startswith(("FAILED tests", "ERROR tests"))]
    return failed[0] if failed else ""


@contextmanager
def _copy() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = Path(folder)
        for name in NEEDED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, tree / name)
        yield tree


def _environment(mutant: Mutant) -> dict[str, str]:
    """That of a pytest which nobody has prepared yet."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("DESAFIO_", "PYTEST_"))}
    for name in ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "TEST_DATABASE"):
        ours.pop(name, None)
    if mutant.database == "postgres":
        ours["TEST_DATABASE"] = "postgres"
    return {**ours, "PYTHONDONTWRITEBYTECODE": "1"}


def _mutated(mutant: Mutant, file: str) -> str:
    text = (ROOT / file).read_text()
    for edit in mutant.edits:
        if edit.file == file:
            text = _edited(text, edit, mutant)
    return text


def _edited(text: str, edit: Edit, mutant: Mutant) -> str:
    times = text.count(edit.old)
    if times != 1:
        raise DoesNotApply(
            f"the mutant no longer applies: «{mutant.name}» wants to change a text that stands {times} times "
            f"in {edit.file}:\n{edit.old}"
        )
    return text.replace(edit.old, edit.new)
