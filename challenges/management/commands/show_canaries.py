"""``manage.py show_canaries``: what stands beside each private case where its file is kept."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from challenges import integrity
from challenges.management.phases import phases_named
from challenges.models import Visibility


class Command(BaseCommand):
    help = (
        "Escribe la clave y el canario de cada caso privado de una fase, uno por línea. Guárdalos junto al "
        "fichero privado: quien enseñe uno ha visto el fichero."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("phase", help="desafío/fase")

    def handle(self, *args: Any, **options: Any) -> None:
        (phase,) = phases_named([options["phase"]])
        if phase.ranked_suite.visibility == Visibility.PUBLIC:
            raise CommandError(_("La fase puntúa con casos públicos: no hay nada que vigilar."))
        for each in integrity.canaries_of(phase.ranked_suite):
            self.stdout.write(json.dumps({"key": each.key, "canary": each.text}, ensure_ascii=False))
