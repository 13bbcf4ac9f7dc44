"""The table that a model wrote in its answer: Markdown, CSV with commas or semicolons, TSV, or JSON.

Columns are found by the names that were asked for; columns with other names are not read. Every row is
``{asked name: cell}``. Reading takes linear time.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scoring.graders.reading.json_text import LIST_OF_OBJECTS, UnreadableJson, first_json, text_of
from scoring.graders.reading.long_answers import text_or_final
from scoring.graders.reading.words import bare

Row = Mapping[str, str]
SEPARATORS = "|\t;,"
# The line below the header of a Markdown table.
RULE = re.compile(r"[ \t]*\|?[ \t]*:?-{1,}:?[ \t|:-]*")
MARKDOWN_CUT = re.compile(r"(?<!\\)\|")
FENCE = re.compile(r"[ \t]*```")


def read_table(answer: str, columns: Sequence[str]) -> list[Row]:
    """The rows of the first table with the most of these columns; none where there is no such table.

    A header comes first, then a row a line up to a line that is none. In JSON it is a list of objects.
    """
    names = {column_name(column): column for column in columns}
    text = text_or_final(answer)
    return _json_rows(text, names) or _text_rows(text, names)


def column_name(name: str) -> str:
    """A column's name as it is compared: without case, accents and the marks around it."""
    return bare(name, accents=False)


def _json_rows(text: str, names: Mapping[str, str]) -> list[Row]:
    try:
        read = first_json(text, LIST_OF_OBJECTS)
    except UnreadableJson:
        return []
    return [_named(item.items(), names) for item in read if isinstance(item, dict)]


def _named(cells: Any, names: Mapping[str, str]) -> Row:
    row: dict[str, str] = {}
    for name, value in cells:
        column = names.get(column_name(name))
        if column is not None and column not in row and value is not None:
            row[column] = text_of(value).strip()
    return {column: cell for column, cell in row.items() if cell}


def _text_rows(text: str, names: Mapping[str, str]) -> list[Row]:
    lines = [line for line in text.splitlines() if not FENCE.match(line)]
    start, separator = _header(lines, names)
    if separator is None:
        return []
    columns = _cells(lines[start], separator)
    return [
        _named(zip(columns, _cells(line, separator), strict=False), names)
        for line in _body(lines[start + 1 :], separator)
    ]


def _header(lines: Sequence[str], names: Mapping[str, str]) -> tuple[int, str | None]:
    """The first line that names the most of the columns, and the separator between them."""
    best, place, chosen = 0, 0, None
    for index, line in enumerate(lines):
        for separator in SEPARATORS:
            if separator in line:
                named = len({column_name(cell) for cell in _cells(line, separator)} & names.keys())
                if named > best:
                    best, place, chosen = named, index, separator
    return place, chosen


def _body(lines: Sequence[str], separator: str) -> Iterator[str]:
    for index, line in enumerate(lines):
        if not index and RULE.fullmatch(line):
            continue
        if separator not in line:
            return
        yield line


def _cells(line: str, separator: str) -> list[str]:
    if separator == "|":
        cells = [cell.replace("\\|", "|").strip() for cell in MARKDOWN_CUT.split(line)]
        return cells[line.lstrip().startswith("|") : -1 if line.rstrip().endswith("|") else None]
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:  # a quote that never ends, a NUL, a cell beyond csv's own limit
        return line.split(separator)
