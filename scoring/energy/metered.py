"""Energy from a meter beside the device, over HTTP: the evaluation's side of ``scoring.energy.meter``.

``find_meter`` asks it who it is; the source that it gives opens windows as any other. A figure is believed
only if the whole answer holds: the same process of the meter and the same device from begin to end, as many
seconds there as here, no flag that voids it, and the same energy when worked out here from the meter's
edges. Whatever else comes is ``CounterUnavailable`` before a window, ``MeasurementVoid`` after, never a zero.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from scoring.decimals import EXACT_ENOUGH
from scoring.energy.counter import Clock, Device, Edge
from scoring.energy.edges import EdgesInvalid, checked, edges_bytes
from scoring.energy.flags import Flag, voiding
from scoring.energy.meter.answers import MOST_EDGES, ClosedAnswer, Described, EdgesPage, OpenedAnswer
from scoring.energy.meter.connection import (
    MeterConnection,
    MeterFault,
    NoAnswer,
    Nonsense,
    Refused,
)
from scoring.energy.window_energy import window_energy
from scoring.errors import CounterUnavailable, MeasurementVoid
from scoring.values import EvidenceGrade, Measurement, TokenUse

NS_PER_S = 10**9
# The two clocks and the two messages: beyond this the seconds are not the same seconds.
SKEW_NS, SKEW_SHARE = 50_000_000, 100
# No board and no machine of ours draws this much: such a figure is a fault, whatever the meter thinks of it.
MOST_POWER_MW = 100_000_000


class WindowVoid(MeasurementVoid):
    """A window whose figure cannot be used; ``flags`` are those that void it."""

    def __init__(self, reason: str, *flags: str) -> None:
        self.flags = tuple(sorted(flags))
        super().__init__(reason if not flags else f"{reason} [{', '.join(self.flags)}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowEvidence:
    """What a sealed record needs to name a window of a meter; moments are the meter's own nanoseconds."""

    window_id: str
    boot: str
    source: str
    device: Device
    clocks_mhz: tuple[int, ...] | None
    power_limit_mw: int | None
    begin_ns: int
    end_ns: int
    edges_count: int
    edges_sha256: str
    uncertainty_mj: int
    flags: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values, as ``Measurement.evidence`` holds them."""
        return {
            "window_id": self.window_id,
            "boot": self.boot,
            "started_ns": self.begin_ns,
            "ended_ns": self.end_ns,
            "edges_count": self.edges_count,
            "edges_sha256": self.edges_sha256,
            "uncertainty_mj": self.uncertainty_mj,
            "hardware": {
                **asdict(self.device),
                "clocks_mhz": None if self.clocks_mhz is None else list(self.clocks_mhz),
                "power_limit_mw": self.power_limit_mw,
            },
        }


def find_meter(
    url: str,
    *,
    token: str,
    client: str,
    device_uuid: str = "",
    shortest_s: float = 0.0,
    clock: Clock = time.monotonic_ns,
) -> MeteredSource:
    """Ask the meter at ``url`` ("http://host:port") what it counts.

    ``client`` is who asks, as it is shown there; ``device_uuid`` "" takes whatever device it is. Windows
    under ``shortest_s`` are void. Raises ``CounterUnavailable``.
    """
    try:
        meter = MeterConnection(url=url, token=token)
        return source_of(meter, client=client, device_uuid=device_uuid, shortest_s=shortest_s, clock=clock)
    except ValueError as error:
        raise CounterUnavailable(str(error)) from error


def source_of(
    meter: MeterConnection,
    *,
    client: str,
    device_uuid: str = "",
    shortest_s: float = 0.0,
    clock: Clock = time.monotonic_ns,
) -> MeteredSource:
    """The same over a connection that is there. Raises ``CounterUnavailable``."""
    try:
        found = Described.understood(meter.get("/v1/info"))
    except MeterFault as fault:
        raise CounterUnavailable(_not_there(fault)) from fault
    if device_uuid and found.device.uuid != device_uuid:
        raise CounterUnavailable(
            f"El medidor cuenta {found.device.uuid} y se esperaba {device_uuid} [{Flag.WRONG_DEVICE}]."
        )
    if found.trouble:
        raise CounterUnavailable(f"El medidor no puede leer su contador: {found.trouble}")
    return MeteredSource(
        meter=meter, described=found, client=client, shortest_ns=round(shortest_s * NS_PER_S), clock=clock
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteredSource:
    """An ``EnergySource`` over a meter. A counter runs on while we are away, so no window is resumed."""

    meter: MeterConnection
    described: Described
    client: str
    shortest_ns: int = 0
    clock: Clock = time.monotonic_ns
    resumable: bool = False

    @property
    def name(self) -> str:
        return f"meter:{self.described.source}"

    @property
    def grade(self) -> EvidenceGrade:
        return self.described.grade

    @property
    def reason(self) -> str:
        device = self.described.device
        return f"El medidor lee {self.described.source} de {device.name} ({device.uuid})."

    def open(self) -> MeteredWindow:
        """Begin a window of this very device. Raises ``CounterUnavailable``.

        A window whose answer is lost ends there by its limit, and nobody has its name.
        """
        sent_ns = self.clock()
        uuid = self.described.device.uuid
        try:
            answer = self.meter.post("/v1/windows", {"client": self.client, "device": uuid})
            opened = OpenedAnswer.understood(answer)
        except MeterFault as fault:
            raise CounterUnavailable(_not_there(fault)) from fault
        if opened.device_uuid != uuid:
            raise CounterUnavailable(
                f"El medidor abrió una ventana de otro dispositivo: {opened.device_uuid}."
            )
        # A meter that was restarted since ``find_meter`` is as good as any: the window is the new one's.
        return MeteredWindow(self, opened, sent_ns=sent_ns, received_ns=self.clock())


class MeteredWindow:
    """One window of a meter. After ``close``, ``evidence`` and ``edges`` tell what the figure is made of."""

    def __init__(
        self, source: MeteredSource, opened: OpenedAnswer, *, sent_ns: int, received_ns: int
    ) -> None:
        self._source = source
        self._opened = opened
        self._sent_ns = sent_ns
        self._received_ns = received_ns
        self._is_closed = False
        self.evidence: WindowEvidence | None = None
        self.edges: tuple[Edge, ...] = ()

    @property
    def id(self) -> str:
        return self._opened.id

    def close(self, calls: Sequence[TokenUse]) -> Measurement:
        """End the window: its energy, from the counter; ``calls`` only say that there was work.

        Raises ``WindowVoid`` where the figure cannot be trusted. Blocks for the meter's answer: some hundred
        milliseconds, as it waits for the counter's next change.
        """
        if self._is_closed:
            raise WindowVoid("La ventana de medida ya estaba cerrada.")
        self._is_closed = True
        ended_ns = self._source.clock()
        try:
            closed = ClosedAnswer.understood(self._end())
            self._check_identity(closed)
            flags = {*closed.flags, *self._own_flags(closed, ended_ns), *_work_flags(calls)}
            if void := voiding(flags):
                raise WindowVoid("La ventana no vale y se mide otra vez.", *void)
            edges = self._edges(closed)
        except NoAnswer as fault:
            raise WindowVoid(fault.reason, Flag.METER_AWAY) from fault
        except Refused as fault:
            flag = Flag.METER_RESTARTED if fault.code == "meter-restarted" else Flag.METER_AWAY
            raise WindowVoid(fault.reason, flag) from fault
        except Nonsense as fault:
            raise WindowVoid(fault.reason) from fault
        return self._measured(closed, edges, tuple(sorted(flags)))

    def _path(self) -> str:
        return f"/v1/windows/{quote(self._opened.id, safe='')}"

    def _end(self) -> Mapping[str, Any]:
        """The closed reading. An answer that was lost is asked for again; ending is not.

        Only a window that the meter still shows open is ended again: then it ends later than our work did,
        which the seconds tell.
        """
        meter, wait_s = self._source.meter, self._source.described.settle_ms / 1000
        for _ in range(2):
            try:
                return meter.post(f"{self._path()}/end", {}, wait_s=wait_s)
            except Refused as fault:
                if fault.code != "window-ended":
                    raise
            except NoAnswer as fault:
                if not fault.was_sent:
                    raise
            answer = meter.get(self._path())
            if answer.get("state") != "open":
                return answer
        raise NoAnswer("El medidor no cierra la ventana.", was_sent=True)

    def _check_identity(self, closed: ClosedAnswer) -> None:
        if closed.id != self._opened.id or closed.begin_ns != self._opened.opened_ns:
            raise Nonsense("El medidor contesta con otra ventana.")
        if closed.boot != self._opened.boot:
            raise WindowVoid("El medidor se reinició con la ventana abierta.", Flag.METER_RESTARTED)
        if closed.device != self._source.described.device:
            raise WindowVoid(f"El medidor cuenta ahora {closed.device.uuid}.", Flag.WRONG_DEVICE)

    def _own_flags(self, closed: ClosedAnswer, ended_ns: int) -> Iterable[Flag]:
        elapsed_ns = closed.end_ns - closed.begin_ns
        # The window began somewhere between our question and the answer to it.
        least_ns, most_ns = ended_ns - self._received_ns, ended_ns - self._sent_ns
        slack_ns = SKEW_NS + elapsed_ns // SKEW_SHARE
        if not least_ns - slack_ns <= elapsed_ns <= most_ns + slack_ns:
            yield Flag.CLOCK_SKEW
        if elapsed_ns < self._source.shortest_ns:
            yield Flag.WINDOW_TOO_SHORT
        if closed.energy_mj == 0:
            yield Flag.ZERO_ENERGY
        if closed.energy_mj is not None and closed.energy_mj * NS_PER_S > MOST_POWER_MW * elapsed_ns:
            yield Flag.ABOVE_BOARD_POWER

    def _edges(self, closed: ClosedAnswer) -> tuple[Edge, ...]:
        """The edges that the figure was made from, which are worked out here once more."""
        edges = _all_edges(self._source.meter, closed)
        described = self._source.described
        try:
            again = window_energy(
                edges,
                begin_ns=closed.begin_ns,
                end_ns=closed.end_ns,
                device=closed.device,
                grade=described.grade,
                source=described.source,
                sample_ms=described.sample_ms,
            )
        except EdgesInvalid as error:
            raise Nonsense(f"Los cambios del contador que da el medidor no valen: {error}.") from error
        if (again.edges, again.edges_sha256) != (closed.edges, closed.edges_sha256):
            raise Nonsense("Los cambios del contador que da el medidor no son los de la ventana.")
        if again.energy_mj != closed.energy_mj:
            raise Nonsense(
                f"El medidor dice {closed.energy_mj} mJ, y de sus cambios del contador salen "
                f"{again.energy_mj}."
            )
        # A meter that was restarted since it described itself may look at its counter as often as it likes.
        if closed.boot == described.boot and again.uncertainty_mj != closed.uncertainty_mj:
            raise Nonsense(
                f"El medidor dice que su cifra se desvía {closed.uncertainty_mj} mJ como mucho, y de sus "
                f"cambios del contador salen {again.uncertainty_mj}."
            )
        return edges

    def _measured(self, closed: ClosedAnswer, edges: tuple[Edge, ...], flags: tuple[str, ...]) -> Measurement:
        if closed.energy_mj is None or closed.grade is None:
            raise WindowVoid("El medidor no da cifra de la ventana, y no dice por qué.")
        if closed.grade.value < self._source.grade.value:
            raise WindowVoid("El medidor da a la ventana más grado que a su contador.")
        self.edges = edges
        self.evidence = WindowEvidence(
            window_id=closed.id,
            boot=closed.boot,
            source=closed.source,
            device=closed.device,
            clocks_mhz=closed.clocks_mhz,
            power_limit_mw=closed.power_limit_mw,
            begin_ns=closed.begin_ns,
            end_ns=closed.end_ns,
            edges_count=closed.edges,
            edges_sha256=closed.edges_sha256,
            uncertainty_mj=closed.uncertainty_mj,
            flags=flags,
        )
        return Measurement(
            energy_mj=closed.energy_mj,
            seconds=_seconds(closed.end_ns - closed.begin_ns),
            grade=closed.grade,
            source=f"{closed.source}:{closed.device.uuid}"[:120],
            flags=flags,
            evidence=self.evidence.as_json(),
            files=(edges_bytes(edges),),
        )


def _all_edges(meter: MeterConnection, closed: ClosedAnswer) -> tuple[Edge, ...]:
    found: list[Edge] = []
    from_ns: int | None = closed.edges_from_ns
    while from_ns is not None:
        page = EdgesPage.understood(meter.get(f"/v1/edges?from={from_ns}&to={closed.edges_to_ns}"))
        if page.boot != closed.boot:
            raise WindowVoid("El medidor se reinició.", Flag.METER_RESTARTED)
        found += page.edges
        following = page.next_from_ns
        # Each page moves on, so that no answer of theirs makes us ask for ever.
        if following is not None and not from_ns < following <= closed.edges_to_ns:
            raise Nonsense("El medidor da mal las páginas de cambios del contador.")
        if len(found) > MOST_EDGES:
            raise Nonsense(f"El medidor da más de {MOST_EDGES} cambios del contador.")
        from_ns = following
    try:
        return checked(found)
    except EdgesInvalid as error:
        raise Nonsense(f"Los cambios del contador que da el medidor no valen: {error}.") from error


def _work_flags(calls: Sequence[TokenUse]) -> Iterable[Flag]:
    """As the token model flags them: a window without work, and calls that no backend counted."""
    if not calls:
        yield Flag.NO_CALLS
    if any(call.prompt_tokens < 1 for call in calls):
        yield Flag.TOKENS_MISSING


def _seconds(elapsed_ns: int) -> Decimal:
    """To the millisecond, whatever the process around us set for decimals."""
    context = EXACT_ENOUGH.copy()
    return context.divide(Decimal(elapsed_ns), Decimal(NS_PER_S)).quantize(Decimal("0.001"), context=context)


def _not_there(fault: MeterFault) -> str:
    if isinstance(fault, Refused) and fault.status in (401, 403):
        return "El medidor no admite el token: METER_TOKEN ha de ser el mismo a los dos lados."
    return fault.reason
