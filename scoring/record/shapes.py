"""Strict readers of parsed JSON: a value comes out as it should be, or the reader says what is wrong.

``sealed``, ``disclosure`` and ``bundle`` put the shapes of their files together from these. Each reader takes
a parsed value and raises ``RecordUnreadable``; whoever holds it adds the step of the path.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypeVar

from scoring.record.canonical import LARGEST_WHOLE
from scoring.record.errors import RecordUnreadable

T = TypeVar("T")
Reader = Callable[[Any], T]

MAX_TEXT = 2000
SHOWN = 60
HASH = re.compile(r"[0-9a-f]{64}")
SLUG = re.compile(r"[A-Za-z0-9_-]{1,60}")
NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,80}")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOMENT = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{6}Z")


class Shape(Generic[T]):
    """Reads an object whose keys are exactly the fields of ``made_of``, a frozen dataclass with slots.

    The slots are filled directly: a frozen ``__init__`` would take a third of the time of reading, which
    tells with thousands of records. So ``made_of`` has no ``__post_init__``, and every field a reader.
    """

    def __init__(self, made_of: type[T], **readers: Reader[Any]) -> None:
        names = {field.name for field in dataclasses.fields(made_of)}  # type: ignore[arg-type]  # it is one
        if names != readers.keys() or hasattr(made_of, "__post_init__"):
            raise TypeError(f"{made_of.__name__} cannot be read field by field: {names ^ readers.keys()}")
        self._made_of = made_of
        self._names = readers.keys()
        self._fields = tuple((name, read, getattr(made_of, name).__set__) for name, read in readers.items())

    def __call__(self, value: Any) -> T:
        if type(value) is not dict:
            raise RecordUnreadable(f"debe ser un objeto, no {_shown(value)}")
        if value.keys() != self._names:
            self._refuse_keys(value)
        made = object.__new__(self._made_of)
        name = ""
        try:
            for name, read, fill in self._fields:
                fill(made, read(value[name]))
        except RecordUnreadable as error:
            raise error.inside(name) from None
        return made

    def _refuse_keys(self, value: Mapping[str, Any]) -> None:
        name = min(value.keys() ^ self._names)
        what = "nadie conoce esta clave" if name in value else "falta esta clave"
        raise RecordUnreadable(what, where=name[:SHOWN])


def list_of(read: Reader[T], *, most: int, least: int = 0) -> Reader[tuple[T, ...]]:
    def read_list(value: Any) -> tuple[T, ...]:
        if type(value) is not list or not least <= len(value) <= most:
            raise RecordUnreadable(f"debe ser una lista de {least} a {most} elementos")
        made: list[T] = []
        try:
            for item in value:
                made.append(read(item))
        except RecordUnreadable as error:
            raise error.inside(len(made)) from None
        return tuple(made)

    return read_list


def map_of(read: Reader[T], *, most: int) -> Reader[dict[str, T]]:
    """An object of any keys that are names in ASCII."""

    def read_map(value: Any) -> dict[str, T]:
        if type(value) is not dict or len(value) > most:
            raise RecordUnreadable(f"debe ser un objeto de {most} claves o menos")
        name = ""
        made: dict[str, T] = {}
        try:
            for name, item in value.items():
                made[matching(NAME)(name)] = read(item)
        except RecordUnreadable as error:
            raise error.inside(name[:SHOWN]) from None
        return made

    return read_map


def or_none(read: Reader[T]) -> Reader[T | None]:
    def read_optional(value: Any) -> T | None:
        return None if value is None else read(value)

    return read_optional


def matching(pattern: re.Pattern[str], *, or_empty: bool = False) -> Reader[str]:
    """A text that matches as a whole."""
    matches = pattern.fullmatch

    def read_text(value: Any) -> str:
        if type(value) is str and (matches(value) or (or_empty and not value)):
            return value
        raise RecordUnreadable(f"no tiene la forma debida: {_shown(value)}")

    return read_text


def text(*, most: int = MAX_TEXT, least: int = 0) -> Reader[str]:
    def read_text(value: Any) -> str:
        if type(value) is str and least <= len(value) <= most:
            return value
        raise RecordUnreadable(f"debe ser un texto de {least} a {most} caracteres, no {_shown(value)}")

    return read_text


def whole(least: int = 0, most: int = LARGEST_WHOLE) -> Reader[int]:
    def read_whole(value: Any) -> int:
        if type(value) is int and least <= value <= most:
            return value
        raise RecordUnreadable(f"debe ser un número entero de {least} a {most}, no {_shown(value)}")

    return read_whole


def boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise RecordUnreadable(f"debe ser true o false, no {_shown(value)}")


def one_of(*known: str) -> Reader[Any]:
    def read_choice(value: Any) -> str:
        if type(value) is str and value in known:
            return value
        raise RecordUnreadable(f"debe ser {' o '.join(known)}, no {_shown(value)}")

    return read_choice


def member_of(kind: type[StrEnum]) -> Reader[Any]:
    """A member of an enum by its value."""
    choice, by_value = one_of(*(member.value for member in kind)), {member.value: member for member in kind}

    def read_member(value: Any) -> StrEnum:
        return by_value[choice(value)]

    return read_member


def fraction(decimals: int, *, whole_digits: int = 1) -> Reader[str]:
    """The text of a number from 0 with exactly so many decimals, and no zero before its first digit."""
    return matching(re.compile(rf"(?:0|[1-9][0-9]{{0,{whole_digits - 1}}})\.[0-9]{{{decimals}}}"))


def fraction_text(value: Decimal, decimals: int) -> str:
    """What ``fraction`` reads; the value of a column or of a policy, never rounded here.

    Raises ``ValueError`` where it has more decimals, is negative or no number.

    >>> fraction_text(Decimal(1), 6)
    '1.000000'
    """
    if not value.is_finite() or value.is_signed():
        raise ValueError(f"not a number from 0: {value}")
    digits, exponent = value.as_tuple().digits, int(value.as_tuple().exponent)
    scaled = int("".join(map(str, digits))) * 10 ** max(exponent + decimals, 0)
    dropped = 10 ** max(-exponent - decimals, 0)
    if scaled % dropped:
        raise ValueError(f"{value} has more than {decimals} decimals")
    before, after = divmod(scaled // dropped, 10**decimals)
    return f"{before}.{after:0{decimals}d}"


def sorted_names(value: Iterable[str]) -> tuple[str, ...]:
    """As ``names`` reads them: each once, in order."""
    return tuple(sorted(set(value)))


def names(*, most: int = 40) -> Reader[tuple[str, ...]]:
    read = list_of(matching(NAME), most=most)

    def read_names(value: Any) -> tuple[str, ...]:
        found = read(value)
        if found != sorted_names(found):
            raise RecordUnreadable("debe estar en orden y sin repetir")
        return found

    return read_names


def _shown(value: Any) -> str:
    written = repr(value)
    return written if len(written) <= SHOWN else written[:SHOWN] + "…"
