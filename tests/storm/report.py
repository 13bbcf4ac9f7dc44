"""What a storm came to, as a table for people, as JSON for programs, and as a list of promises not kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_REPEATED_SHARE = 0.005
RECOVERY_AFTER_LEASE_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The counts. ``longest_recovery_s`` is None where nothing had to be recovered; those recoveries during
    which the sweeper itself was killed are told apart, as no lease says how long its start takes.

    ``repeated`` counts the requests that the backend answered whole beyond one a case; ``cut`` those whose
    caller went away before the answer was whole, which therefore had to be asked again. ``refused_writes``
    comes from the logs of the workers, ``refused_tally`` from what they counted themselves.
    """

    accepted: int
    scored: int
    lost: int
    doubled: int
    wrong: int
    calls: int
    repeated: int
    cut: int
    refused_writes: int
    refused_tally: int | None
    kills: int
    freezes: int
    broker_restarts: int
    database_restarts: int
    sweeper_kills: int
    recoveries: int
    longest_recovery_s: float | None
    longest_without_sweeper_s: float | None
    wall_s: float
    evaluations_per_s: float
    setup_s: float
    audit_s: float
    invariants_hold: bool

    @property
    def repeated_share(self) -> float:
        return self.repeated / self.calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """``planned`` are the kills, freezes and restarts of the plan; ``details`` name what was found."""

    seed: int
    submissions: int
    cases: int
    database: str
    lease_s: int
    planned: Mapping[str, int]
    figures: Figures
    details: Mapping[str, list[str]] = field(default_factory=dict)

    def broken_promises(self) -> list[str]:
        """Empty where the storm was weathered."""
        return [*self.broken_counts(), *self._slow_recoveries()]

    def broken_counts(self) -> list[str]:
        """Those promises whose keeping does not depend on how busy the machine is."""
        figures = self.figures
        found = {
            f"accepted {figures.accepted} of {self.submissions}": figures.accepted != self.submissions,
            f"lost {figures.lost}": figures.lost > 0,
            f"doubled {figures.doubled}": figures.doubled > 0,
            f"wrong {figures.wrong}": figures.wrong > 0,
            f"repeated calls {figures.repeated_share:.2%} > {MOST_REPEATED_SHARE:.1%}": (
                figures.repeated_share > MOST_REPEATED_SHARE
            ),
            f"of {figures.freezes} frozen workers {figures.refused_writes} were refused": (
                figures.refused_writes < figures.freezes
            ),
            "invariants do not hold": not figures.invariants_hold,
        }
        done = {
            "kills": figures.kills,
            "freezes": figures.freezes,
            "broker restarts": figures.broker_restarts,
            "database restarts": figures.database_restarts,
        }
        found |= {
            f"{name}: {done[name]} of {count}": done[name] != count for name, count in self.planned.items()
        }
        return [promise for promise, is_broken in found.items() if is_broken]

    def _slow_recoveries(self) -> list[str]:
        limit_s, longest_s = self.lease_s + RECOVERY_AFTER_LEASE_S, self.figures.longest_recovery_s
        is_slow = longest_s is not None and longest_s > limit_s
        return [f"recovery {longest_s:.2f} s > {limit_s:g} s"] if is_slow else []

    def as_json(self) -> dict[str, object]:
        return {**dataclasses.asdict(self), "broken_promises": self.broken_promises()}

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> Report:
        """What ``as_json`` wrote, in another process."""
        kept = {each.name: told[each.name] for each in dataclasses.fields(cls)}
        return cls(**{**kept, "figures": Figures(**told["figures"])})

    def as_table(self) -> str:
        figures = self.figures
        longest, without = _seconds(figures.longest_recovery_s), _seconds(figures.longest_without_sweeper_s)
        tally = "" if figures.refused_tally is None else f" (tally: {figures.refused_tally})"
        rows = [
            ("accepted", f"{figures.accepted}"),
            ("scored", f"{figures.scored}"),
            ("lost", f"{figures.lost}"),
            ("doubled", f"{figures.doubled}"),
            ("wrong", f"{figures.wrong}"),
            ("repeated calls", f"{figures.repeated} of {figures.calls} ({figures.repeated_share:.2%})"),
            ("calls cut in the middle", f"{figures.cut}"),
            ("stale writes refused", f"{figures.refused_writes}{tally}"),
            ("workers killed", f"{figures.kills}"),
            ("workers frozen", f"{figures.freezes}"),
            ("broker restarts", f"{figures.broker_restarts}"),
            ("database restarts", f"{figures.database_restarts}"),
            ("sweeper kills", f"{figures.sweeper_kills}"),
            ("longest recovery", f"{longest} of {figures.recoveries} (lease {self.lease_s} s)"),
            ("with the sweeper killed", without),
            ("wall time", f"{figures.wall_s:.1f} s, {figures.evaluations_per_s:.1f} evaluations/s"),
            ("start and audit", f"{figures.setup_s:.1f} s, {figures.audit_s:.1f} s"),
            ("invariants", "hold" if figures.invariants_hold else "DO NOT HOLD"),
        ]
        head = f"{self.submissions} x {self.cases}, seed {self.seed}, {self.database}"
        return "\n".join([head, *(f"  {name:26}{told}" for name, told in rows)])


def _seconds(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:.2f} s"
