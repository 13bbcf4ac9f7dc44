"""Figures and moments as people read them: their decimal mark, always with a unit, in the phase's zone.

Used by templates of every door. It only writes: it never rounds what is stored.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from decimal import Decimal
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
    """A figure with thousands grouped; nothing for None."""
    if value is None or value == "":
        return "—"
    return str(number_format(Decimal(str(value)), decimal_pos=decimals, use_l10n=True, force_grouping=True))


@register.filter
def joules(energy_mj: int | str | None) -> str:
    """Millijoules as J, or as kJ from a thousand J on. A template gives "" for what is not there."""
    if energy_mj is None or isinstance(energy_mj, str):
        return "—"
    if energy_mj >= KILOJOULES_FROM_MJ:
        return _("%(figure)s kJ") % {"figure": number(Decimal(energy_mj) / KILOJOULES_FROM_MJ, 2)}
    return _("%(figure)s J") % {"figure": number(Decimal(energy_mj) / MJ_PER_J, 1)}


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
