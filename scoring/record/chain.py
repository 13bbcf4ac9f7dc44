"""The chain of a phase: each record holds the hash of the one before it, so that none can be changed alone.

``challenges`` seals a record under the lock in which the score is written; ``bundle`` and ``python -m
scoring`` look at a chain through ``Follower``, one link at a time, however long it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from scoring.record import sealed
from scoring.record.errors import ChainBroken
from scoring.record.sealed import NO_PREVIOUS, PhaseIdentity, Place, Record, run_order


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The newest link of a chain; ``number`` 0 is that of an empty one."""

    number: int = 0
    sha256: str = NO_PREVIOUS


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A record in its place: what is stored (``content``), and what the row says of it."""

    number: int
    sha256: str
    previous_sha256: str
    content: bytes

    @property
    def head(self) -> Head:
        return Head(number=self.number, sha256=self.sha256)


EMPTY = Head()


def seal(record: Record, previous: Head = EMPTY) -> Sealed:
    """Put the record behind ``previous`` and write it; runs and windows may come in any order.

    The caller holds the lock under which the phase's last link was read: two after the same one would be two
    chains. Raises ``NotCanonical`` or ``RecordUnreadable`` with the path of a value that no record can hold.
    """
    placed = replace(
        record,
        chain=replace(record.chain, number=previous.number + 1, previous_sha256=previous.sha256),
        runs=tuple(sorted(record.runs, key=run_order)),
        windows=tuple(sorted(record.windows, key=lambda window: window.repetition)),
    )
    content = sealed.write(placed)
    return Sealed(
        number=placed.chain.number,
        sha256=sha256_of(content),
        previous_sha256=previous.sha256,
        content=content,
    )


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Follower:
    """Follows a chain from ``start``; ``head`` is how far it held."""

    def __init__(self, start: Head = EMPTY, *, phase: PhaseIdentity | None = None) -> None:
        self.head = start
        self._phase = phase

    def follow(self, content: bytes, *, sha256: str = "") -> Place:
        """Take the next record's bytes, and their hash where the caller has just made it.

        Raises ``ChainBroken``, or ``RecordUnreadable`` for no record.
        """
        place = sealed.place_of(content)
        self._check(place)
        self.head = Head(number=place.number, sha256=sha256 or sha256_of(content))
        return place

    def _check(self, place: Place) -> None:
        number = self.head.number + 1
        self._phase = self._phase or place.of_phase
        if place.of_phase != self._phase:
            raise ChainBroken(
                number=number,
                problem="other-phase",
                expected=_shown(self._phase),
                found=_shown(place.of_phase),
            )
        if place.number != number:
            is_old = place.number < number
            raise ChainBroken(
                number=number,
                problem="doubled" if is_old else "missing",
                expected=f"el número {number}",
                found=f"el número {place.number}",
            )
        if place.previous_sha256 != self.head.sha256:
            raise ChainBroken(
                number=number,
                problem="previous",
                expected=f"el anterior {self.head.sha256}",
                found=f"el anterior {place.previous_sha256}",
            )


def verify(contents: Iterable[bytes], start: Head = EMPTY, *, phase: PhaseIdentity | None = None) -> Head:
    """Follow a whole chain, of ``phase`` where it is given, and return its head.

    Raises ``ChainBroken`` at the first link that does not hold. A record that comes later than it should is
    "reordered", one that never comes "missing"; to tell which, the rest is read.
    """
    follower, rest = Follower(start, phase=phase), iter(contents)
    try:
        for content in rest:
            follower.follow(content)
    except ChainBroken as broken:
        if broken.problem == "missing" and _comes_later(broken.number, rest):
            raise ChainBroken(
                number=broken.number, problem="reordered", expected=broken.expected, found=broken.found
            ) from None
        raise
    return follower.head


def _comes_later(number: int, contents: Iterable[bytes]) -> bool:
    return any(sealed.place_of(content).number == number for content in contents)


def _shown(phase: PhaseIdentity) -> str:
    challenge, slug, id = phase
    return f"la fase {challenge}/{slug} ({id})"
