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
from typing import Any, Generic, NoReturn, TypeVar

from scoring.record.canonical import LARGEST_WHOLE
from scoring.record.errors import RecordUnreadable

T = TypeVar("T")
Reader = Callable[[Any], T]

MAX_TEXT = 2000
# A pattern that nothing matches, with its group.
NEVER = "(?!)()"
SHOWN = 60
HASH = re.compile(r"[0-9a-f]{64}")
SLUG = re.compile(r"[A-Za-z0-9_-]{1,60}")
NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,80}")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOMENT = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{6}Z")


class Leaf(Generic[T]):
    """Reads a value that comes out as it went in.

    ``test`` is what must be true of it, as Python over ``{value}`` and ``known``, so that a ``Shape`` can
    test all its fields in one expression; ``refusal`` says what is wrong with one that fails. ``token`` is
    what canonical JSON holds where one stands that passes, with a group for the value: not all of them need
    match, as those with an escape do not.
    """

    def __init__(
        self,
        test: str,
        refusal: Callable[[Any], str],
        *,
        token: str = NEVER,
        is_whole: bool = False,
        **known: Any,
    ) -> None:
        self.test, self.known, self.refusal = test, known, refusal
        self.token, self.is_whole = token, is_whole
        own = {name: name for name in known}
        self._holds = _made(_TEST.format(test=test.format(value="value", **own)), known)

    def __call__(self, value: Any) -> T:
        if not self._holds(value):
            raise RecordUnreadable(self.refusal(value))
        read: T = value
        return read


class Shape(Generic[T]):
    """Reads an object whose keys are exactly the fields of ``made_of``, a frozen dataclass with slots.

    A phase's records hold millions of them, so a well-formed one is read by a function that is written for
    its shape, as ``dataclasses`` writes an ``__init__``. It fills the slots directly; so ``made_of`` has no
    ``__post_init__``, and every field a reader. Whatever that function does not take is read again field by
    field, which finds what is wrong with it.
    """

    def __init__(self, made_of: type[T], **readers: Reader[Any]) -> None:
        names = {field.name for field in dataclasses.fields(made_of)}  # type: ignore[arg-type]  # it is one
        if names != readers.keys() or hasattr(made_of, "__post_init__"):
            raise TypeError(f"{made_of.__name__} cannot be read field by field: {names ^ readers.keys()}")
        self._made_of = made_of
        self._readers = readers
        self.quickly: Callable[[Any], T] = self._written()

    def __call__(self, value: Any) -> T:
        return self.quickly(value)

    def pattern(self, **nested: str) -> str:
        """Of the object's canonical JSON, with a group for each leaf in the order of the keys.

        What matches passes every test. ``nested`` has the patterns of fields that are no leaves.
        """
        tokens = {name: reader.token for name, reader in self._readers.items() if isinstance(reader, Leaf)}
        members = [f'"{name}":{token}' for name, token in sorted((tokens | nested).items())]
        return r"\{" + ",".join(members) + r"\}"

    def of_groups(self) -> Callable[..., T]:
        """Takes the groups of ``pattern``, and a value that was read for each field that is no leaf, in the
        order of the keys."""
        names = sorted(self._readers)
        whole = {name for name in names if getattr(self._readers[name], "is_whole", False)}
        values = {name: f"{name}_ and int({name}_)" if name in whole else f"{name}_" for name in names}
        source = _OF_GROUPS.format(
            values=", ".join(f"{name}_" for name in names),
            fills="\n    ".join(f"fill_{name}(made, {value})" for name, value in values.items()),
        )
        return _made(source, self._known())

    def _written(self) -> Callable[[Any], T]:
        """The function for well-formed values, whose keys come in order, as those of canonical JSON do."""
        names, known = sorted(self._readers), self._known()
        known |= {"names": tuple(names), "slowly": self._slowly, "RecordUnreadable": RecordUnreadable}
        reads = ["pass"]
        for name in names:
            reader = self._readers[name]
            if not isinstance(reader, Leaf):
                known[f"read_{name}"] = _function(reader)
                reads.append(f"at = {name!r}; {name}_ = read_{name}({name}_)")
        source = _READ.format(
            values=" ".join(f"{name}_," for name in names),
            tests=self._tests(),
            reads="\n                ".join(reads),
            fills="\n            ".join(f"fill_{name}(made, {name}_)" for name in names),
        )
        return _made(source, known)

    def _known(self) -> dict[str, Any]:
        """What the sources name."""
        known: dict[str, Any] = {"new": object.__new__, "made_of": self._made_of}
        for name, reader in self._readers.items():
            known[f"fill_{name}"] = getattr(self._made_of, name).__set__
            if isinstance(reader, Leaf):
                known |= {f"{name}_{each}": value for each, value in reader.known.items()}
        return known

    def _tests(self) -> str:
        """That of all leaves, as one expression."""
        tests = ["True"]
        for name, reader in sorted(self._readers.items()):
            if isinstance(reader, Leaf):
                own = {each: f"{name}_{each}" for each in reader.known}
                tests.append(f"({reader.test.format(value=f'{name}_', **own)})")
        return " and ".join(tests)

    def _slowly(self, value: Any) -> T:
        if type(value) is not dict:
            raise RecordUnreadable(f"debe ser un objeto, no {_shown(value)}")
        if value.keys() != self._readers.keys():
            self._refuse_keys(value)
        made = object.__new__(self._made_of)
        name = ""
        try:
            for name, read in self._readers.items():
                getattr(self._made_of, name).__set__(made, read(value[name]))
        except RecordUnreadable as error:
            raise error.inside(name) from None
        return made

    def _refuse_keys(self, value: Mapping[str, Any]) -> None:
        name = min(value.keys() ^ self._readers.keys())
        what = "nadie conoce esta clave" if name in value else "falta esta clave"
        raise RecordUnreadable(what, where=name[:SHOWN])


_TEST = """
def made(value):
    return {test}
"""
_OF_GROUPS = """
def made({values}):
    made = new(made_of)
    {fills}
    return made
"""
_READ = """
def made(value):
    if type(value) is dict and tuple(value) == names:
        {values} = value.values()
        if {tests}:
            at = ""
            try:
                {reads}
            except RecordUnreadable as error:
                raise error.inside(at) from None
            made = new(made_of)
            {fills}
            return made
    return slowly(value)
"""


def _made(source: str, known: Mapping[str, Any]) -> Callable[[Any], Any]:
    """The function that the source defines: ours, put together from names of fields alone."""
    scope = dict(known)
    exec(source, scope)  # noqa: S102 - nothing that was read from anywhere is in it
    function: Callable[[Any], Any] = scope["made"]
    return function


def _function(reader: Reader[T]) -> Reader[T]:
    """Of a shape, the function itself: a step less for each value."""
    return reader.quickly if isinstance(reader, Shape) else reader


def list_of(read: Reader[T], *, most: int, least: int = 0) -> Reader[tuple[T, ...]]:
    read = _function(read)

    def read_list(value: Any) -> tuple[T, ...]:
        if type(value) is not list or not least <= len(value) <= most:
            raise RecordUnreadable(f"debe ser una lista de {least} a {most} elementos")
        try:
            return tuple(map(read, value))
        except RecordUnreadable:
            _refuse_item(read, value)

    return read_list


def _refuse_item(read: Reader[Any], items: list[Any]) -> NoReturn:
    """Say which of them cannot be read, known that one cannot."""
    index = 0
    try:
        for index, item in enumerate(items):  # noqa: B007 - told below
            read(item)
    except RecordUnreadable as error:
        raise error.inside(index) from None
    raise AssertionError("all of them were read, the second time")


def map_of(read: Reader[T], *, most: int) -> Reader[dict[str, T]]:
    """An object of any keys that are names in ASCII."""
    read_name = matching(NAME)

    def read_map(value: Any) -> dict[str, T]:
        if type(value) is not dict or len(value) > most:
            raise RecordUnreadable(f"debe ser un objeto de {most} claves o menos")
        name = ""
        made: dict[str, T] = {}
        try:
            for name, item in value.items():
                made[read_name(name)] = read(item)
        except RecordUnreadable as error:
            raise error.inside(name[:SHOWN]) from None
        return made

    return read_map


def or_none(read: Reader[T]) -> Reader[T | None]:
    if isinstance(read, Leaf):
        test, token = f"{{value}} is None or ({read.test})", f"(?:null|{read.token})"
        return Leaf(test, read.refusal, token=token, is_whole=read.is_whole, **read.known)

    read = _function(read)

    def read_optional(value: Any) -> T | None:
        return None if value is None else read(value)

    return read_optional


def matching(pattern: re.Pattern[str], *, or_empty: bool = False) -> Reader[str]:
    """A text that matches as a whole."""
    empty = " or not {value}" if or_empty else ""
    return Leaf(
        f"type({{value}}) is str and ({{matches}}({{value}}) is not None{empty})",
        lambda value: f"no tiene la forma debida: {_shown(value)}",
        # Ours are of plain ASCII, and none holds a group.
        token=f'"({pattern.pattern}{"|" if or_empty else ""})"',
        matches=pattern.fullmatch,
    )


def text(*, most: int = MAX_TEXT, least: int = 0) -> Reader[str]:
    return Leaf(
        f"type({{value}}) is str and {least} <= len({{value}}) <= {most}",
        lambda value: f"debe ser un texto de {least} a {most} caracteres, no {_shown(value)}",
        token=rf'"([^"\\\x00-\x1f]{{{least},{most}}})"',
    )


def whole(least: int = 0, most: int = LARGEST_WHOLE) -> Reader[int]:
    return Leaf(
        f"type({{value}}) is int and {least} <= {{value}} <= {most}",
        lambda value: f"debe ser un número entero de {least} a {most}, no {_shown(value)}",
        token=_whole_token(least, most),
        is_whole=True,
    )


def _whole_token(least: int, most: int) -> str:
    """As many digits as ``most`` never has too many of; NEVER where that does not tell."""
    if least not in (0, 1) or most < 10:
        return NEVER
    digits = f"[1-9][0-9]{{0,{len(str(most)) - 2}}}"
    return f"({digits})" if least else f"(0|{digits})"


boolean: Reader[bool] = Leaf(
    "type({value}) is bool", lambda value: f"debe ser true o false, no {_shown(value)}"
)


def one_of(*known: str) -> Reader[Any]:
    return Leaf(
        "type({value}) is str and {value} in {choices}",
        lambda value: f"debe ser {' o '.join(known)}, no {_shown(value)}",
        choices=known,
    )


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
