"""``manage.py export_records``: writes the sealed records of a phase to a file that anybody can check."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from challenges import record_export
from challenges.errors import CasesStillSecret
from challenges.management.phases import phases_named
from challenges.models import Phase
from scoring.record.errors import RecordError


class Command(BaseCommand):
    help = "Escribe los registros sellados de una fase en un fichero que cualquiera puede comprobar."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("phase", help="desafío/fase")
        parser.add_argument("--output", type=Path, help="Dónde; si no se dice, un nombre en esta carpeta.")
        parser.add_argument(
            "--part", type=int, metavar="N", help="Solo el archivo N de los que ofrece la página de la fase."
        )
        parser.add_argument(
            "--disclose",
            action="store_true",
            help="Publica también los casos privados y las respuestas. Solo con la fase cerrada.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        (phase,) = phases_named([options["phase"]])
        part = _part(phase, options["part"])
        target: Path = options["output"] or Path(record_export.file_name(phase, part))
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            pieces = record_export.chunks(phase, disclose=options["disclose"], part=part)
            with beside.open("xb") as file:
                file.writelines(pieces)
            beside.replace(target)
        except CasesStillSecret as refused:
            told = {"phase": refused.phase, "at": refused.closes_at.isoformat(timespec="minutes")}
            raise CommandError(
                _("La fase %(phase)s puntúa con esos casos hasta %(at)s: expórtalos sin --disclose.") % told
            ) from refused
        except RecordError as fault:
            raise CommandError(str(fault)) from fault
        except OSError as fault:
            raise CommandError(f"{target}: {fault.strerror}") from fault
        finally:
            beside.unlink(missing_ok=True)
        count = part.last - part.first + 1 if part else phase.records.count()
        self.stdout.write(_("%(count)d registros en %(file)s") % {"count": count, "file": target})


def _part(phase: Phase, number: int | None) -> record_export.Part | None:
    if number is None:
        return None
    parts = record_export.parts(phase)
    found = next((part for part in parts if part.number == number), None)
    if found is None:
        raise CommandError(_("No existe ese archivo: la fase tiene %(count)d.") % {"count": len(parts)})
    return found
