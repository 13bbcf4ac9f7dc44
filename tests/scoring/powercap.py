"""A tree like Linux's ``/sys/class/powercap``, whose counters a test moves, breaks and takes away."""

from __future__ import annotations

import shutil
from pathlib import Path

USUAL_RANGE_UJ = 262_143_328_850


class Powercap:
    """Package domains, and beside them what must not be counted: parts, "psys", other interfaces."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "intel-rapl").mkdir(parents=True)  # the control type itself

    def add(
        self, folder: str, *, name: str, uj: int | str = 0, max_range_uj: int | str = USUAL_RANGE_UJ
    ) -> None:
        domain = self.root / folder
        domain.mkdir()
        (domain / "name").write_text(f"{name}\n")
        (domain / "max_energy_range_uj").write_text(f"{max_range_uj}\n")
        self.set(folder, uj)

    def add_package(
        self, number: int, *, uj: int | str = 0, max_range_uj: int | str = USUAL_RANGE_UJ
    ) -> None:
        self.add(f"intel-rapl:{number}", name=f"package-{number}", uj=uj, max_range_uj=max_range_uj)

    def set(self, folder: str, uj: int | str) -> None:
        # In one step, as a thread may be reading it.
        following = self.root / folder / "following"
        following.write_text(f"{uj}\n")
        following.replace(self.counter(folder))

    def remove(self, folder: str) -> None:
        shutil.rmtree(self.root / folder)

    def counter(self, folder: str) -> Path:
        return self.root / folder / "energy_uj"


class Clock:
    """Monotonic nanoseconds that pass when the test says so."""

    def __init__(self) -> None:
        self._now_ns = 5_000_000_000

    def __call__(self) -> int:
        return self._now_ns

    def forward(self, *, seconds: float) -> None:
        self._now_ns += round(seconds * 10**9)
