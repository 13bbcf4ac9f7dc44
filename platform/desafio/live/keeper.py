"""Keeps the boards in memory equal to the database: at once by announcements, and by a look once a second.

The look is what is trusted; an announcement only saves the wait. So a lost, late or doubled message, a Redis
that is away and a freeze that nobody announces all end within a second in the right board.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from django.db import Error as DatabaseFault

from desafio.live.announcements import Announcements
from desafio.live.board import LiveBoard, MalformedBoard, Snapshot
from desafio.live.database import PhaseState, public_board, published_phases

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
# The boards are stale, and this process is not ready, when no look has succeeded for this long.
STALE_AFTER_S = 5.0

Path = tuple[str, str]
T = TypeVar("T")


class Keeper:
    """The boards of all published phases, by (challenge slug, phase slug)."""

    def __init__(self, redis_url: str, *, on_gone: Callable[[LiveBoard], None]) -> None:
        self.announcements = Announcements(redis_url, on_board=self._announced, on_connected=self._look_soon)
        self._on_gone = on_gone
        self._boards: dict[int, LiveBoard] = {}
        self._by_path: dict[Path, LiveBoard] = {}
        self._states: dict[int, PhaseState] = {}
        self._looked_at: float | None = None
        self._database_away = False
        self._hurry = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="live-database")

    @property
    def has_started(self) -> bool:
        """Whether the database was ever reached; before that nothing is known, not even what is unknown."""
        return self._looked_at is not None

    @property
    def is_fresh(self) -> bool:
        """Whether the boards were compared with the database within the last seconds."""
        return self._looked_at is not None and self._since_look() < STALE_AFTER_S

    def __len__(self) -> int:
        return len(self._boards)

    def find(self, challenge: str, phase: str) -> LiveBoard | None:
        return self._by_path.get((challenge, phase))

    async def keep(self) -> None:
        """For ever, until cancelled: listen, and look once a second."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.announcements.listen())
                tasks.create_task(self._look_for_ever())
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _look_for_ever(self) -> None:
        while True:
            self._hurry.clear()
            try:
                await self._look()
            except DatabaseFault as fault:
                if not self._database_away:
                    logger.warning("database away, boards stay as they are: %s", fault)
                self._database_away = True
            else:
                if self._database_away:
                    logger.info("database back")
                self._database_away = False
                self._looked_at = asyncio.get_running_loop().time()
            try:
                await asyncio.wait_for(self._hurry.wait(), LOOK_EVERY_S)
            except TimeoutError:
                continue

    async def _look(self) -> None:
        states = {state.phase_id: state for state in await self._in_thread(published_phases)}
        for phase_id in self._boards.keys() - states.keys():
            self._drop(phase_id)
        for state in states.values():
            if not self._is_known(state):
                await self._rebuild(state)
        self._by_path = {
            (state.challenge, state.slug): self._boards[state.phase_id]
            for state in states.values()
            if state.phase_id in self._boards
        }

    def _is_known(self, state: PhaseState) -> bool:
        board, before = self._boards.get(state.phase_id), self._states.get(state.phase_id)
        if board is None or before is None:
            return False
        if state != before and state == replace(before, version=state.version) and not state.frozen:
            # Only the version grew: an announcement may have brought it already.
            return board.current.version == state.version
        return state == before

    async def _rebuild(self, state: PhaseState) -> None:
        board = self._boards.get(state.phase_id)
        seen_at = board.sequence if board else 0
        body = await self._in_thread(lambda: public_board(state.phase_id))
        if body is None:
            return
        snapshot = Snapshot(body)
        if board is None:
            self._boards[state.phase_id] = LiveBoard(snapshot)
        else:
            board.correct(snapshot, seen_at=seen_at)
        self._states[state.phase_id] = state

    def _drop(self, phase_id: int) -> None:
        self._states.pop(phase_id, None)
        self._on_gone(self._boards.pop(phase_id))

    def _announced(self, phase_id: int, body: bytes) -> None:
        board = self._boards.get(phase_id)
        try:
            snapshot = Snapshot(body)
        except MalformedBoard as fault:
            logger.warning("announcement of phase %s ignored: %s", phase_id, fault)
            return
        if board is None or not (board.announce(snapshot) or snapshot.version <= board.current.version):
            self._look_soon()

    def _look_soon(self) -> None:
        self._hurry.set()

    def _since_look(self) -> float:
        return asyncio.get_running_loop().time() - (self._looked_at or 0.0)

    async def _in_thread(self, read: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, read)
