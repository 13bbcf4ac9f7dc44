"""A table, cell by cell: for answers that put facts into rows and columns.

F1 over cells: 2 · Σ grades of the cells / (cells read + cells expected). A row is found by its ``key``
column, or else by its place. Each column is graded by its own grader, or by ``exact`` and ``number``. How a
table is read is said in ``reading/tables.py``; columns that were not asked for do not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from scoring.errors import SpecError
from scoring.graders.reading.parts import check_graders, check_part, grade_part, plain_grader
from scoring.graders.reading.shares import f1, total
from scoring.graders.reading.tables import Row, column_name, read_table
from scoring.graders.reading.words import bare
from scoring.values import Grade

OPTIONS = frozenset({"key", "graders"})
MAX_ROWS = 200
MAX_COLUMNS = 30


def check(*, spec: Mapping[str, Any], expected: Any) -> None:
    """``expected`` is a list of row objects with the same columns, whose cells are texts or numbers.

    spec, both optional: ``{"key": column, "graders": {column: spec}}``; with a key no two rows have the same.
    """
    rule = _Rule.of(spec, expected)
    for index, row in enumerate(rule.rows):
        for column, value in row.items():
            where = f"expected.{index}.{column}"
            if plain_grader(value) is None and column not in rule.graders:
                raise SpecError(field=where, fix="Escribe un texto o un número, o da un corrector.")
            check_part(
                spec=rule.grader_of(column, value),
                expected=value,
                spec_field=f"graders.{column}",
                expected_field=where,
            )


def grade(*, spec: Mapping[str, Any], answer: str, expected: Any) -> Grade:
    """F1 over cells, with 6 decimals."""
    rule = _Rule.of(spec, expected)
    read = read_table(answer, rule.columns)
    cells = sum(map(len, read))
    if not cells:
        return Grade(value=Decimal(0), reason="La respuesta no contiene ninguna tabla con esas columnas.")
    grades = [
        grade_part(spec=rule.grader_of(column, right[column]), answer=cell, expected=right[column])
        for right, row in rule.matched(read)
        for column, cell in row.items()
    ]
    right_cells = sum(1 for value in grades if value == 1)
    return Grade(
        value=f1(total(grades), cells, len(rule.rows) * len(rule.columns)),
        reason=f"Celdas correctas: {right_cells} de las {cells} leídas.",
        evidence=f"rows:{len(read)}|cells:{cells}|right:{right_cells}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """A spec that was checked but for the graders of its cells; ``key`` is the column's name or None."""

    rows: Sequence[Mapping[str, Any]]
    columns: tuple[str, ...]
    key: str | None
    graders: Mapping[str, Any]

    @classmethod
    def of(cls, spec: Mapping[str, Any], expected: Any) -> _Rule:
        if not isinstance(expected, list | tuple) or not 1 <= len(expected) <= MAX_ROWS:
            raise SpecError(field="expected", fix=f"Escribe una lista de 1 a {MAX_ROWS} filas.")
        columns = _columns(expected)
        key = spec.get("key")
        if "key" in spec and (not isinstance(key, str) or key not in columns):
            raise SpecError(field="key", fix=f"Escribe una de estas columnas: {', '.join(columns)}.")
        rule = cls(rows=expected, columns=columns, key=key, graders=check_graders(spec, columns))
        if len(rule.by_key()) < len(expected):
            raise SpecError(field="key", fix="Dos filas tienen la misma clave.")
        return rule

    def grader_of(self, column: str, value: Any) -> Mapping[str, Any]:
        grader: Mapping[str, Any] = self.graders.get(column) or plain_grader(value) or {}
        return grader

    def by_key(self) -> dict[str, Mapping[str, Any]]:
        """The expected rows by what finds them: their key as ``exact`` would read it, or their place."""
        if self.key is None:
            return {str(place): row for place, row in enumerate(self.rows)}
        return {bare(str(row[self.key]), accents=True): row for row in self.rows}

    def matched(self, read: Sequence[Row]) -> Iterator[tuple[Mapping[str, Any], Row]]:
        """Each expected row with the first row read that is it."""
        left = self.by_key()
        for place, row in enumerate(read):
            found = str(place) if self.key is None else bare(row.get(self.key, ""), accents=True)
            if found in left:
                yield left.pop(found), row


def _columns(rows: Sequence[Any]) -> tuple[str, ...]:
    first = rows[0]
    columns = tuple(first) if isinstance(first, Mapping) else ()
    if not 1 <= len(columns) <= MAX_COLUMNS or len(set(map(column_name, columns))) < len(columns):
        raise SpecError(
            field="expected.0", fix=f"Escribe de 1 a {MAX_COLUMNS} columnas de nombres que se lean distintos."
        )
    for index, row in enumerate(rows):
        if not isinstance(row, Mapping) or row.keys() != first.keys():
            raise SpecError(field=f"expected.{index}", fix=f"Da a la fila las columnas {', '.join(columns)}.")
    return columns
