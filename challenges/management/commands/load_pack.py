"""``manage.py load_pack FOLDER``: a challenge from its folder into the database, or what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from challenges.packs import Pack, PackError, load, store
from challenges.packs.telling import made, notes
from scoring.values import EvidenceGrade


class Command(BaseCommand):
    help = "Carga un desafío desde la carpeta de su paquete. Repetirlo no cambia nada que ya esté igual."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="CARPETA", help="La carpeta del paquete.")
        parser.add_argument(
            "--check", action="store_true", help="Solo lo lee y lo revisa; no toca la base de datos."
        )
        parser.add_argument(
            "--evidence-grade",
            metavar="GRADO",
            help="Grado de evidencia (A a E) de las fases que se creen ahora; sin él, el del paquete.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        grade = _grade(options["evidence_grade"])
        pack = _loaded(options["folder"])
        if options["check"]:
            self.stdout.write(_summary(pack))
            return
        stored = store(pack, evidence_grade=grade)
        for line in made(stored):
            self.stdout.write(line)
        if stored.changed_nothing:
            self.stdout.write(_("No ha cambiado nada."))
        for note in notes(stored):
            self.stdout.write(self.style.WARNING(_("Aviso: %(note)s") % {"note": note}))


def _grade(written: str | None) -> EvidenceGrade | None:
    try:
        return None if written is None else EvidenceGrade(written)
    except ValueError as unknown:
        raise CommandError(
            _("«%(written)s» no es un grado de evidencia. Escribe A, B, C, D o E.") % {"written": written}
        ) from unknown


def _loaded(folder: Path) -> Pack:
    try:
        return load(folder)
    except PackError as wrong:
        params = {"folder": folder, "problems": wrong}
        raise CommandError(_("El paquete %(folder)s tiene errores:\n%(problems)s") % params) from wrong


def _summary(pack: Pack) -> str:
    params = {
        "slug": pack.slug,
        "public": len(pack.public.cases),
        "private": len(pack.private.cases),
        "phases": len(pack.phases),
    }
    return (
        _(
            "El paquete «%(slug)s» está bien. Casos públicos: %(public)d; privados: %(private)d; "
            "fases: %(phases)d. No se ha guardado nada."
        )
        % params
    )
