"""How long an audit takes: ``./alia bench records``, over as many sealed records as a large phase has.

The bundle is made up here: records of 42 cases whose figures follow from one another, chained and published
as ``scoring.record.bundle`` does. Then ``python -m scoring`` is run on it as an auditor runs it, and beside
it a plain ``json.loads`` of the same bytes, the least that any reader has to do. ``--repetitions 5`` makes
them as a counter's protocol does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

from scoring.record import bundle, chain  # noqa: E402
from scoring.record.bundle import RECORD_NAME, Bundle, Published  # noqa: E402
from scoring.record.sealed import Record, Run  # noqa: E402
from tests.scoring.records import (  # noqa: E402
    PHASE,
    a_call,
    a_measured_record,
    a_record,
    a_window,
    with_its_score,
)

SECONDS_GOAL, MB_GOAL = 10, 300
# Different ones; a phase's records take turns in them, for working out a score takes longer than the rest.
KINDS = 200
LOOK_EVERY_S = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=30_000)
    parser.add_argument("--cases", type=int, default=42)
    parser.add_argument("--repetitions", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "registros.zip"
        made = Made(random.Random(chosen.seed), cases=chosen.cases, repetitions=chosen.repetitions)
        with path.open("wb") as file:
            file.writelines(bundle.chunks(phase=PHASE, records=published(made.kinds(), chosen.records)))
        times = "once" if chosen.repetitions == 1 else f"{chosen.repetitions} times"
        told = f"{chosen.records:,} records of {chosen.cases} cases, each {times}"
        print(f"{told}: {path.stat().st_size / 1e6:.0f} MB")
        bare_s = bare(path)
        print(f"json.loads of the records: {bare_s:.2f} s of processor time")
        for verb in ("verify", "recompute"):
            run = audit(verb, path)
            print(
                f"{verb}: {run.wall_s:.2f} s, {run.processor_s:.2f} s of processor time "
                f"({run.processor_s / bare_s:.1f} times json.loads), {run.most_mb:.0f} MB at most"
            )
    print(f"Goal for recompute: {SECONDS_GOAL} s and {MB_GOAL} MB for 30,000 records of one repetition.")
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{os.cpu_count()} processors, load {load}, Python {platform.python_version()}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One run of the auditor's command; memory is that of all its processes together."""

    wall_s: float
    processor_s: float
    most_mb: float


class Made:
    """Makes up records."""

    def __init__(self, chance: random.Random, *, cases: int, repetitions: int) -> None:
        self._chance, self._cases, self._repetitions = chance, cases, repetitions

    def kinds(self) -> list[Record]:
        return [self._record() for _ in range(KINDS)]

    def _record(self) -> Record:
        counted = range(1, self._repetitions + 1)
        runs = tuple(self._run(case, repetition) for repetition in counted for case in range(self._cases))
        if self._repetitions == 1:
            record = a_record()
            record = replace(record, runs=runs, windows=(a_window(runs),))
        else:
            record = replace(a_measured_record(repetitions=counted), runs=runs)
        return with_its_score(replace(record, suite=replace(record.suite, cases=self._cases)))

    def _run(self, case: int, repetition: int) -> Run:
        chance = self._chance
        call = a_call(
            chance.randbytes(32).hex(),
            prompt_tokens=chance.randint(60, 400),
            completion_tokens=chance.randint(2, 40),
            first_token_us=chance.randint(10_000, 90_000),
            duration_us=chance.randint(100_000, 900_000),
        )
        return Run(
            case_sha256=hashlib.sha256(str(case).encode()).hexdigest(),
            key="",
            repetition=repetition,
            weight=1 + case % 3,
            grade=chance.choice(("0.000000", "0.500000", "1.000000")),
            calls=(call,),
        )


def published(kinds: list[Record], count: int) -> Iterator[Published]:
    """Each kind is written once, and put in its place by its first bytes, which are all that differs."""
    rests = [chain.seal(record).content.partition(b"},")[2] for record in kinds]
    head = chain.EMPTY
    for number in range(1, count + 1):
        place = (
            f'{{"chain":{{"challenge":"{PHASE.challenge}","number":{number},"phase":"{PHASE.phase}",'
            f'"phase_id":{PHASE.phase_id},"previous_sha256":"{head.sha256}"}},'
        )
        content = place.encode() + rests[number % len(rests)]
        head = chain.Head(number=number, sha256=chain.sha256_of(content))
        yield Published(content=content)


def bare(path: Path) -> float:
    """Processor time of parsing all records and nothing else."""
    total_s = 0.0
    with Bundle(path) as opened:
        for _, content in opened.records(list(opened.names(RECORD_NAME))):
            started = time.process_time()
            json.loads(content)
            total_s += time.process_time() - started
    return total_s


def audit(verb: str, path: Path) -> Ran:
    before, started = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "scoring", verb, str(path)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    most_kb = 0
    while process.poll() is None:
        most_kb = max(most_kb, sum(map(_resident_kb, [process.pid, *_children(process.pid)])))
        time.sleep(LOOK_EVERY_S)
    wall_s, after = time.perf_counter() - started, getrusage(RUSAGE_CHILDREN)
    if process.returncode:
        raise SystemExit(f"{verb} ended with {process.returncode}")
    processor_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Ran(wall_s=wall_s, processor_s=processor_s, most_mb=most_kb / 1024)


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _resident_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


if __name__ == "__main__":
    main()
