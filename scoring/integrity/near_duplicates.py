"""Prompts of different participations that are nearly the same text.

A text is the set of its ``WORDS`` words in a row, folded, every slot the same word; what the challenge's own
statement and example prompts hold is taken out first. Two texts are as alike as the Jaccard index of their
sets: those in both, over those in either. Pairs that may be alike enough are found by MinHash and LSH banding
(A. Broder, "On the resemblance and containment of documents", 1997; J. Leskovec, A. Rajaraman, J. Ullman,
"Mining of Massive Datasets", chapter 3), then each is compared exactly: what is told is no estimate.

All arithmetic is on whole numbers of 64 bits and all constants come from SHA-256, so that the same prompts
give the same pairs on every machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

from scoring.integrity.reading import folded
from scoring.solutions.template import SLOT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hashes = NDArray[Any]

WORDS = 3
# A pair of likeness s has its r rows equal in one of b bands with 1 - (1 - s^r)^b: 0.988 at 0.6, 0.9998
# at 0.7.
BANDS, ROWS = 32, 4
THRESHOLD = Fraction(6, 10)
# The likeness by 128 signatures strays by 0.043 at most (one sigma): what lies four of them below is let go.
MARGIN = 0.17
# Fewer than these are nobody's own: "responde solo con la letra de la opción correcta" is everybody's.
FEWEST = 12
# In a bucket of more than so many, all are held against its first alone: a thousand copies of one text are
# half a million pairs that tell nothing new.
MOST_TOGETHER = 100
# Prompts that are signed at a time.
CHUNK = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """``owner`` is the participation. Prompts come in the order in which they were handed in."""

    id: str
    owner: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The most alike prompts of two participations; ``earlier`` was handed in first, ``pairs`` were alike."""

    earlier: Prompt
    later: Prompt
    likeness: Fraction
    pairs: int = 1


def find(
    prompts: Sequence[Prompt], *, background: Iterable[str] = (), threshold: Fraction = THRESHOLD
) -> list[Pair]:
    """The pairs of participations with prompts as alike as ``threshold`` or more, the most alike first.

    Of equally alike prompts the earliest two stand for their participations.
    """
    sets = shingles([each.text for each in prompts], background=background)
    kept = [place for place, held in enumerate(sets) if len(held) >= FEWEST]
    best: dict[tuple[int, int], Pair] = {}
    for first, second in _candidates(sets, kept, [each.owner for each in prompts], float(threshold)):
        likeness = jaccard(sets[first], sets[second])
        if likeness >= threshold:
            _take(best, Pair(earlier=prompts[first], later=prompts[second], likeness=likeness))
    return sorted(best.values(), key=lambda pair: (-pair.likeness, pair.earlier.id, pair.later.id))


def shingles(texts: Sequence[str], *, background: Iterable[str] = ()) -> list[Hashes]:
    """Of each text the sorted 64-bit hashes of its words in a row, without those of the background."""
    import numpy as np

    known = np.unique(np.concatenate([np.empty(0, np.uint64), *(_hashes(text) for text in background)]))
    return [np.setdiff1d(_hashes(text), known, assume_unique=True) for text in texts]


def jaccard(one: Hashes, other: Hashes) -> Fraction:
    """Exact, of two sorted sets; 0 for two empty ones."""
    import numpy as np

    both = len(np.intersect1d(one, other, assume_unique=True))
    either = len(one) + len(other) - both
    return Fraction(both, either) if either else Fraction(0)


def normalised(text: str) -> str:
    """Folded, with every slot the same word: renaming or moving one is no new prompt."""
    return folded(SLOT.sub(" hueco ", text))


def _hashes(text: str) -> Hashes:
    import numpy as np

    words = np.fromiter(map(_word, normalised(text).split()), np.uint64)
    if len(words) < WORDS:
        return np.empty(0, np.uint64)
    count = len(words) - WORDS + 1
    total = np.zeros(count, np.uint64)
    for place in range(WORDS):
        # Products and sums wrap at 2**64, as they should. Odd, so that no product loses a bit.
        total += words[place : place + count] * np.uint64(_constant(f"place {place}") | 1)
    return np.unique(total ^ (total >> np.uint64(29)))


@cache
def _constant(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])


def _word(word: str) -> int:
    # Not ``hash``: that of a text differs from process to process.
    return int.from_bytes(hashlib.blake2b(word.encode(errors="replace"), digest_size=8).digest())


def _candidates(
    sets: Sequence[Hashes], kept: Sequence[int], owners: Sequence[int], threshold: float
) -> Iterator[tuple[int, int]]:
    """Pairs of places, the earlier first, of different owners and alike by their signatures; each once."""
    import numpy as np

    if len(kept) < 2:
        return
    signed = _signatures([sets[place] for place in kept])
    owner = np.array([owners[place] for place in kept])
    found: list[Hashes] = []
    for band in range(BANDS):
        found += list(_pairs_of_band(signed[:, band * ROWS : (band + 1) * ROWS], owner))
    if not found:
        return
    pairs = np.unique(np.concatenate(found))
    first, second = np.divmod(pairs, len(kept))
    for start in range(0, len(pairs), CHUNK * 32):
        stretch = slice(start, start + CHUNK * 32)
        alike = (signed[first[stretch]] == signed[second[stretch]]).mean(axis=1) >= threshold - MARGIN
        for one, other in zip(first[stretch][alike], second[stretch][alike], strict=True):
            yield kept[one], kept[other]


def _signatures(sets: Sequence[Hashes]) -> Hashes:
    """The least of each set under each of ``BANDS`` × ``ROWS`` multiplications, by its upper 32 bits."""
    import numpy as np

    count = BANDS * ROWS
    factors = np.array([_constant(f"factor {each}") | 1 for each in range(count)], np.uint64)
    signed = np.empty((len(sets), count), np.uint32)
    rows = iter(sets)
    for start in range(0, len(sets), CHUNK):
        chunk = list(islice(rows, CHUNK))
        every = np.concatenate(chunk)
        edges = np.cumsum([0, *map(len, chunk[:-1])])
        for column, factor in enumerate(factors):
            signed[start : start + CHUNK, column] = np.minimum.reduceat(every * factor, edges) >> np.uint64(
                32
            )
    return signed


def _pairs_of_band(rows: Hashes, owner: Hashes) -> Iterator[Hashes]:
    """Pairs that share a bucket, as first × count + second."""
    import numpy as np

    count = len(rows)
    order = np.lexsort(rows.T[::-1])
    ordered = rows[order]
    edges = np.flatnonzero((ordered[1:] != ordered[:-1]).any(axis=1)) + 1
    for start, end in pairwise([0, *edges.tolist(), count]):
        if end - start < 2:
            continue
        bucket = np.sort(order[start:end])
        one, other = _together(len(bucket))
        one, other = bucket[one], bucket[other]
        differ = owner[one] != owner[other]
        yield one[differ].astype(np.int64) * count + other[differ]


def _together(members: int) -> tuple[Hashes, Hashes]:
    import numpy as np

    if members > MOST_TOGETHER:
        return np.zeros(members - 1, np.int64), np.arange(1, members)
    one, other = np.triu_indices(members, 1)
    return one, other


def _take(best: dict[tuple[int, int], Pair], pair: Pair) -> None:
    """Keep the more alike; candidates come in the order of their places, so that the earlier stays."""
    key = min(pair.earlier.owner, pair.later.owner), max(pair.earlier.owner, pair.later.owner)
    before = best.get(key)
    if before is None:
        best[key] = pair
        return
    top = pair if pair.likeness > before.likeness else before
    best[key] = Pair(earlier=top.earlier, later=top.later, likeness=top.likeness, pairs=before.pairs + 1)
