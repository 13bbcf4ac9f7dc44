"""On which line of a TOML document each key stands, which the standard library's parser does not tell.

Only asked for a document that is valid as a whole. A statement is grown line by line until the parser itself
takes it, so that no second reading of the language, with other rules, can name a wrong line.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

KeyPath = tuple[str | int, ...]

# A statement longer than this ends the search, because growing it costs its square.
MAX_STATEMENT_LINES = 100


def key_lines(document: str) -> dict[KeyPath, int]:
    """The 1-based line of every table and key, by its path: ``("phases", 0, "opens_at")``.

    Empty where a statement is too long: a part of the lines would pass off a neighbour's for a key's own.
    """
    found: dict[KeyPath, int] = {}
    lengths: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number, text, statement in _statements(document):
        if statement is None:
            return {}
        if text.lstrip().startswith("["):
            table = _enter(statement, lengths)
            for path in (table, table[:-1]):
                # An array of tables has no line of its own: its first table's is the one to look at.
                if path in lengths or path == table:
                    found.setdefault(path, number)
        else:
            for path in _paths(statement, table):
                found.setdefault(path, number)
    return found


def line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int | None:
    """The line of a key, or of the innermost table around it that has one."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


def _statements(document: str) -> Iterator[tuple[int, str, dict[str, Any] | None]]:
    """Line, text and content of each; a content of None ends them, where one is too long."""
    lines = document.split("\n")
    start = 0
    while start < len(lines):
        for end in range(start + 1, min(start + MAX_STATEMENT_LINES, len(lines)) + 1):
            text = "\n".join(lines[start:end])
            try:
                statement = tomllib.loads(text)
            except ValueError:
                continue
            yield start + 1, text, statement
            break
        else:
            yield start + 1, "", None
            return
        start = end


def _enter(header: dict[str, Any], lengths: dict[KeyPath, int]) -> KeyPath:
    """The path of the table that ``[a.b]`` or ``[[a.b]]`` opens; ``lengths`` counts those of each array."""
    path: KeyPath = ()
    part: Any = header
    while isinstance(part, dict) and part:
        if path in lengths:
            path = (*path, lengths[path] - 1)
        ((name, part),) = part.items()
        path = (*path, name)
    if isinstance(part, list):
        lengths[path] = lengths.get(path, 0) + 1
        return (*path, lengths[path] - 1)
    return path


def _paths(statement: dict[str, Any], table: KeyPath) -> Iterator[KeyPath]:
    waiting: list[tuple[KeyPath, Any]] = [(table, statement)]
    while waiting:
        path, part = waiting.pop()
        if path != table:
            yield path
        if isinstance(part, dict):
            waiting += [((*path, name), value) for name, value in part.items()]
