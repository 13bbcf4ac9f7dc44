"""``manage.py check_invariants``: every row that breaks a rule of the engine, a line each; 1 if any does."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from challenges.invariants import RULES, Broken, broken, snapshot


class Command(BaseCommand):
    help = "Comprueba que las filas cumplen todas las reglas del motor, sin cambiar nada ni parar a nadie."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Un solo objeto JSON, para programas.")
        parser.add_argument(
            "--rule",
            action="append",
            metavar="REGLA",
            choices=RULES,
            help=f"Solo esta regla; se puede repetir. Hay estas: {', '.join(RULES)}.",
        )
        parser.add_argument(
            "--strict", action="store_true", help="Termina con 1 también por lo que es solo dudoso."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        rules = options["rule"] or RULES
        found: list[Broken] = []
        with snapshot():
            for each in broken(rules):
                found.append(each)
                if not options["json"]:
                    self._tell(each)
        summary = _summary(found, rules=len(set(rules)))
        if options["json"]:
            content = {"rules": sorted(set(rules)), "broken": [asdict(each) for each in found]}
            self.stdout.write(json.dumps(content, ensure_ascii=False))
        if any(each.is_certain or options["strict"] for each in found):
            raise CommandError(summary)
        if not options["json"]:
            self.stdout.write(summary)

    def _tell(self, each: Broken) -> None:
        style = self.style.ERROR if each.is_certain else self.style.WARNING
        doubt = "" if each.is_certain else "?"
        self.stdout.write(f"{style(each.rule + doubt)}\t{each.row}\t{each.what}")


def _summary(found: list[Broken], *, rules: int) -> str:
    if not found:
        return ngettext("Se cumple la regla.", "Se cumplen las %(rules)d reglas.", rules) % {"rules": rules}
    certain = sum(1 for each in found if each.is_certain)
    return _("Reglas miradas: %(rules)d. Roturas: %(certain)d; dudosas: %(doubtful)d.") % {
        "rules": rules,
        "certain": certain,
        "doubtful": len(found) - certain,
    }
