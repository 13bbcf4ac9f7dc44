"""Figures and moments as people read them: their decimal mark, always with a unit, in the phase's zone.

Used by templates of every door. It only writes: what is stored keeps all its decimals. static/live-board.js
writes the same figures in the same way.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from challenges.sentences import zone_name

register = template.Library()

MJ_PER_J = 1_000
KILOJOULES_FROM_MJ = 1_000_000


@register.filter
def number(value: Any, decimals: int = 0) -> str:
    """A figure with thousands grouped, cut after ``decimals``; a dash for None.

    Cut and not rounded: nobody is shown a score or a quality that was not reached.
    """
    if value is None or value == "":
        return "—"
    return _written(Decimal(str(value)), decimals, ROUND_DOWN)


@register.filter
def joules(energy_mj: int | str | None) -> str:
    """Millijoules as J, or as kJ from a thousand J on, rounded half up.

    A template gives "" for what is not there.
    """
    if energy_mj is None or isinstance(energy_mj, str):
        return "—"
    if energy_mj >= KILOJOULES_FROM_MJ:
        return _("%(figure)s kJ") % {
            "figure": _written(Decimal(energy_mj) / KILOJOULES_FROM_MJ, 2, ROUND_HALF_UP)
        }
    return _("%(figure)s J") % {"figure": _written(Decimal(energy_mj) / MJ_PER_J, 1, ROUND_HALF_UP)}


@register.filter
def milligrams(co2_mg: int | str | None) -> str:
    """CO₂ in mg, or in g from a thousand mg on."""
    if co2_mg is None or isinstance(co2_mg, str):
        return "—"
    if co2_mg >= 1_000:
        return _("%(figure)s g") % {"figure": number(Decimal(co2_mg) / 1_000, 2)}
    return _("%(figure)s mg") % {"figure": number(co2_mg)}


@register.filter
def percent(value: Any) -> str:
    """A share in [0, 1] as a percentage with one decimal."""
    if value is None or value == "":
        return "—"
    return _("%(figure)s %%") % {"figure": number(Decimal(str(value)) * 100, 1)}


@register.simple_tag
def moment(at: datetime | str | None, zone: tzinfo | None = None) -> SafeString | str:
    """A moment in ``zone``, named beside it: «24 de noviembre de 2025 a las 14:45 (hora de Madrid)»."""
    if not at:
        return "—"
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    zone = zone or timezone.get_current_timezone()
    local = timezone.localtime(at, zone)
    said = _("%(at)s (hora de %(zone)s)") % {
        "at": date_format(local, "DATETIME_FORMAT"),
        "zone": zone_name(str(zone)),
    }
    return format_html('<time datetime="{}">{}</time>', at.isoformat(), said)


@register.simple_tag
def short_moment(at: datetime | str | None, zone: tzinfo | None = None) -> SafeString | str:
    """The same for a table's cell: «24/11/2025 14:45:07»."""
    if not at:
        return "—"
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    return format_html('<time datetime="{}">{}</time>', at.isoformat(), moment_text(at, zone))


@register.simple_tag
def moment_text(at: datetime, zone: tzinfo | None = None) -> str:
    """The same without markup, for a page's title."""
    local = timezone.localtime(at, zone or timezone.get_current_timezone())
    return local.strftime("%d/%m/%Y %H:%M:%S")


def _written(value: Decimal, decimals: int, rounding: str) -> str:
    shown = value.quantize(Decimal(1).scaleb(-decimals), rounding=rounding)
    return str(number_format(shown, decimal_pos=decimals, use_l10n=True, force_grouping=True))
