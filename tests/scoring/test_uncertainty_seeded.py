"""Claims on the random numbers of resampling: the same for everybody, fair, and apart for each purpose."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from scoring.uncertainty.seeded import draws
from tests.scoring.uncertain_rows import SEED

WORD = 2**64 - 1


def philox(counter: int, key: int) -> list[int]:
    """Four words, from the paper: Philox4x64-10 (Salmon et al., SC 2011)."""
    words, low, high = [counter, 0, 0, 0], key & WORD, key >> 64
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * words[0], 0xCA5A826395121157 * words[2]
        words = [
            (second >> 64) ^ words[1] ^ low,
            second & WORD,
            (first >> 64) ^ words[3] ^ high,
            first & WORD,
        ]
        low, high = (low + 0x9E3779B97F4A7C15) & WORD, (high + 0xBB67AE8584CAA73B) & WORD
    return words


def test_the_numbers_are_those_that_the_published_generator_makes() -> None:
    key = int.from_bytes(hashlib.sha256(bytes.fromhex(SEED) + b"\0cases").digest()[:16], "big")
    words = [word for counter in range(1, 26) for word in philox(counter, key)]
    assert draws(seed=SEED, purpose="cases", count=100, bound=100).tolist() == [word % 100 for word in words]


def test_more_numbers_begin_with_the_fewer() -> None:
    fewer, more = (draws(seed=SEED, purpose="cases", count=count, bound=7) for count in (50, 500))
    assert fewer.tolist() == more[:50].tolist()


def test_another_purpose_and_another_seed_give_other_numbers() -> None:
    one, other, third = (
        draws(seed=seed, purpose=purpose, count=200, bound=1000)
        for seed, purpose in ((SEED, "cases"), (SEED, "repetitions"), ("6f" * 32, "cases"))
    )
    assert (one == other).mean() < 0.05
    assert (one == third).mean() < 0.05


def test_all_numbers_below_the_bound_come_equally_often() -> None:
    found = np.bincount(draws(seed=SEED, purpose="fair", count=60_000, bound=6), minlength=6)
    # Chi squared with 5 degrees of freedom: 20.5 is passed once in a thousand.
    assert ((found - 10_000) ** 2 / 10_000).sum() < 20.5


def test_a_word_that_would_favour_small_numbers_is_skipped() -> None:
    # Of 2^64 words a quarter lies above the only multiple of 3 · 2^62: taken by their rest they would make
    # the lowest third come twice as often.
    bound = 3 * 2**61
    found = draws(seed=SEED, purpose="skipped", count=3000, bound=bound)
    assert len(found) == 3000
    assert found.min() >= 0
    assert abs((found < bound // 3).mean() - 1 / 3) < 0.04


@pytest.mark.parametrize("seed", ["", "5e" * 31, "5E" * 32, "zz" * 32, "5e" * 32 + "\n"])
def test_a_seed_that_is_no_sha256_is_refused(seed: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        draws(seed=seed, purpose="cases", count=1, bound=2)
