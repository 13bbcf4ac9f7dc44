"""Random numbers that everybody draws alike: from a SHA-256 and a purpose, on any machine and any numpy.

Philox4x64-10 (Salmon et al., 2011) is defined by its key and a counter, and numpy promises its raw 64-bit
stream; it does not promise what its ``Generator`` makes of it, so that the bounding is ours.
"""

from __future__ import annotations

import hashlib
import re

import numpy as np
import numpy.typing as npt

SHA256_HEX = re.compile(r"[0-9a-f]{64}")
WORDS = 2**64

Whole = npt.NDArray[np.int64]


def check_seed(seed: str) -> None:
    """Raise ``ValueError`` for what is no SHA-256 in 64 small hexadecimal digits."""
    if not SHA256_HEX.fullmatch(seed):
        raise ValueError(f"the seed must be a SHA-256 in 64 small hexadecimal digits, not {seed!r}")


def draws(*, seed: str, purpose: str, count: int, bound: int) -> Whole:
    """``count`` whole numbers from 0 to ``bound`` - 1, each equally likely.

    The key is the first 128 bits of SHA-256(seed, a zero byte, purpose), and the counter starts at 1, as
    numpy's does. A word at or above the greatest multiple of ``bound`` in 2^64 is skipped, else the small
    numbers would come more often; of the others, the rest by ``bound`` is taken. Raises ``ValueError`` for a
    seed that is none.
    """
    check_seed(seed)
    digest = hashlib.sha256(bytes.fromhex(seed) + b"\0" + purpose.encode()).digest()
    words = np.random.Philox(key=int.from_bytes(digest[:16], "big"))
    last_fair = np.uint64(WORDS - WORDS % bound - 1)
    taken = words.random_raw(count)
    fair = taken[taken <= last_fair]
    while len(fair) < count:
        more = words.random_raw(count - len(fair))
        fair = np.concatenate([fair, more[more <= last_fair]])
    return (fair % np.uint64(bound)).astype(np.int64)
