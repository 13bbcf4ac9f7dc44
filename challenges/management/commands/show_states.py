"""``manage.py show_states``: print docs/states.md as the table of transitions has it now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from challenges import state_map


class Command(BaseCommand):
    help = f"Print the page of the states: {state_map.COMMAND}"
    # It needs no database, and its output is a file: nothing else may be in it.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(state_map.document(), ending="")
