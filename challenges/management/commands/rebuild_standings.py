"""``manage.py rebuild_standings``: makes the standings anew and says how many were wrong."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from challenges import standings
from challenges.models import Phase


class Command(BaseCommand):
    help = "Rehace los puestos de cada fase a partir de las puntuaciones."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("phase", nargs="*", help="desafío/fase; sin nada, todas las fases.")

    def handle(self, *args: Any, **options: Any) -> None:
        for phase in _phases(options["phase"]):
            wrong = standings.rebuild(phase)
            self.stdout.write(f"{phase.challenge.slug}/{phase.slug}: {wrong} filas cambiadas")


def _phases(names: list[str]) -> list[Phase]:
    known = {
        f"{phase.challenge.slug}/{phase.slug}": phase
        for phase in Phase.objects.select_related("challenge").order_by("pk")
    }
    if unknown := [name for name in names if name not in known]:
        raise CommandError(
            f"No existe la fase {', '.join(unknown)}. Las que hay: {', '.join(known) or 'ninguna'}."
        )
    return [known[name] for name in names] if names else list(known.values())
