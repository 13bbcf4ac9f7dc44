"""Who asks, for views that let nobody in without a token."""

from __future__ import annotations

from typing import cast

from rest_framework.request import Request

from challenges.models import Person


def asker(request: Request) -> Person:
    """Only for views behind IsAuthenticated."""
    return cast(Person, request.user)
