"""Which engine this code is, and which one the database was migrated for: older code must claim nothing.

``migrate`` notes the version through ``note_migrated`` (connected in ``apps``); workers ask ``of_database``
before they start and before each claim. Raise ``ENGINE_VERSION`` with every change after which workers of the
old code and of the new one must not claim side by side.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models.functions import Now

from challenges.models import Engine

ENGINE_VERSION = 1
# One row: two of them could tell different things.
THE_ROW = 1


def of_database() -> int | None:
    """The engine that the database was migrated for; None where nothing was noted. Raises database errors."""
    return Engine.objects.filter(pk=THE_ROW).values_list("version", flat=True).first()


def missing_migrations() -> list[str]:
    """What this code's ``migrate`` would still do, as "app.name". Raises database errors."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def note_migrated(*, using: str, apps: Apps = installed_apps, **_: Any) -> None:
    """After a migration: the database is for this engine now. Older code never lowers what newer noted."""
    try:
        engine = apps.get_model("challenges", "Engine")
    except LookupError:
        # Migrated back, or only part of the way, to before there was such a row.
        return
    rows = engine._default_manager.using(using)
    rows.get_or_create(pk=THE_ROW, defaults={"version": ENGINE_VERSION})
    rows.filter(pk=THE_ROW, version__lt=ENGINE_VERSION).update(version=ENGINE_VERSION, migrated_at=Now())


@cache
def code_version() -> str:
    """The version of the installed package; in a checkout, that of its pyproject.toml."""
    try:
        return version("desafio")
    except PackageNotFoundError:
        project = tomllib.loads((Path(__file__).resolve().parents[1] / "pyproject.toml").read_text())
        return str(project["project"]["version"])
