"""Names of windows that nobody can guess, and that tell which process of the meter gave them out.

An id is ``boot.random.seal``; the seal is a keyed hash of the rest. The key comes from the token, so that
after a restart the meter still knows its own ids from forged ones, and can say "restarted" and not "unknown".
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from scoring.energy.meter.errors import MeterRestarted, WindowUnknown

BOOT_BYTES, RANDOM_BYTES, SEAL_CHARACTERS = 8, 16, 24
FORM = re.compile(r"([0-9a-f]{16})\.([0-9a-f]{32})\.([0-9a-f]{24})")


def new_boot() -> str:
    """A name for one start of the meter."""
    return secrets.token_hex(BOOT_BYTES)


class WindowIds:
    """Makes the ids of one start of the meter, and knows those of earlier ones. ``token`` is the bearer's."""

    def __init__(self, *, boot: str, token: str) -> None:
        self._boot = boot
        self._key = hashlib.sha256(b"desafio meter window ids\n" + token.encode()).digest()

    def make(self) -> str:
        unsealed = f"{self._boot}.{secrets.token_hex(RANDOM_BYTES)}"
        return f"{unsealed}.{self._seal(unsealed)}"

    def check(self, window_id: str) -> None:
        """Raises ``WindowUnknown`` for an id never given out, ``MeterRestarted`` for an earlier start's."""
        matched = FORM.fullmatch(window_id)
        if not matched:
            raise WindowUnknown(window_id)
        boot, random, seal = matched.groups()
        if not hmac.compare_digest(seal, self._seal(f"{boot}.{random}")):
            raise WindowUnknown(window_id)
        if boot != self._boot:
            raise MeterRestarted(window_id)

    def _seal(self, unsealed: str) -> str:
        return hmac.digest(self._key, unsealed.encode(), "sha256").hex()[:SEAL_CHARACTERS]
