"""``manage.py rebuild_standings``: makes the standings anew and says how many were wrong."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from challenges import standings
from challenges.management.phases import phases_named


class Command(BaseCommand):
    help = "Rehace los puestos de cada fase a partir de las puntuaciones."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("phase", nargs="*", help="desafío/fase; sin nada, todas las fases.")

    def handle(self, *args: Any, **options: Any) -> None:
        for phase in phases_named(options["phase"]):
            wrong = standings.rebuild(phase)
            self.stdout.write(f"{phase.challenge.slug}/{phase.slug}: {wrong} filas cambiadas")
