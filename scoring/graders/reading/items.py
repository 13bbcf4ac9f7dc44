"""The items of an answer that is a list, however the model wrote it: lines, bullets, numbers, commas.

A comma or an «y» may part two items or belong to one («Economía y Hacienda»): like a number's doubtful mark,
each reading is tried and the best one counts. Nothing here knows what the right items are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scoring.errors import SpecError
from scoring.graders.reading.long_answers import text_or_final
from scoring.graders.reading.words import bare

OPTIONS = frozenset({"separator", "accents"})
MAX_ITEMS = 200
# "- DNI", "**1.** DNI", "1.- DNI", "a) DNI", "Paso 1: DNI"
BULLET = re.compile(
    r"[ \t]*\*{0,2}(?:[-*•·–—▪◦‣+]|(?:paso[ \t]+)?\(?[0-9]{1,3}[.):ºª]{1,2}-?|[a-z]\))\*{0,2}[ \t]+",
    re.IGNORECASE,
)
# No comma of a decimal ("1,5 kWh").
MARK = re.compile(r";|,(?!\d)|(?<!\d),")
# y, e (es, gl), i (ca), eta (eu)
AND_FIRST = re.compile(r"\s*(?:y|e|i|eta)\s+", re.IGNORECASE)
AND = re.compile(r"\s(?:y|e|i|eta)\s", re.IGNORECASE)
# «Los documentos son: DNI, padrón»: what stands before the list.
LEAD = re.compile(r"[^:;,\n]{1,120}:\s+")
FENCE = re.compile(r"[ \t]*```")


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRule:
    """A spec that was checked. ``item_of`` maps each accepted text to the first way its item is written."""

    items: tuple[str, ...]
    item_of: Mapping[str, str]
    separator: str | None
    accents: bool

    @classmethod
    def of(cls, spec: Mapping[str, Any], expected: Any, *, may_repeat: bool) -> ItemRule:
        """Raises ``SpecError``; an item stands twice in ``expected`` only where ``may_repeat``."""
        mode = spec.get("accents", "keep")
        if mode not in ("keep", "ignore"):
            raise SpecError(field="accents", fix='Escribe "keep" o "ignore".')
        separator = spec.get("separator")
        if "separator" in spec and (not isinstance(separator, str) or not 1 <= len(separator) <= 20):
            raise SpecError(field="separator", fix="Escribe un texto de 1 a 20 caracteres, o quítala.")
        accents = mode == "keep"
        items, item_of = _expected_items(expected, accents=accents, may_repeat=may_repeat)
        return cls(items=items, item_of=item_of, separator=separator, accents=accents)

    def readings(self, answer: str) -> list[tuple[str, ...]]:
        """Each way to read the answer as a list, every item normalised and a known one by its first text."""
        text = text_or_final(answer)
        raw = [text.split(self.separator)] if self.separator else _readings(text)
        return list(dict.fromkeys(tuple(self._normalised(items)) for items in raw))

    def _normalised(self, items: Sequence[str]) -> Iterator[str]:
        for item in items:
            read = bare(_without_bullet(item), accents=self.accents)
            if read:
                yield self.item_of.get(read, read)


def _expected_items(
    expected: Any, *, accents: bool, may_repeat: bool
) -> tuple[tuple[str, ...], dict[str, str]]:
    if not isinstance(expected, list | tuple) or not 1 <= len(expected) <= MAX_ITEMS:
        raise SpecError(field="expected", fix=f"Escribe una lista de 1 a {MAX_ITEMS} textos.")
    items: list[str] = []
    item_of: dict[str, str] = {}
    variants_of: dict[str, frozenset[str]] = {}
    for index, item in enumerate(expected):
        variants = _variants(f"expected.{index}", item, accents=accents)
        first = variants[0]
        known = item_of.get(first, first)
        is_repeated = may_repeat and variants_of.get(known) == frozenset(variants)
        if not is_repeated and any(variant in item_of for variant in variants):
            raise SpecError(field=f"expected.{index}", fix="Otro elemento se lee igual: quita uno.")
        if not is_repeated:
            variants_of[first] = frozenset(variants)
            item_of.update(dict.fromkeys(variants, first))
        items.append(item_of[first])
    return tuple(items), item_of


def _variants(field: str, item: Any, *, accents: bool) -> list[str]:
    texts = item if isinstance(item, list | tuple) else [item]
    read = [bare(text, accents=accents) if isinstance(text, str) else "" for text in texts]
    if not read or not all(read):
        raise SpecError(
            field=field, fix="Escribe un texto, o una lista de textos que valen, cada uno con alguna letra."
        )
    return read


def _readings(text: str) -> Iterator[list[str]]:
    """The strongest separator alone; commas too; and an «y» before the last; each with and without a lead."""
    yield from _readings_of(_units(text))
    lead = LEAD.match(text)
    if lead:
        yield from _readings_of(_units(text[lead.end() :]))


def _readings_of(units: list[str]) -> Iterator[list[str]]:
    by_mark = [[_without_and(part) for part in MARK.split(unit) if part.strip()] for unit in units]
    yield units
    yield [part for parts in by_mark for part in parts]
    yield [part for parts in by_mark for part in (*parts[:-1], *_parted_by_and(parts[-1:]))]


def _units(text: str) -> list[str]:
    """The bulleted lines, which leave out what is said around them, or else the lines that are no lead."""
    lines = [line for line in text.splitlines() if line.strip() and not FENCE.match(line)]
    bulleted = [line for line in lines if BULLET.match(line)]
    if bulleted:
        return [_without_bullet(line) for line in bulleted]
    return [line for line in lines if len(lines) == 1 or not line.rstrip(" \t*_").endswith(":")]


def _without_bullet(item: str) -> str:
    bullet = BULLET.match(item)
    return item[bullet.end() :] if bullet else item


def _without_and(part: str) -> str:
    """«y foto», as behind a comma, is «foto»."""
    found = AND_FIRST.match(part)
    return part[found.end() :] if found else part


def _parted_by_and(last: list[str]) -> list[str]:
    """The last part, in two at its last «y»."""
    ands = list(AND.finditer(last[0])) if last else []
    return [last[0][: ands[-1].start()], last[0][ands[-1].end() :]] if ands else last
