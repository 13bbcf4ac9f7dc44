"""A backup put back: everything about it is looked at first, and the rows are replaced in one step."""

from __future__ import annotations

import tempfile
from pathlib import Path

from django.db import connection
from django.db.migrations.loader import MigrationLoader

from challenges import worker_life
from challenges.backups import archive, stores
from challenges.backups.errors import (
    Damaged,
    FileFault,
    HoldsRows,
    InUse,
    OtherDatabase,
    RestoredDiffers,
    TooNew,
)
from challenges.backups.manifest import Manifest
from challenges.backups.stores import Store
from challenges.engine_version import ENGINE_VERSION
from challenges.models import Circuit, Engine, Tally, WorkerProcess

# What a database holds that was migrated and used by nobody: nothing of it is anybody's.
NOBODYS = {
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "desafio_cache",
    "django_content_type",
    "django_migrations",
    *(model._meta.db_table for model in (Circuit, Engine, Tally, WorkerProcess)),
}


def restore(path: Path, *, overwrite: bool = False) -> Manifest:
    """Put the backup in the place of all rows of the database of the settings. Raises BackupError.

    After any error but RestoredDiffers the database is as it was. The platform must not run: what can be seen
    of it running is refused, ``overwrite`` or not.
    """
    store = stores.of_settings()
    try:
        with tempfile.TemporaryDirectory(prefix=".desafio-restore-", dir=store.folder) as folder:
            manifest, dump = archive.read(path, into=Path(folder))
            _check_versions(manifest, store)
            if not store.check(dump, manifest):
                raise Damaged(path, how="contents")
            _check_target(store, overwrite=overwrite)
            # Ours must not be the one that has it open, nor read from what is no longer there.
            connection.close()
            store.load(dump, manifest)
    except OSError as fault:
        raise FileFault(store.folder or path, reason=fault.strerror or str(fault)) from fault
    _compare(store, manifest)
    return manifest


def _check_versions(manifest: Manifest, store: Store) -> None:
    if manifest.database != store.kind:
        raise OtherDatabase(backup=manifest.database, target=store.kind)
    if manifest.contents.engine > ENGINE_VERSION:
        raise TooNew(what="engine", found=str(manifest.contents.engine), ours=str(ENGINE_VERSION))
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if unknown := [name for name in manifest.contents.migrations if name not in known]:
        raise TooNew(what="migration", found=unknown[0], ours=str(len(known)))


def _check_target(store: Store, *, overwrite: bool) -> None:
    held = store.contents()
    if held is None:
        return
    if WorkerProcess._meta.db_table in held.rows:
        alive = list(worker_life.alive().values_list("name", flat=True)[:5])
        if alive:
            raise InUse(who=alive)
    rows = sum(count for table, count in held.rows.items() if table not in NOBODYS)
    if rows and not overwrite:
        raise HoldsRows(rows=rows)


def _compare(store: Store, manifest: Manifest) -> None:
    found = store.contents()
    said = manifest.contents.rows
    rows = {} if found is None else found.rows
    wrong = [table for table in sorted({*said, *rows}) if said.get(table) != rows.get(table)]
    if wrong:
        raise RestoredDiffers(tables=wrong)
