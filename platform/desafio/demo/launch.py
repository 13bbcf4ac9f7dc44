"""A demo from its first check to its end: rows, programs, examples, and the watch over them.

``__main__`` calls ``launch``. Modules that need Django are imported only after its settings are in the
environment.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from desafio.demo import machine, services, weights
from desafio.demo.console import Console, board_table, table
from desafio.demo.folder import DataFolder
from desafio.demo.processes import Supervisor
from desafio.demo.services import Places

if TYPE_CHECKING:
    from challenges.models import Phase, Submission
    from desafio.demo.accounts import Account

PACK = "energia-casa-oficina"
TICK_S = 0.3
# On two slow cores three submissions of eighty cases take some four minutes.
EXAMPLES_WITHIN_S = 20 * 60
# First what serves people and what writes, last what those need while they end. Under 10 s in all.
STOP_STAGES = ((("web", "live", "sweeper", "worker"), 6.5), (("model", "valkey"), 2.5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    port: int
    data: Path
    once: bool
    json: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeded:
    """What the demo was given: who can log in, where they compete, what was handed in."""

    accounts: list[Account]
    phase: Phase
    submissions: list[Submission]


def launch(options: Options, *, console: Console, root: Path, print_result: Callable[[str], None]) -> None:
    """Run a demo until it is interrupted, or with ``once`` to the end of its examples.

    ``root`` is the checkout, which holds ``packs``. Raises CannotStart, DidNotScore and KeyboardInterrupt,
    each after everything that was started has been stopped.
    """
    folder = DataFolder(options.data)
    folder.prepare()
    with folder.take():
        machine.check_ports(options.port)
        machine.check_memory()
        machine.check_disk(folder.root, has_weights=weights.is_there(folder.root))
        places = Places(folder=folder, port=options.port, model_port=machine.free_port())
        supervisor = Supervisor(console.say)
        try:
            _run(options, places, supervisor, console, root / "packs" / PACK, print_result)
        finally:
            _stop(supervisor, console)


def _run(
    options: Options,
    places: Places,
    supervisor: Supervisor,
    console: Console,
    pack: Path,
    print_result: Callable[[str], None],
) -> None:
    console.say(f"Desafío ALIA, demostración. Datos en {places.folder.root}")
    env = _set_up_django(places, console)
    _start_programs(places, env, supervisor, console)
    seeded = _seed(places, pack, console)
    if options.once:
        _wait_for_examples(seeded, supervisor, console)
        print_result(_board(seeded.phase, as_json=options.json))
        return
    _tell_where(places, seeded, console)
    _wait_for_examples(seeded, supervisor, console)
    console.say(_board(seeded.phase, as_json=False))
    console.say(f"\nTodo está en {places.url} · Ctrl-C para terminar.")
    while True:
        supervisor.tick()
        time.sleep(TICK_S)


def _set_up_django(places: Places, console: Console) -> dict[str, str]:
    """Settings into this process's environment, and the tables; returns the environment for the programs."""
    os.environ.update(services.settings_of(places))
    env = dict(os.environ)
    # What this process has to tell, the console tells; the programs' logs stay as talkative as they are set.
    os.environ["LOG_LEVEL"] = "ERROR"
    with console.step("Base de datos y ficheros de la web"):
        import django

        django.setup()
        from desafio.demo import rows

        rows.make_tables()
        rows.gather_static_files()
    return env


def _start_programs(places: Places, env: dict[str, str], supervisor: Supervisor, console: Console) -> None:
    with console.step("Pesos del modelo (Gemma 3 270M; condiciones: ai.google.dev/gemma/terms)"):
        weights.assemble(places.folder.root, progress=console.progress)
    for what, program in (
        ("Valkey, la mensajería", services.valkey),
        ("Modelo de lenguaje", services.model),
        ("Proceso que evalúa (Celery)", services.worker),
        ("Vigilante de la cola", services.sweeper),
        ("Web", services.web),
        ("Clasificación en directo", services.live),
    ):
        with console.step(what):
            supervisor.start(program(places, env))


def _seed(places: Places, pack: Path, console: Console) -> Seeded:
    from desafio.demo import examples, rows

    with console.step("Desafío «Energía en casa y en la oficina»"):
        challenge = rows.load_pack(pack)
        phase = rows.open_phase(challenge)
    with console.step("Cuentas"):
        accounts, participations = rows.admit_everybody(places.folder, challenge)
    with console.step("Tres envíos de ejemplo"):
        submissions = [
            examples.hand_in(name, folder=pack / "ejemplos", participation=participation, phase=phase)
            for name, participation in zip(examples.NAMES, participations, strict=True)
        ]
    return Seeded(accounts=accounts, phase=phase, submissions=submissions)


def _wait_for_examples(seeded: Seeded, supervisor: Supervisor, console: Console) -> None:
    from desafio.demo import examples

    with console.step("El modelo responde a los tres envíos"):
        examples.wait_for_scores(
            seeded.submissions, tick=supervisor.tick, say=console.say, within_s=EXAMPLES_WITHIN_S
        )


def _board(phase: Phase, *, as_json: bool) -> str:
    from desafio.demo import rows

    body = rows.board_body(phase).decode()
    return body if as_json else board_table(json.loads(body))


def _tell_where(places: Places, seeded: Seeded, console: Console) -> None:
    rows = [(account.role, account.email, account.password) for account in seeded.accounts]
    challenge = seeded.phase.challenge.slug
    console.say(f"\n{table(('Papel', 'Correo', 'Contraseña'), rows)}\n")
    for what, path in (
        ("Web", "/"),
        ("Clasificación", f"/desafios/{challenge}/clasificacion/"),
        ("Jurado", "/jurado/"),
        ("Gestión", "/gestion/"),
        ("API", "/api/docs/"),
    ):
        console.say(f"{what:14}{places.url}{path}")
    console.say()


def _stop(supervisor: Supervisor, console: Console) -> None:
    if not supervisor.has_children:
        return
    # A second Ctrl-C must not leave half of them running.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with console.step("Paro todo"):
        supervisor.stop(STOP_STAGES)
