"""How commands name phases: ``desafío/fase``, or none for all of them."""

from __future__ import annotations

from django.core.management.base import CommandError

from challenges.models import Phase


def phases_named(names: list[str]) -> list[Phase]:
    """Raises CommandError that tells which there are."""
    known = {
        f"{phase.challenge.slug}/{phase.slug}": phase
        for phase in Phase.objects.select_related("challenge").order_by("pk")
    }
    if unknown := [name for name in names if name not in known]:
        raise CommandError(
            f"No existe la fase {', '.join(unknown)}. Las que hay: {', '.join(known) or 'ninguna'}."
        )
    return [known[name] for name in names] if names else list(known.values())
