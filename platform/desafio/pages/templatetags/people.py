"""What a template may ask about the person who reads it."""

from __future__ import annotations

from django import template
from django.contrib.auth.models import AnonymousUser

from challenges.models import Person

register = template.Library()

RANKING_RIGHT = "challenges.export_ranking"


@register.filter
def is_judge(user: Person | AnonymousUser) -> bool:
    """Whether the jury's pages are open to them, by one query: ``perms`` would take two on every page."""
    if not user.is_authenticated:
        return False
    return Person.objects.with_perm(RANKING_RIGHT).filter(pk=user.pk).exists()
