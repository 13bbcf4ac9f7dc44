"""The rows of a demo: tables, static files, the challenge of our own pack, and who takes part in it.

``launch`` calls it once Django is set up. Each function may run again on a folder that has everything
already.
"""

from __future__ import annotations

from pathlib import Path

from django.core.management import call_command

from challenges import board, dispatch
from challenges.errors import ChallengeClosed
from challenges.models import Challenge, Participation, Phase
from challenges.packs import PackError, load, store
from desafio.demo import accounts
from desafio.demo.accounts import Account
from desafio.demo.folder import DataFolder
from desafio.demo.reasons import CannotStart
from scoring.energy.window import best_source


def make_tables() -> None:
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)


def gather_static_files() -> None:
    call_command("collectstatic", interactive=False, verbosity=0)


def load_pack(folder: Path) -> Challenge:
    """The challenge of the pack in ``folder``. Raises CannotStart with file, line and fix.

    A phase made now ranks the best energy figure that this machine can give; one made before keeps its own.
    """
    try:
        return store(load(folder), evidence_grade=best_source().grade).challenge
    except PackError as fault:
        raise CannotStart(f"El paquete {folder} tiene errores:\n{fault}") from fault


def open_phase(challenge: Challenge) -> Phase:
    now = dispatch.now()
    phase = challenge.phases.filter(opens_at__lte=now, closes_at__gt=now).first()
    if phase is None:
        raise CannotStart(
            f"El desafío «{challenge}» no tiene hoy ninguna fase abierta: revisa las fechas de su paquete."
        )
    return phase


def admit_everybody(folder: DataFolder, challenge: Challenge) -> tuple[list[Account], list[Participation]]:
    """All accounts, and the contestants' participations in their order."""
    everybody = accounts.kept_in(folder)
    people = [(account, accounts.store(account)) for account in everybody]
    try:
        contestants = [
            accounts.join(account, person, challenge) for account, person in people if account.is_contestant
        ]
    except ChallengeClosed as fault:
        raise CannotStart(
            f"El desafío «{challenge}» ya está cerrado: revisa las fechas de su paquete."
        ) from fault
    return everybody, contestants


def board_body(phase: Phase) -> bytes:
    return board.build(phase).body
