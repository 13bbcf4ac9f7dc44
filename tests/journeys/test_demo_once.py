"""`./alia demo --once --json` on a fresh folder, as a newcomer runs it; then once more on the same folder."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
from functools import partial

import pytest

from tests.journeys.conftest import (
    DemoRun,
    RunningDemo,
    demo_command,
    demo_environment,
    processes_of,
    run_once,
)
from tests.servers import free_port, wait_until

pytestmark = pytest.mark.journey


def test_three_examples_are_scored_and_their_quality_differs(first_run: DemoRun) -> None:
    assert first_run.returncode == 0, first_run.stderr
    rows = first_run.board["rows"]
    assert [row["attempts"] for row in rows] == [1, 1, 1]
    assert len({row["quality"] for row in rows}) == 3
    assert all(row["energy_mj"] > 0 and row["completion_tokens"] > 0 for row in rows)


def test_each_step_is_told_with_its_time(first_run: DemoRun) -> None:
    steps = [line for line in first_run.stderr.splitlines() if line.startswith("· ")]
    assert len(steps) >= 10
    assert all(line.endswith((" s", "… ")) for line in steps), steps


def test_every_answer_came_from_the_model_and_is_stored_with_its_figures(first_run: DemoRun) -> None:
    with sqlite3.connect(first_run.folder / "desafio.sqlite3") as rows:
        runs, calls, whole = rows.execute(
            "SELECT (SELECT COUNT(*) FROM challenges_run), COUNT(*),"
            " SUM(completion_tokens > 0 AND prompt_tokens > 0 AND duration_ms > 0) FROM challenges_call"
        ).fetchone()
    assert runs == calls == whole
    assert calls >= 3 * 40


def test_nothing_is_left_running(first_run: DemoRun) -> None:
    assert processes_of(first_run.folder) == []


def test_a_second_run_hands_in_nothing_and_shows_the_same_board(first_run: DemoRun) -> None:
    again = run_once(first_run.folder)
    assert again.returncode == 0, again.stderr
    assert again.stdout == first_run.stdout


def test_a_second_demo_in_the_same_folder_is_refused_with_a_sentence(running_demo: RunningDemo) -> None:
    ended = subprocess.run(
        demo_command(running_demo.folder, free_port()),
        env=demo_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    assert "Ya hay una demostración en marcha" in ended.stderr


def test_ctrl_c_ends_everything_within_ten_seconds(first_run: DemoRun) -> None:
    port = free_port()
    log = first_run.folder.with_name("ctrl-c.log")
    with log.open("w") as output:
        demo = subprocess.Popen(
            demo_command(first_run.folder, port),
            env=demo_environment(),
            stdout=output,
            stderr=output,
            # As a script starts what it puts into the background; then it must hear Ctrl-C all the same.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_IGN),
        )
    wait_until(lambda: "Ctrl-C para terminar" in log.read_text(), "the demo is up", seconds=120)
    assert len(processes_of(first_run.folder)) >= 6
    demo.send_signal(signal.SIGINT)
    assert demo.wait(10) == 0
    assert processes_of(first_run.folder) == []
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


def test_kill_9_leaves_no_orphan(first_run: DemoRun) -> None:
    log = first_run.folder.with_name("kill-9.log")
    with log.open("w") as output:
        demo = subprocess.Popen(
            demo_command(first_run.folder, free_port()), env=demo_environment(), stdout=output, stderr=output
        )
    wait_until(lambda: "Ctrl-C para terminar" in log.read_text(), "the demo is up", seconds=120)
    demo.kill()
    demo.wait()
    wait_until(lambda: processes_of(first_run.folder) == [], "everything has ended", seconds=30)
