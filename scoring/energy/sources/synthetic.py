"""A counter whose true energy is known, for tests, demos and ``bench/energy.py``. It measures nothing.

So its figures are grade E, whatever it imitates. The spec is ``name=value`` pairs with commas: a power curve,
how the counter behaves, and faults with the second at which they come. "sine=250/100/2,stuck-at=5+1" is
250 ± 100 W every 2 s, with a counter that stands still from 5 s to 6 s. ``SPEC`` lists all names.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache

from scoring.energy.counter import Clock, Device, DeviceState
from scoring.errors import CounterUnavailable
from scoring.values import EvidenceGrade

NS_PER_S = 10**9
CURVES = ("constant", "sine", "steps")
NUMBERS = {
    "update-ms": 100,
    "jitter-ms": 0,  # each change comes up to this much before or after its beat
    "seed": 1,
    "start-mj": 0,
    "range-mj": 0,  # 0: it does not start again
    "max-w": 1000,
    "idle-w": 0,  # 0: not known
    "jump-mj": 1_000_000,
    "back-mj": 1000,
}
# "A" is from second A on, "A+B" for B seconds.
FAULTS = (
    "stuck-at",
    "jump-at",
    "back-at",
    "gap-at",  # it cannot be read
    "wrap-at",  # it starts again at 0, as its range says
    "restart-at",  # it starts again at 0, and no range says so
    "throttle-at",
    "other-process-at",
    "clocks-at",
    "power-limit-at",
)
SPEC = (
    "una curva (constant=W, sine=W/W/S o steps=WxS/WxS/…), y después, si se quiere, "
    f"{', '.join(NUMBERS)} con un número, y {', '.join(FAULTS)} con SEGUNDO o SEGUNDO+SEGUNDOS"
)
LARGEST = 10**12
USUAL_RANGE_MJ = 262_143_328
Curve = Callable[[int], Fraction]  # ns since the start -> true mJ


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From a moment to another, its end not included; ``ends_ns`` None: never."""

    starts_ns: int
    ends_ns: int | None = None

    def holds(self, at_ns: int) -> bool:
        return self.starts_ns <= at_ns and (self.ends_ns is None or at_ns < self.ends_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A spec, understood."""

    text: str
    curve: Curve
    numbers: Mapping[str, int]
    faults: Mapping[str, Span] = field(default_factory=dict)

    def has(self, fault: str, at_ns: int) -> bool:
        return fault in self.faults and self.faults[fault].holds(at_ns)


def open_synthetic(spec: str, clock: Clock) -> SyntheticSource:
    """Raises ``ValueError`` with what is wrong in the spec and what is allowed."""
    return SyntheticSource(spec, clock=clock)


class SyntheticSource:
    """A ``CounterSource`` over a known curve; its time begins when it is made.

    ``true_mj`` is what a perfect meter would say. Its faults are the counter's and never change that.
    """

    name = "synthetic"
    grade = EvidenceGrade.E

    def __init__(self, spec: str, *, clock: Clock) -> None:
        self._plan = plan(spec)
        self._clock = clock
        self._opened_ns = clock()
        numbers = self._plan.numbers
        self._device = Device(
            uuid=f"SYNTHETIC-{hashlib.sha256(spec.encode()).hexdigest()[:12]}",
            name="Contador simulado",
            driver="synthetic",
            update_ms=numbers["update-ms"],
            range_mj=numbers["range-mj"] or None,
            max_power_mw=numbers["max-w"] * 1000,
            idle_power_mw=numbers["idle-w"] * 1000 or None,
        )

    def device(self) -> Device:
        return self._device

    def read_mj(self) -> int:
        now_ns = self._clock() - self._opened_ns
        if self._plan.has("gap-at", now_ns):
            raise CounterUnavailable("El contador simulado no se puede leer ahora.")
        return shown_mj(self._plan, now_ns)

    def state(self) -> DeviceState:
        now_ns = self._clock() - self._opened_ns
        full_mw = self._plan.numbers["max-w"] * 1000
        return DeviceState(
            clocks_mhz=(1200, 1593) if self._plan.has("clocks-at", now_ns) else (1980, 1593),
            power_limit_mw=full_mw // 2 if self._plan.has("power-limit-at", now_ns) else full_mw,
            throttled="hw-thermal" if self._plan.has("throttle-at", now_ns) else "",
            processes=frozenset({4242}) if self._plan.has("other-process-at", now_ns) else frozenset(),
        )

    def close(self) -> None:
        """Nothing is held."""

    def true_mj(self, begin_ns: int, end_ns: int) -> Fraction:
        """What was really used between two moments of the clock, neither before it was made."""
        return self._plan.curve(end_ns - self._opened_ns) - self._plan.curve(begin_ns - self._opened_ns)


def shown_mj(plan: Plan, at_ns: int) -> int:
    """What the counter shows: the energy at its last change, with the faults that came until then."""
    numbers, faults = plan.numbers, plan.faults
    if plan.has("stuck-at", at_ns):
        at_ns = faults["stuck-at"].starts_ns
    since_ns = changed_ns(at_ns, numbers["update-ms"], numbers["jitter-ms"], numbers["seed"])
    shown = numbers["start-mj"] + plan.curve(since_ns)
    if plan.has("jump-at", since_ns):
        shown += numbers["jump-mj"]
    if plan.has("back-at", since_ns):
        shown = max(shown - numbers["back-mj"], Fraction(0))
    if plan.has("restart-at", since_ns):
        shown = plan.curve(since_ns) - plan.curve(faults["restart-at"].starts_ns)
    return math.floor(shown) % numbers["range-mj"] if numbers["range-mj"] else math.floor(shown)


def changed_ns(at_ns: int, update_ms: int, jitter_ms: int, seed: int) -> int:
    """The counter's last change at or before a moment; 0, its start, where there was none."""
    number = at_ns // (update_ms * 10**6) + 1
    while number > 0:
        if (changed := _change(number, update_ms, jitter_ms, seed)) <= at_ns:
            return changed
        number -= 1
    return 0


@lru_cache(maxsize=4096)
def _change(number: int, update_ms: int, jitter_ms: int, seed: int) -> int:
    off_ns = random.Random(f"{seed}/{number}").randint(-jitter_ms * 10**6, jitter_ms * 10**6)  # noqa: S311
    return number * update_ms * 10**6 + off_ns


# --- the spec -----------------------------------------------------------------------------------------------


def plan(spec: str) -> Plan:
    """Understand a spec. Raises ``ValueError`` (in Spanish) with what is wrong and what is allowed."""
    try:
        return _plan(spec)
    except ValueError as error:
        raise ValueError(f"{error} Se escribe {SPEC}.") from None


def _plan(spec: str) -> Plan:
    pairs: dict[str, str] = {}
    for part in spec.split(","):
        name, _, value = part.strip().partition("=")
        if name not in {*CURVES, *NUMBERS, *FAULTS}:
            raise ValueError(f"«{name[:40]}» no se conoce.")
        if name in pairs:
            raise ValueError(f"«{name}» está dos veces.")
        pairs[name] = value
    curves = [name for name in CURVES if name in pairs]
    if len(curves) != 1:
        raise ValueError("Hace falta una curva, y solo una.")
    curve = _CURVES[curves[0]](pairs[curves[0]])
    numbers = {**NUMBERS, **{name: int(_number(pairs[name])) for name in NUMBERS if name in pairs}}
    if numbers["update-ms"] < 1 or numbers["max-w"] < 1:
        raise ValueError("update-ms y max-w son 1 o más.")
    if numbers["jitter-ms"] * 2 >= numbers["update-ms"]:
        raise ValueError("jitter-ms es menos de la mitad de update-ms.")
    faults = {name: _span(pairs[name]) for name in FAULTS if name in pairs}
    if "wrap-at" in faults:
        numbers["range-mj"] = numbers["range-mj"] or USUAL_RANGE_MJ
        numbers["start-mj"] = -math.floor(curve(faults["wrap-at"].starts_ns)) % numbers["range-mj"]
    return Plan(text=spec, curve=curve, numbers=numbers, faults=faults)


def _constant(value: str) -> Curve:
    power_w = _number(value)
    return lambda at_ns: power_w * at_ns / 10**6


def _sine(value: str) -> Curve:
    """Mean W, amplitude W, period s. The integral in floats: some 10^-12 of it is rounding."""
    mean_w, amplitude_w, period_s = _numbers(value, 3)
    if amplitude_w > mean_w or period_s == 0:
        raise ValueError("La amplitud de sine no pasa de su media, y su periodo no es 0.")
    turn = 2 * math.pi / float(period_s)

    def curve(at_ns: int) -> Fraction:
        phase = turn * float(Fraction(at_ns, NS_PER_S) % period_s)
        return mean_w * at_ns / 10**6 + Fraction(float(amplitude_w) / turn * 1000 * (1 - math.cos(phase)))

    return curve


def _steps(value: str) -> Curve:
    """Powers in W, each with its seconds, over and over."""
    steps: list[tuple[Fraction, Fraction]] = []
    for part in value.split("/"):
        power, _, seconds = part.partition("x")
        steps.append((_number(power), _number(seconds) * NS_PER_S))
    round_ns = sum((lasts_ns for _, lasts_ns in steps), Fraction(0))
    round_mj = sum((power_w * lasts_ns / 10**6 for power_w, lasts_ns in steps), Fraction(0))
    if not all(lasts_ns for _, lasts_ns in steps):
        raise ValueError("Cada tramo de steps dura más de 0 s.")

    def curve(at_ns: int) -> Fraction:
        rounds, left_ns = divmod(Fraction(at_ns), round_ns)
        used = rounds * round_mj
        for power_w, lasts_ns in steps:
            used += power_w * min(left_ns, lasts_ns) / 10**6
            left_ns = max(left_ns - lasts_ns, Fraction(0))
        return used

    return curve


_CURVES: Mapping[str, Callable[[str], Curve]] = {"constant": _constant, "sine": _sine, "steps": _steps}


def _span(value: str) -> Span:
    start, plus, lasts = value.partition("+")
    starts_ns = int(_number(start) * NS_PER_S)
    return Span(starts_ns=starts_ns, ends_ns=starts_ns + int(_number(lasts) * NS_PER_S) if plus else None)


def _numbers(value: str, count: int) -> list[Fraction]:
    parts = value.split("/")
    if len(parts) != count:
        raise ValueError(f"«{value[:40]}» no son {count} números.")
    return [_number(part) for part in parts]


def _number(text: str) -> Fraction:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not (value.is_finite() and 0 <= value <= LARGEST):
        raise ValueError(f"«{text[:40]}» no es un número de 0 en adelante.")
    return Fraction(value)
