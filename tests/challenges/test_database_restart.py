"""What a worker has in hand survives a database that is away for a moment; nothing else is tried twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from django.db import DataError, Error, InterfaceError, OperationalError, connection

from challenges.database_restart import write_once_it_is_back
from challenges.errors import LeaseLost


class AwayFor:
    """A write that the database refuses so many times."""

    def __init__(self, times: int, *, fault: Callable[[], Exception]) -> None:
        self.left = times
        self.calls = 0
        self._fault = fault

    def __call__(self) -> None:
        self.calls += 1
        if self.left > 0:
            self.left -= 1
            raise self._fault()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_a_write_is_repeated_until_the_database_is_back(kind: type[Error]) -> None:
    write = AwayFor(2, fault=lambda: kind("server closed the connection"))
    asyncio.run(write_once_it_is_back(write, within_s=60))
    assert write.calls == 3


@pytest.mark.django_db(transaction=True)
def test_a_database_that_stays_away_is_told() -> None:
    write = AwayFor(10**6, fault=lambda: OperationalError("server closed the connection"))
    with pytest.raises(OperationalError):
        asyncio.run(write_once_it_is_back(write, within_s=0))
    assert write.calls < 10


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "fault", [lambda: LeaseLost(evaluation_id=1, fence=2), lambda: DataError("too long")], ids=["lost", "bad"]
)
def test_what_a_new_connection_does_not_mend_is_not_tried_again(fault: Callable[[], Exception]) -> None:
    write = AwayFor(1, fault=fault)
    with pytest.raises((LeaseLost, DataError)):
        asyncio.run(write_once_it_is_back(write, within_s=60))
    assert write.calls == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no session that a server could end")
def test_a_session_that_the_server_ended_is_left_for_a_new_one() -> None:
    sessions: list[int] = []

    def write() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            sessions.append(cursor.fetchone()[0])
            if len(sessions) == 1:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        connection.close()

    asyncio.run(write_once_it_is_back(write, within_s=10))
    first, second = sessions
    assert first != second
