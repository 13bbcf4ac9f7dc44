"""What processes count: nothing is counted twice, nothing is lost to a fault, and no text becomes a label."""

from __future__ import annotations

import ast
import logging
import math
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.utils import OperationalError

from challenges import evaluation, tallies
from challenges.models import Tally
from challenges.tallies import HISTOGRAMS, MOMENTS, NAMES
from tests.in_parallel import errors_in, in_parallel
from tests.servers import wait_until

ROOT = Path(__file__).resolve().parents[2]
COUNTING_CALLS = ("tallies.add", "tallies.observe", "tallies.stamp")

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_collected() -> Iterator[None]:
    tallies.forget()
    yield
    tallies.forget()


def rows() -> dict[tuple[str, str], float]:
    return {(row.name, row.label): row.value for row in Tally.objects.all()}


def test_what_is_counted_is_in_the_rows_after_a_flush_and_only_once() -> None:
    tallies.add("lease_lost")
    tallies.add("lease_lost", 2)
    tallies.add("broker_away", label="ring")
    assert rows() == {}
    tallies.flush()
    tallies.flush()
    assert rows() == {("lease_lost", ""): 3, ("broker_away", "ring"): 1}
    tallies.add("lease_lost")
    tallies.flush()
    assert rows()["lease_lost", ""] == 4


def test_counting_asks_the_database_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        tallies.add("refused_writes")
        tallies.observe("backend_call_seconds", 1.0)
    with django_assert_num_queries(0):
        tallies.forget()
        tallies.flush()


def test_a_name_that_nobody_documented_is_an_error() -> None:
    with pytest.raises(KeyError):
        tallies.add("invented")  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        tallies.observe("invented", 1.0)  # type: ignore[arg-type]


def test_every_name_that_the_code_counts_is_documented() -> None:
    counted = set(_names_in_calls())
    assert counted <= {*NAMES, *HISTOGRAMS, *MOMENTS}
    helps = [*(each.help for each in NAMES.values()), *(each.help for each in HISTOGRAMS.values())]
    assert all(text.endswith(".") for text in (*helps, *MOMENTS.values()))


def _names_in_calls() -> Iterator[str]:
    for folder in ("challenges", "platform"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in COUNTING_CALLS:
                    name = node.args[0]
                    assert isinstance(name, ast.Constant), f"{file}:{node.lineno}: a name is written out"
                    yield str(name.value)


@pytest.mark.parametrize("text", ["Ana García", "¿Cuál es la capital?", "s17", "", "x" * 10_000])
def test_no_text_from_outside_becomes_a_label(text: str) -> None:
    tallies.add("broker_away", label=text)
    tallies.add("lease_lost", label=text)
    tallies.flush()
    assert rows() == {("broker_away", "other"): 1, ("lease_lost", ""): 1}


def test_every_code_of_a_fault_has_its_label() -> None:
    assert {code for _, code in evaluation.FAULT_CODES} <= NAMES["backend_faults"].labels


@pytest.mark.parametrize("amount", [0, -1, math.nan, math.inf])
def test_a_counter_only_grows(amount: float) -> None:
    tallies.add("lease_lost", amount)
    tallies.flush()
    assert rows() == {}


# --- histograms -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "label"), [(0.01, "0.1"), (0.1, "0.1"), (0.11, "0.25"), (120, "120.0"), (121, "+Inf")]
)
def test_a_duration_falls_into_the_first_bucket_that_holds_it(seconds: float, label: str) -> None:
    tallies.observe("backend_call_seconds", seconds)
    tallies.flush()
    assert rows() == {("backend_call_seconds_bucket", label): 1, ("backend_call_seconds_sum", ""): seconds}


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf])
def test_what_is_no_duration_is_not_counted(seconds: float) -> None:
    tallies.observe("backend_call_seconds", seconds)
    tallies.flush()
    assert rows() == {}


# --- many at once -----------------------------------------------------------------------------------------


def test_threads_that_count_the_same_lose_nothing_and_never_block_one_another(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each creates the rows, or finds them, in whatever moment, and counts in another order."""
    caplog.set_level(logging.DEBUG, logger="challenges.tallies")
    start = threading.Barrier(8)

    def count(names: list[Any]) -> Callable[[], None]:
        def run() -> None:
            start.wait(30)
            for _ in range(20):
                for name in names:
                    tallies.add(name)
                tallies.flush()

        return run

    names: list[Any] = ["lease_lost", "refused_writes", "transport_retries"]
    results = in_parallel(*[count(names if number % 2 else names[::-1]) for number in range(8)])
    assert errors_in(results) == []
    assert "stay in memory" not in caplog.text
    tallies.flush()
    assert rows() == {(name, ""): 160 for name in names}


# --- faults and forks -------------------------------------------------------------------------------------


def test_while_the_database_is_away_the_sums_stay() -> None:
    tallies.add("lease_lost", 2)
    tallies.add("refused_writes")
    with connection.execute_wrapper(_away):
        tallies.flush()
    tallies.add("lease_lost")
    tallies.flush()
    assert rows() == {("lease_lost", ""): 3, ("refused_writes", ""): 1}


def test_a_database_that_goes_away_half_way_counts_nothing_twice() -> None:
    tallies.add("lease_lost")
    tallies.add("refused_writes")
    with connection.execute_wrapper(_away_for("refused_writes")):
        tallies.flush()
    assert rows() == {}
    tallies.flush()
    assert rows() == {("lease_lost", ""): 1, ("refused_writes", ""): 1}


def _away(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    raise OperationalError("the database is away")


def _away_for(name: str) -> Any:
    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if name in (params or ()):
            raise OperationalError("the database went away")
        return execute(sql, params, many, context)

    return wrapper


def test_a_forked_child_starts_with_nothing_and_its_parent_keeps_its_own() -> None:
    tallies.add("lease_lost")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        tallies.add("refused_writes")
        os.write(write, repr(sorted(tallies._sums)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 1000) == b"[('refused_writes', '')]"
    assert sorted(tallies._sums) == [("lease_lost", "")]
    os.close(read)
    os.close(write)


def test_a_child_that_was_forked_while_somebody_counted_can_count() -> None:
    with tallies._lock:
        child = os.fork()
        if child == 0:
            # It waits for nobody, or it ends here.
            signal.alarm(10)
            tallies.add("lease_lost")
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_a_process_may_let_a_thread_do_it() -> None:
    stop = tallies.keep_flushing(every_s=0.01)
    try:
        tallies.add("lease_lost")
        wait_until(lambda: rows() == {("lease_lost", ""): 1}, "the thread has flushed")
    finally:
        stop()
