"""``./alia storm``: hand in many submissions while workers, broker and sweeper are killed, and count.

Exit code 0 only where nothing was lost, doubled or wrong and every other promise of the table was kept.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from types import FrameType

from tests.storm import driver
from tests.storm.plan import drawn

SHOWN_DETAILS = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="./alia storm", description=__doc__)
    parser.add_argument("--submissions", type=int, default=200)
    parser.add_argument("--cases", type=int, default=5, help="a submission; the last one is public")
    parser.add_argument("--kills", type=int, default=10, help="SIGKILL of a worker, or of its pool's child")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--broker-restarts", type=int, default=3, help="one of them loses all that it held")
    parser.add_argument("--freezes", type=int, default=1, help="SIGSTOP of a worker past its lease")
    parser.add_argument("--freezes-in-transaction", type=int, default=0, help="the same, holding locks")
    parser.add_argument("--database-restarts", type=int, default=0, help="every other one by SIGKILL")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--database", choices=["postgres", "sqlite"], default="postgres")
    parser.add_argument("--answer-ms", type=int, default=300, help="how long the backend takes for a case")
    parser.add_argument("--json", action="store_true", help="the report as one JSON object")
    chosen = vars(parser.parse_args())
    as_json = chosen.pop("json")
    plan = drawn(**chosen)
    # As for Ctrl-C: every process that was started ends before this one does.
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    report = driver.weather(plan)
    broken = report.broken_promises()
    if as_json:
        print(json.dumps(report.as_json(), ensure_ascii=False))
        return bool(broken)
    print(report.as_table())
    for name, lines in report.details.items():
        print(f"\n{name}:", *lines[:SHOWN_DETAILS], sep="\n  ")
    print(f"\nNOT WEATHERED: {'; '.join(broken)}" if broken else "\nweathered")
    return bool(broken)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
