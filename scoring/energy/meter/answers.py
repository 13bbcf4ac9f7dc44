"""What a meter may answer, as values: each field is looked at before it is believed.

``metered`` reads the meter's answers with these; ``routes`` writes them. Everything here raises ``Nonsense``
that names the field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scoring.energy.counter import Device, Edge
from scoring.energy.edges import device_from
from scoring.energy.flags import Flag
from scoring.energy.meter.connection import Nonsense
from scoring.values import EvidenceGrade

LARGEST = 2**63 - 1
MOST_EDGES = 200_000
LONGEST_SETTLE_MS = 600_000
LONGEST_SAMPLE_MS = 60_000
MOST_CLOCKS = 20
KNOWN_FLAGS = frozenset(flag.value for flag in Flag)
NAME = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,119}")
ID = re.compile(r"[0-9a-f]{16}\.[0-9a-f]{32}\.[0-9a-f]{24}")
BOOT = re.compile(r"[0-9a-f]{16}")
SHA256 = re.compile(r"[0-9a-f]{64}")
SOURCE = re.compile(r"[a-z][a-z0-9-]{0,29}")


class _Fields:
    """The fields of an answer, each looked at. All methods raise ``Nonsense`` that names the field."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = content

    def text(self, name: str, form: re.Pattern[str]) -> str:
        value = self._content.get(name)
        if not isinstance(value, str) or not form.fullmatch(value):
            raise _wrong(name)
        return value

    def whole(self, name: str, *, most: int = LARGEST) -> int:
        value = self._content.get(name)
        if type(value) is not int or not 0 <= value <= most:
            raise _wrong(name)
        return value

    def whole_or_none(self, name: str, *, most: int = LARGEST) -> int | None:
        # A field that is missing is not one that says "none".
        if name in self._content and self._content[name] is None:
            return None
        return self.whole(name, most=most)

    def wholes_or_none(self, name: str) -> tuple[int, ...] | None:
        values = self._content.get(name)
        if values is None:
            return None
        if not isinstance(values, list) or len(values) > MOST_CLOCKS:
            raise _wrong(name)
        return tuple(_Fields({name: value}).whole(name) for value in values)

    def grade(self, name: str) -> EvidenceGrade:
        try:
            return EvidenceGrade(self._content.get(name, ""))
        except ValueError:
            raise _wrong(name) from None

    def device(self) -> Device:
        try:
            device = device_from(self._content.get("device"))
        except ValueError:
            raise _wrong("device") from None
        if not NAME.fullmatch(device.uuid):
            raise _wrong("device.uuid")
        return device

    def flags(self) -> tuple[str, ...]:
        """A flag that we do not know may void the figure, so that the answer is of no use."""
        values = self._content.get("flags")
        if not isinstance(values, list):
            raise _wrong("flags")
        for value in values:
            if not isinstance(value, str) or value not in KNOWN_FLAGS:
                raise _wrong("flags")
        return tuple(values)

    def edges(self) -> list[Edge]:
        pairs = self._content.get("edges")
        if not isinstance(pairs, list):
            raise _wrong("edges")
        found = []
        for pair in pairs:
            if not isinstance(pair, list) or len(pair) != 2:
                raise _wrong("edges")
            fields = _Fields({"at_ns": pair[0], "mj": pair[1]})
            found.append(Edge(fields.whole("at_ns"), fields.whole("mj")))
        return found


def _wrong(name: str) -> Nonsense:
    return Nonsense(f"El medidor contesta algo que no se entiende: {name} falta o no puede ser.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What ``/v1/info`` says that a window needs."""

    boot: str
    source: str
    grade: EvidenceGrade
    device: Device
    settle_ms: int
    sample_ms: int
    trouble: str

    @classmethod
    def understood(cls, content: Mapping[str, Any]) -> Described:
        fields = _Fields(content)
        sampling = content.get("sampling")
        if not isinstance(sampling, dict) or not isinstance(trouble := sampling.get("trouble"), str):
            raise _wrong("sampling")
        return cls(
            boot=fields.text("boot", BOOT),
            source=fields.text("source", SOURCE),
            grade=fields.grade("grade"),
            device=fields.device(),
            settle_ms=fields.whole("settle_ms", most=LONGEST_SETTLE_MS),
            sample_ms=_Fields(sampling).whole("every_ms", most=LONGEST_SAMPLE_MS),
            trouble=trouble[:300],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedAnswer:
    """What the meter says of a window that begins."""

    id: str
    boot: str
    device_uuid: str
    opened_ns: int

    @classmethod
    def understood(cls, content: Mapping[str, Any]) -> OpenedAnswer:
        fields = _Fields(content)
        return cls(
            id=fields.text("id", ID),
            boot=fields.text("boot", BOOT),
            device_uuid=fields.text("device", NAME),
            opened_ns=fields.whole("opened_ns"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedAnswer:
    """What the meter says of a window that has ended."""

    id: str
    boot: str
    source: str
    device: Device
    clocks_mhz: tuple[int, ...] | None
    power_limit_mw: int | None
    energy_mj: int | None
    uncertainty_mj: int
    begin_ns: int
    end_ns: int
    edges: int
    edges_sha256: str
    edges_from_ns: int
    edges_to_ns: int
    grade: EvidenceGrade | None
    flags: tuple[str, ...]

    @classmethod
    def understood(cls, content: Mapping[str, Any]) -> ClosedAnswer:
        fields = _Fields(content)
        closed = cls(
            id=fields.text("id", ID),
            boot=fields.text("boot", BOOT),
            source=fields.text("source", SOURCE),
            device=fields.device(),
            clocks_mhz=fields.wholes_or_none("clocks_mhz"),
            power_limit_mw=fields.whole_or_none("power_limit_mw"),
            energy_mj=fields.whole_or_none("mJ"),
            uncertainty_mj=fields.whole("uncertainty_mJ"),
            begin_ns=fields.whole("begin_ns"),
            end_ns=fields.whole("end_ns"),
            edges=fields.whole("edges", most=MOST_EDGES),
            edges_sha256=fields.text("edges_sha256", SHA256),
            edges_from_ns=fields.whole("edges_from_ns"),
            edges_to_ns=fields.whole("edges_to_ns"),
            grade=None if content.get("grade") is None else fields.grade("grade"),
            flags=fields.flags(),
        )
        if closed.end_ns <= closed.begin_ns:
            raise _wrong("end_ns")
        return closed


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgesPage:
    """Some of the edges; ``next_from_ns`` is where the next page begins, None for the last."""

    boot: str
    edges: tuple[Edge, ...]
    next_from_ns: int | None

    @classmethod
    def understood(cls, content: Mapping[str, Any]) -> EdgesPage:
        fields = _Fields(content)
        return cls(
            boot=fields.text("boot", BOOT),
            edges=tuple(fields.edges()),
            next_from_ns=fields.whole_or_none("next_from"),
        )
