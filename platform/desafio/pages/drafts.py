"""What was written and not yet handed in, kept in their session so that a login or a joining loses nothing.

Called by the submit page alone. A draft spends nothing and is judged by nobody; it goes when it is handed in.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpRequest

# Twice the longest texts of a usual phase. A session is a row: nobody fills it with megabytes.
LONGEST_CHARACTERS = 40_000
FIELDS = (
    "kind",
    "user",
    "system",
    "max_output_tokens",
    "temperature",
    "top_p",
    "stop",
    "seed",
    "examples",
    "document",
)
_IN_SESSION = "drafts"


def keep(request: HttpRequest, slug: str, fields: Mapping[str, str]) -> bool:
    """Remember what was typed for a challenge; False when it is too long to be kept."""
    draft = {name: str(fields[name]) for name in FIELDS if name in fields}
    if sum(map(len, draft.values())) > LONGEST_CHARACTERS:
        return False
    request.session[_IN_SESSION] = {**request.session.get(_IN_SESSION, {}), slug: draft}
    return True


def kept(request: HttpRequest, slug: str) -> dict[str, str]:
    """What was typed last for a challenge and not handed in; empty when there is nothing."""
    draft: dict[str, str] = request.session.get(_IN_SESSION, {}).get(slug, {})
    return dict(draft)


def forget(request: HttpRequest, slug: str) -> None:
    drafts = request.session.get(_IN_SESSION, {})
    if drafts.pop(slug, None) is not None:
        request.session[_IN_SESSION] = drafts
