"""What Linux tells of other processes under /proc: who their children are, and what they have used."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")
KIB = 1024
# In /proc/<pid>/stat, counted after the name in brackets: it may hold spaces.
PARENT, USER_TICKS, SYSTEM_TICKS = 1, 11, 12


def children_of(pid: int) -> list[int]:
    found = (each for each in PROC.iterdir() if each.name.isdigit())
    return sorted(
        int(each.name) for each in found if _stat(int(each.name))[PARENT : PARENT + 1] == [str(pid)]
    )


def cpu_s(pids: list[int]) -> float:
    """Processor time that these processes have used so far."""
    ticks = sum(int(stat[USER_TICKS]) + int(stat[SYSTEM_TICKS]) for stat in map(_stat, pids) if stat)
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid: int) -> dict[str, int]:
    """``rss``, what is in memory, and ``pss``, the same with shared pages shared out among their users."""
    lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    told = {name: int(rest.split()[0]) * KIB for name, _, rest in (line.partition(":") for line in lines)}
    return {"rss": told["Rss"], "pss": told["Pss"]}


def _stat(pid: int) -> list[str]:
    """Empty for a process that has ended."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
