"""A backup, taken while the platform runs: one moment of the database, whole or not at all."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from challenges import engine_version
from challenges.backups import archive, stores
from challenges.backups.errors import FileExists, FileFault
from challenges.backups.manifest import Manifest


def take(target: Path, *, overwrite: bool = False) -> Manifest:
    """Write a backup of the database of the settings to ``target``. Raises BackupError.

    Needs room for the dump twice beside ``target`` while it works; a cut leaves nothing under that name.
    """
    if target.exists() and not overwrite:
        # Told before the work; that it is never written over, the writing itself sees to.
        raise FileExists(target)
    store = stores.of_settings()
    try:
        with tempfile.TemporaryDirectory(prefix=".desafio-backup-", dir=target.parent) as folder:
            dump = Path(folder) / archive.DUMP
            contents, tool_version = store.dump(dump)
            manifest = Manifest(
                code_version=engine_version.code_version(),
                database=store.kind,
                tool_version=tool_version,
                contents=contents,
                dump_sha256=_sha256(dump),
                dump_bytes=dump.stat().st_size,
            )
            archive.write(target, manifest=manifest, dump=dump, overwrite=overwrite)
    except OSError as fault:
        raise FileFault(target, reason=fault.strerror or str(fault)) from fault
    return manifest


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
