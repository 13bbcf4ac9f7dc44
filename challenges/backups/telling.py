"""What an error of a backup says to whoever started it: what is wrong, and what to do next."""

from __future__ import annotations

from functools import singledispatch

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from challenges.backups.errors import (
    BackupError,
    Damaged,
    FileExists,
    FileFault,
    HoldsRows,
    InUse,
    NotABackup,
    NoTables,
    OtherDatabase,
    RestoredDiffers,
    ToolFailed,
    ToolMissing,
    TooNew,
)


@singledispatch
def explain(error: BackupError) -> str:
    return _("No se ha podido hacer: %(error)s.") % {"error": error}


@explain.register
def _file_fault(error: FileFault) -> str:
    return _("No se puede usar %(path)s: %(reason)s. Revisa la ruta, los permisos y el sitio libre.") % {
        "path": error.path,
        "reason": error.reason,
    }


@explain.register
def _file_exists(error: FileExists) -> str:
    return _("%(path)s ya existe, y no se ha tocado. Elige otro nombre, o repite la orden con --force.") % {
        "path": error.path
    }


@explain.register
def _not_a_backup(error: NotABackup) -> str:
    return _("%(path)s no es una copia de seguridad hecha con «backup». No se ha cambiado nada.") % {
        "path": error.path
    }


@explain.register
def _damaged(error: Damaged) -> str:
    how = {
        "cut": _("le falta el final"),
        "changed": _("no es igual byte a byte al que se escribió"),
        "contents": _("lo que lleva dentro no es lo que dice llevar"),
    }[error.how]
    return _("%(path)s está dañado: %(how)s. No se ha cambiado nada; usa otra copia.") % {
        "path": error.path,
        "how": how,
    }


@explain.register
def _too_new(error: TooNew) -> str:
    params = {"found": error.found, "ours": error.ours}
    if error.what == "migration":
        return (
            _(
                "La copia es de una versión más nueva que este programa: lleva la migración %(found)s, que "
                "aquí no existe. Instala esa versión y repite la orden. No se ha cambiado nada."
            )
            % params
        )
    if error.what == "engine":
        return (
            _(
                "La copia es del motor %(found)s y este programa trae el %(ours)s. Instala la versión nueva "
                "y repite la orden. No se ha cambiado nada."
            )
            % params
        )
    return (
        _(
            "La copia tiene el formato %(found)s y este programa solo entiende hasta el %(ours)s. Instala la "
            "versión nueva y repite la orden. No se ha cambiado nada."
        )
        % params
    )


@explain.register
def _other_database(error: OtherDatabase) -> str:
    return _(
        "La copia es de %(backup)s y DATABASE_URL lleva a %(target)s: una copia solo se recupera en una base "
        "de datos de la misma clase. No se ha cambiado nada."
    ) % {"backup": _name(error.backup), "target": _name(error.target)}


@explain.register
def _no_tables(error: NoTables) -> str:
    return _("Aquí no hay ninguna base de datos del desafío. Revisa DATABASE_URL.")


@explain.register
def _holds_rows(error: HoldsRows) -> str:
    return ngettext(
        "En la base de datos hay %(rows)d fila, que se perdería. Haz antes una copia de ella y repite la "
        "orden con --force, o recupera en una vacía. No se ha cambiado nada.",
        "En la base de datos hay %(rows)d filas, que se perderían. Haz antes una copia de ella y repite la "
        "orden con --force, o recupera en una vacía. No se ha cambiado nada.",
        error.rows,
    ) % {"rows": error.rows}


@explain.register
def _in_use(error: InUse) -> str:
    if not error.who:
        return _(
            "Otro programa tiene abierta la base de datos. Para antes la plataforma entera (web, directo, "
            "vigilante y procesos que evalúan). No se ha cambiado nada."
        )
    return _(
        "La base de datos está en uso (%(who)s). Para antes la plataforma entera (web, directo, vigilante y "
        "procesos que evalúan); si algo se cortó de golpe, espera medio minuto. No se ha cambiado nada."
    ) % {"who": ", ".join(error.who)}


@explain.register
def _tool_missing(error: ToolMissing) -> str:
    return _(
        "Falta %(tool)s de PostgreSQL %(major)d o posterior. Instálalo (apt install "
        "postgresql-client-%(major)d) o di en PG_BIN en qué carpeta está. No se ha cambiado nada."
    ) % {"tool": error.tool, "major": error.major}


@explain.register
def _tool_failed(error: ToolFailed) -> str:
    return _("%(tool)s no ha podido: %(said)s. No se ha cambiado nada.") % {
        "tool": error.tool,
        "said": error.said,
    }


@explain.register
def _restored_differs(error: RestoredDiffers) -> str:
    return _(
        "La copia se ha recuperado, pero estas tablas no tienen las filas que dice: %(tables)s. ¿Estaba "
        "parada la plataforma? Párala y repite la orden con --force."
    ) % {"tables": ", ".join(error.tables)}


def _name(kind: str) -> str:
    return {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(kind, kind)
