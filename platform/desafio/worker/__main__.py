"""Looks at everything that would keep a worker from ever evaluating, then becomes Celery's worker."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Mapping, Sequence

from desafio.worker import environment
from desafio.worker.arguments import Options, parse
from desafio.worker.reasons import CannotStart

REFUSED = 2
INTERRUPTED = 130
# How a line of the settings reads a variable.
READS = re.compile(r'env\.\w+\("([A-Z_]+)"')
# What workers could tell one another of themselves: nothing of it is used, and all of it costs Valkey.
QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat")


def main(arguments: Sequence[str]) -> int:
    """2 with a sentence when it cannot start; else it never comes back: from then on it is Celery."""
    try:
        options = parse(arguments)
        _check(options)
    except CannotStart as reason:
        print(f"alia worker: {reason}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    _become_celery(options, os.environ)
    return 0


def _check(options: Options) -> None:
    environment.check(os.environ)
    # The settings read these; Celery's own processes inherit them.
    os.environ["DJANGO_SETTINGS_MODULE"] = "desafio.settings"
    os.environ["WORK_QUEUE"], os.environ["WORKER_NAME"] = options.queue, options.name
    _set_up_django()
    from desafio.worker import database

    database.wait_until_there()
    database.check_version()


def _set_up_django() -> None:
    """Raises CannotStart for a setting that cannot be read, or with which no evaluation could succeed."""
    import django
    from django.core.exceptions import ImproperlyConfigured

    try:
        django.setup()
        from challenges.checks import check_settings
    except (ImproperlyConfigured, ValueError) as fault:
        raise CannotStart(
            f"No se entiende {_variable_of(fault)} ({fault}). docs/settings.md explica cada ajuste."
        ) from fault
    wrong = check_settings(None)
    if wrong:
        raise CannotStart(
            f"Con este ajuste no saldría bien ninguna evaluación: {wrong[0].msg} {wrong[0].hint}"
        )


def _variable_of(fault: Exception) -> str:
    """Which variable the settings were reading: a number that is none does not tell where it stood."""
    for frame in reversed(traceback.extract_tb(fault.__traceback__)):
        if found := READS.search(frame.line or ""):
            return found[1]
    return "un ajuste del entorno"


def _become_celery(options: Options, variables: Mapping[str, str]) -> None:
    celery = ["-m", "celery", "--app", "desafio", "--quiet", "worker", "--loglevel", "INFO", *QUIET]
    node = ["--hostname", f"{options.name}@%h"] if options.name else []
    command = [sys.executable, *celery, "--concurrency", str(options.concurrency), *node]
    sys.stdout.flush()
    sys.stderr.flush()
    # In place of this process, so that a supervisor's signals reach the real one.
    os.execve(sys.executable, command, dict(variables))  # noqa: S606  # our own command, no shell


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
