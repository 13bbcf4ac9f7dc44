"""A string beside each private case that stands nowhere else: whoever shows it has seen the private file.

It is worked out from the suite's salt, so that it needs no column, nobody can guess it, and every copy of the
file has the same. It is never sent to a model.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence

from scoring.integrity.reading import Reading, squeezed
from scoring.integrity.values import Finding, PrivateCase, Rule, Where

PREFIX = "canario-"
# 96 bits, of which either half is enough to know it: 48 bits do not come up by chance in any contest.
DIGITS = 24


def canary(salt: str, key: str) -> str:
    """The canary of the case ``key`` in the suite of ``salt`` (64 hexadecimal digits).

    The first 24 hexadecimal digits of HMAC-SHA256 with the salt as its key over "canary", a NUL and the
    case's key. Raises ``ValueError`` for a salt that is none.

    >>> canary("00" * 32, "s1")
    'canario-f9664e0b8b61f65940185b5d'
    """
    if len(salt) != hashlib.sha256().digest_size * 2:
        raise ValueError("a salt is 64 hexadecimal digits")
    made = hmac.new(bytes.fromhex(salt), b"canary\0" + key.encode(), hashlib.sha256)
    return f"{PREFIX}{made.hexdigest()[:DIGITS]}"


def look(read: Sequence[Reading], private: Sequence[PrivateCase], *, where: Where) -> Iterator[Finding]:
    """Cases whose canary, or half of it, stands in a text; each once, by the first reading that shows it."""
    seen: set[str] = set()
    for reading in read:
        text = squeezed(reading.text)
        keys = tuple(case.key for case in private if case.key not in seen and _stands_in(text, case.canary))
        seen.update(keys)
        if keys:
            yield Finding(
                rule=Rule.CANARY,
                where=where,
                reading=reading.name,
                keys=keys,
                what=f"{len(keys)} × {PREFIX}…",
            )


def _stands_in(text: str, canary: str) -> bool:
    digits = canary.removeprefix(PREFIX)
    half = len(digits) // 2
    return bool(digits) and (digits[:half] in text or digits[half:] in text)
