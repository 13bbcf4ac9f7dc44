"""``manage.py backup FILE``: the whole database in one file, while the platform runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from challenges import backups
from challenges.backups.telling import explain


class Command(BaseCommand):
    help = "Guarda toda la base de datos en un fichero, tal como está en un momento, sin parar la plataforma."
    # A backend's address that cannot be right must not keep anybody from a backup.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FICHERO", help="El fichero que se escribe.")
        parser.add_argument("--force", action="store_true", help="Lo escribe aunque ya exista.")

    def handle(self, *args: Any, **options: Any) -> None:
        target = options["file"].expanduser().absolute()
        try:
            made = backups.take(target, overwrite=options["force"])
        except backups.BackupError as error:
            raise CommandError(explain(error)) from error
        self.stdout.write(
            _("Copia hecha en %(path)s: %(rows)d filas de %(tables)d tablas, tal como estaban el %(moment)s.")
            % {
                "path": target,
                "rows": sum(made.contents.rows.values()),
                "tables": len(made.contents.rows),
                "moment": made.contents.moment.isoformat(sep=" ", timespec="seconds"),
            }
        )
