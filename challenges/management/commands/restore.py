"""``manage.py restore FILE``: a backup put back, checked before and after; the platform must not run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from challenges import backups
from challenges.backups.telling import explain


class Command(BaseCommand):
    help = "Recupera toda la base de datos de un fichero de «backup», con la plataforma parada."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FICHERO", help="El fichero que hizo «backup».")
        parser.add_argument(
            "--force", action="store_true", help="También sobre una base de datos que tiene filas."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            put_back = backups.restore(options["file"].expanduser().absolute(), overwrite=options["force"])
        except backups.BackupError as error:
            raise CommandError(explain(error)) from error
        self.stdout.write(
            _("Recuperadas %(rows)d filas de %(tables)d tablas, tal como estaban el %(moment)s.")
            % {
                "rows": sum(put_back.contents.rows.values()),
                "tables": len(put_back.contents.rows),
                "moment": put_back.contents.moment.isoformat(sep=" ", timespec="seconds"),
            }
        )
        # A backup of older code lacks what has come since; for one of this code there is nothing to do.
        call_command("migrate", interactive=False, verbosity=0)
        try:
            # The files of the records are not in a backup: the rows give them again, to the byte.
            call_command("seal_records", stdout=self.stdout)
            call_command("check_invariants", stdout=self.stdout, stderr=self.stderr)
        except CommandError as broken:
            raise CommandError(
                _(
                    "La base de datos ya está recuperada, pero no cumple las reglas del motor, y así estaba "
                    "también al hacer la copia. Míralo antes de arrancar la plataforma. %(summary)s"
                )
                % {"summary": broken}
            ) from broken
