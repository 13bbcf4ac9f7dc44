"""``manage.py near_duplicates``: the nearly equal prompts of a phase, a line for each two participations."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from challenges import integrity
from challenges.management.phases import phases_named
from scoring.integrity.near_duplicates import THRESHOLD


class Command(BaseCommand):
    help = "Busca los envíos de participaciones distintas que son casi el mismo texto. No aparta nada."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("phase", help="desafío/fase")
        parser.add_argument(
            "--percent",
            type=int,
            default=int(THRESHOLD * 100),
            help="Parecido mínimo, de 40 a 100 (%(default)s). Por debajo de 60 se escapan algunos.",
        )
        parser.add_argument(
            "--example",
            type=Path,
            action="append",
            default=[],
            metavar="FICHERO",
            help="Un prompt que se dio a todo el mundo: lo que tiene no cuenta. Se puede repetir.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 40 <= options["percent"] <= 100:
            raise CommandError(_("El parecido va de 40 a 100."))
        (phase,) = phases_named([options["phase"]])
        try:
            examples = [each.read_text(encoding="utf-8") for each in options["example"]]
        except (OSError, UnicodeDecodeError) as fault:
            raise CommandError(str(fault)) from fault
        pairs = integrity.near_duplicates(
            phase, examples=examples, threshold=Fraction(options["percent"], 100)
        )
        for pair in pairs:
            percent = int(pair.likeness * 100)
            self.stdout.write(f"{percent} %\t{pair.earlier.id}\t{pair.later.id}\t{pair.pairs}")
        self.stderr.write(_("Participaciones parecidas dos a dos: %(count)d.") % {"count": len(pairs)})
