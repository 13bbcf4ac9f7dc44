"""The contest's models in Django's admin: what organizers may look at, and the little they may change."""

from challenges.admin import (
    challenge,
    evaluation,
    jury,
    people,
    protocol,
    publication,
    queue,
    review,
    standing,
    submission,
)

__all__ = [
    "challenge",
    "evaluation",
    "jury",
    "people",
    "protocol",
    "publication",
    "queue",
    "review",
    "standing",
    "submission",
]
