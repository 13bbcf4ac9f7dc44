"""What storing a pack did, as Spanish sentences: for the command, and for whoever else stores one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from challenges.models import Phase, Suite
from challenges.packs.storing import Difference, Stored, StoredPhase, StoredSuite


def made(stored: Stored) -> Iterator[str]:
    """Challenge, suites and phases, one line each: what is new, what has changed, what was there already."""
    names = {"title": stored.challenge.title, "slug": stored.challenge.slug}
    if stored.is_new:
        yield _("Desafío «%(title)s» (%(slug)s): creado.") % names
    elif stored.changed:
        fields = ", ".join(f"«{change.field}»" for change in stored.changed)
        yield _("Desafío «%(title)s» (%(slug)s): cambia %(fields)s.") % {**names, "fields": fields}
    else:
        yield _("Desafío «%(title)s» (%(slug)s): ya estaba.") % names
    yield from (_suite(suite) for suite in stored.suites)
    for phase in stored.phases:
        yield from _phase(phase)


def notes(stored: Stored) -> Iterator[str]:
    """What did not become what the pack says, and why: nobody may have to find that out later."""
    for stored_phase in stored.phases:
        phase = stored_phase.phase
        for kept in stored_phase.kept:
            yield _(
                "La fase «%(slug)s» abrió el %(at)s y conserva «%(field)s»: %(in_row)s "
                "(en el paquete: %(in_pack)s)."
            ) % {**_difference(phase, kept), "slug": phase.slug, "at": _moment(phase, phase.opens_at)}
    for phase in stored.left_alone:
        yield _("La fase «%(slug)s» no está en el paquete y se queda como estaba.") % {"slug": phase.slug}


def _suite(stored: StoredSuite) -> str:
    params = {
        "visibility": stored.suite.get_visibility_display(),
        "version": stored.suite.version,
        "cases": stored.cases,
        "sha256": stored.suite.sha256,
    }
    if stored.is_new:
        return (
            _("Batería %(visibility)s, versión %(version)d (casos: %(cases)d): nueva. SHA-256 %(sha256)s")
            % params
        )
    return (
        _("Batería %(visibility)s, versión %(version)d (casos: %(cases)d): ya estaba. SHA-256 %(sha256)s")
        % params
    )


def _phase(stored: StoredPhase) -> Iterator[str]:
    phase = stored.phase
    params = {
        "slug": phase.slug,
        "opens": _moment(phase, phase.opens_at),
        "closes": _moment(phase, phase.closes_at),
        "grade": phase.evidence_grade,
    }
    if stored.is_new:
        yield _("Fase «%(slug)s»: creada, del %(opens)s al %(closes)s, energía de grado %(grade)s.") % params
    elif not stored.changed:
        yield _("Fase «%(slug)s»: ya estaba.") % params
    for change in stored.changed:
        yield _("Fase «%(slug)s»: «%(field)s» pasa de %(in_row)s a %(in_pack)s.") % {
            **params,
            **_difference(phase, change),
        }


def _difference(phase: Phase, difference: Difference) -> dict[str, str]:
    return {
        "field": difference.field,
        "in_row": _value(phase, difference.in_row),
        "in_pack": _value(phase, difference.in_pack),
    }


def _value(phase: Phase, value: Any) -> str:
    if isinstance(value, datetime):
        return _moment(phase, value)
    if isinstance(value, Suite):
        return _("versión %(version)d") % {"version": value.version}
    return _("nada") if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _moment(phase: Phase, at: datetime) -> str:
    """By the phase's own clock, with its offset: as it is written in a pack."""
    return at.astimezone(ZoneInfo(phase.time_zone)).isoformat(" ", "seconds")
