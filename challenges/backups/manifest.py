"""What a backup says of itself: a small JSON object beside the dump, read strictly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a database held at ``moment``, by its own clock. ``migrations`` are written "app.name"."""

    moment: datetime
    engine: int
    migrations: tuple[str, ...]
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """``database`` is Django's word for its kind; ``tool_version`` pg_dump's major version, 0 for SQLite."""

    code_version: str
    database: str
    tool_version: int
    contents: Contents
    dump_sha256: str
    dump_bytes: int


def to_json(manifest: Manifest) -> bytes:
    contents = manifest.contents
    fields = {
        "format": FORMAT,
        "code_version": manifest.code_version,
        "database": manifest.database,
        "tool_version": manifest.tool_version,
        "moment": contents.moment.isoformat(),
        "engine": contents.engine,
        "dump": {"bytes": manifest.dump_bytes, "sha256": manifest.dump_sha256},
        "rows": dict(sorted(contents.rows.items())),
        "migrations": list(contents.migrations),
    }
    return json.dumps(fields, indent=1, ensure_ascii=False).encode() + b"\n"


def format_of(written: bytes) -> int:
    """Read before all else: a later format may have nothing in common but this. Raises ValueError."""
    fields = json.loads(written)
    return _whole(fields if isinstance(fields, dict) else {}, "format")


def from_json(written: bytes) -> Manifest:
    """Raises ValueError where it is not exactly of this form."""
    fields = json.loads(written)
    rows, migrations, dump = fields.get("rows"), fields.get("migrations"), fields.get("dump")
    if not isinstance(rows, dict) or not isinstance(migrations, list) or not isinstance(dump, dict):
        raise ValueError("rows, migrations or dump is missing")
    if not all(isinstance(name, str) for name in migrations):
        raise ValueError("a migration is no text")
    return Manifest(
        code_version=_text(fields, "code_version"),
        database=_text(fields, "database"),
        tool_version=_whole(fields, "tool_version"),
        contents=Contents(
            moment=datetime.fromisoformat(_text(fields, "moment")),
            engine=_whole(fields, "engine"),
            migrations=tuple(migrations),
            rows={table: _whole(rows, table) for table in rows},
        ),
        dump_sha256=_text(dump, "sha256"),
        dump_bytes=_whole(dump, "bytes"),
    )


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value


def _whole(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{name} is no whole number")
    return value
