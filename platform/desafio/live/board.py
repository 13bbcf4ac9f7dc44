"""One phase's public board in memory: the bytes that all get, and the last changes for who missed any.

Snapshots come from ``challenges.board`` alone, by Redis or by the database; nothing here ranks, formats or
reads rows. All of it runs on the event loop's one thread.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from desafio.live import delta

# Changes kept for who was away for a moment, by number and by bytes: who missed more gets the whole board.
RING_CHANGES = 256
RING_BYTES = 262_144
# Level 4 takes half the time of the default for 3 % more bytes.
GZIP_LEVEL = 4

NOTHING_YET = -1  # the cursor of a client that has nothing


class MalformedBoard(ValueError):
    """Bytes that are not a board."""


class Snapshot:
    """A board at one version. ``id`` names its bytes: the ETag, and the id of the event that leads to it.

    A version alone would not do: at the freeze the same version gets another body, also when evaluations
    begin to wait, and a demo that starts anew counts from one again under the eyes of an open page.
    """

    def __init__(self, body: bytes) -> None:
        """Raises MalformedBoard."""
        try:
            self.content: dict[str, Any] = json.loads(body)
            self.version = int(self.content["version"])
            self.frozen = bool(self.content["frozen"])
            self.waits = self.content.get("waiting") is not None
            self.path = (str(self.content["challenge"]), str(self.content["phase"]))
            [row["participation"] for row in self.content["rows"]]
        except (ValueError, KeyError, TypeError, RecursionError) as fault:
            raise MalformedBoard(f"not a board: {fault!r}") from fault
        if b"\n" in body or b"\r" in body:
            raise MalformedBoard("a line break would end the event")
        self.body = body
        self.id = f"{self.version}-{hashlib.sha256(body).hexdigest()[:16]}"

    @cached_property
    def event(self) -> bytes:
        return encode_event("board", self.id, self.body)

    @cached_property
    def gzipped(self) -> bytes:
        return gzip.compress(self.body, GZIP_LEVEL, mtime=0)


@dataclass(frozen=True, slots=True)
class Change:
    """The event that leads from the board named ``before_id`` to the next one."""

    before_id: str
    before_version: int
    event: bytes


class LiveBoard:
    """The current snapshot, a ring of changes, and whom to wake when there is another."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.current = snapshot
        self.wakers: set[Callable[[], None]] = set()
        self._ring: deque[Change] = deque(maxlen=RING_CHANGES)
        self._ring_bytes = 0
        # How many changes there were; a client's cursor is the number of them that it has.
        self._sequence = 0

    @property
    def sequence(self) -> int:
        return self._sequence

    def announce(self, snapshot: Snapshot) -> bool:
        """Take a board that was announced if it is news; False for one that is late, doubled or doubtful.

        Doubtful is an unfrozen board while ours is frozen: only the database may lift a freeze.
        """
        if snapshot.version <= self.current.version or (self.current.frozen and not snapshot.frozen):
            return False
        self._take(snapshot)
        return True

    def correct(self, snapshot: Snapshot, *, seen_at: int) -> bool:
        """Take what the database says, read when ``sequence`` was ``seen_at``; False if it changes nothing.

        It may be an older version (frozen in the past, a restored backup), unless news came meanwhile.
        """
        if snapshot.id == self.current.id:
            return False
        if snapshot.version < self.current.version and seen_at != self._sequence:
            return False
        self._take(snapshot)
        return True

    def cursor_of(self, last_id: str) -> int:
        """Where a client that has ``last_id`` stands; NOTHING_YET when it must get the whole board.

        Who knows a version only has said enough while nothing is frozen and nobody waits.
        """
        is_told_by_version = not (self.current.frozen or self.current.waits)
        if last_id == self.current.id or (last_id == str(self.current.version) and is_told_by_version):
            return self._sequence
        for missed, change in enumerate(reversed(self._ring), start=1):
            if last_id in (change.before_id, str(change.before_version)):
                return self._sequence - missed
        return NOTHING_YET

    def missed_since(self, cursor: int) -> bytes:
        """The events after ``cursor``: the changes, or the board if that is shorter or they are gone."""
        missed = self._sequence - cursor
        if missed == 0:
            return b""
        if cursor == NOTHING_YET or missed > len(self._ring):
            return self.current.event
        if missed == 1:
            return self._ring[-1].event
        changes = b"".join(change.event for change in islice(self._ring, len(self._ring) - missed, None))
        return changes if len(changes) <= len(self.current.event) else self.current.event

    def _take(self, snapshot: Snapshot) -> None:
        before, self.current = self.current, snapshot
        self._sequence += 1
        grew = snapshot.version > before.version
        step = delta.between(before.content, snapshot.content) if grew else None
        if step is None:
            self._ring.clear()
            self._ring_bytes = 0
        else:
            self._remember(
                Change(before.id, before.version, encode_event("rows", snapshot.id, to_json(step)))
            )
        for wake in tuple(self.wakers):
            wake()

    def _remember(self, change: Change) -> None:
        if len(self._ring) == RING_CHANGES:
            self._forget_oldest()
        self._ring.append(change)
        self._ring_bytes += len(change.event)
        while self._ring_bytes > RING_BYTES:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        self._ring_bytes -= len(self._ring.popleft().event)


def encode_event(name: str, event_id: str, payload: bytes) -> bytes:
    """One event of text/event-stream; ``payload`` is JSON on one line."""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (event_id.encode(), name.encode(), payload)


def to_json(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
