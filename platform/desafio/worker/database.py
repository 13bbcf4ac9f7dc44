"""Whether the database is one that this code may work on: there, migrated, and not for a newer engine.

``__main__`` calls it with Django set up. It waits for a database that is merely away, because after a power
cut any host may be the first to be up.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, connection

from challenges import engine_version
from challenges.models import Engine
from desafio.worker.reasons import CannotStart

logger = logging.getLogger(__name__)

TRY_AGAIN_S = 2.0


def wait_until_there(sleep: Callable[[float], None] = time.sleep) -> None:
    """Raises CannotStart for a SQLite file that cannot be opened: no waiting brings that about."""
    while True:
        try:
            connection.ensure_connection()
        except (OperationalError, InterfaceError) as fault:
            if connection.vendor == "sqlite":
                raise CannotStart(f"DATABASE_URL: no se puede abrir el fichero ({fault}).") from fault
            logger.warning("database away, trying again in %g s: %s", TRY_AGAIN_S, fault)
            sleep(TRY_AGAIN_S)
        else:
            return


def check_version() -> None:
    """Raises CannotStart when code and database do not belong together, and Django's database errors."""
    has_tables = Engine._meta.db_table in connection.introspection.table_names()
    migrated_for = engine_version.of_database() if has_tables else None
    if migrated_for is not None and migrated_for > engine_version.ENGINE_VERSION:
        raise CannotStart(
            f"Este programa (versión {engine_version.code_version()}, motor {engine_version.ENGINE_VERSION}) "
            f"es más antiguo que la base de datos, que ya está preparada para el motor {migrated_for}. "
            "Instala en esta máquina la versión nueva y repite la orden."
        )
    missing = engine_version.missing_migrations()
    if missing or migrated_for is None or migrated_for < engine_version.ENGINE_VERSION:
        first = f" (falta {missing[0]})" if missing else ""
        raise CannotStart(
            f"La base de datos no está preparada para este programa{first}. Ejecuta «python -m django "
            "migrate» con las mismas variables y repite la orden."
        )
