"""Figures and moments as people read them: their decimal mark, always with a unit, in the phase's zone.

Used by templates of every door. It only writes: what is stored keeps all its decimals. static/live-board.js
writes the same figures in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from challenges.sentences import zone_name

register = template.Library()

MJ_PER_J = 1_000
KILOJOULES_FROM_MJ = 1_000_000
MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
# An expectation in minutes is told to the minute up to 5, to 5 minutes up to 20, and to 10 up to the hour.
STEPS_MIN = ((5, 1), (20, 5), (60, 10))


@register.filter
def number(value: Any, decimals: int = 0) -> str:
    """A figure with thousands grouped, cut after ``decimals``; a dash for None.

    Cut and not rounded: nobody is shown a score or a quality that was not reached.
    """
    if value is None or value == "":
        return "—"
    return _written(Decimal(str(value)), decimals, ROUND_DOWN)


@register.filter
def rank_range(row: Mapping[str, Any]) -> str:
    """The places that chance leaves open to a row of a board: "2.º–4.º"; a dash where nobody can say."""
    best, worst = row.get("best_rank"), row.get("worst_rank")
    if best is None or worst is None:
        return "—"
    text = _("{best}.º") if best == worst else _("{best}.º–{worst}.º")
    return text.format(best=best, worst=worst)


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
def exact(value: Decimal) -> str:
    """A figure with all its decimals, two at least: one that somebody may want to reckon with."""
    decimals = -int(value.normalize().as_tuple().exponent)
    return _written(value, max(decimals, 2), ROUND_DOWN)


@register.filter
def exact_joules(energy_mj: int) -> str:
    """Millijoules as J, to the last of them."""
    decimals = 0 if energy_mj % MJ_PER_J == 0 else 3
    return _("%(figure)s J") % {"figure": _written(Decimal(energy_mj) / MJ_PER_J, decimals, ROUND_DOWN)}


@register.filter
def whole_joules(energy_mj: int, rounding: str = "down") -> str:
    """Millijoules as whole J, for what is left of a purse; "up" for what is asked of it.

    A run that cost more than was reserved may leave less than nothing: that is shown as 0 J.
    """
    rule = ROUND_UP if rounding == "up" else ROUND_DOWN
    return _("%(figure)s J") % {"figure": _written(Decimal(max(energy_mj, 0)) / MJ_PER_J, 0, rule)}


@register.filter
def about(seconds: float) -> str:
    """How long something takes that nobody knows exactly: «menos de un minuto», «unos 4 minutos»."""
    if seconds < MINUTE_S:
        return _("menos de un minuto")
    minutes = _minutes(seconds / MINUTE_S)
    if minutes < HOUR_S // MINUTE_S:
        return ngettext("alrededor de un minuto", "unos %(minutes)s minutos", minutes) % {"minutes": minutes}
    if seconds >= DAY_S:
        return _("más de un día")
    hours = max(round(seconds / HOUR_S), 1)
    return ngettext("alrededor de una hora", "unas %(hours)s horas", hours) % {"hours": hours}


@register.filter
def time_span(seconds: float) -> str:
    """A length of time that was worked out: «53 s», «4 min 10 s», «2 h 5 min»."""
    whole = round(seconds)
    if whole < 1:
        return _("menos de 1 s")
    if whole < MINUTE_S:
        return _("%(seconds)s s") % {"seconds": whole}
    if whole < HOUR_S:
        return _("%(minutes)s min %(seconds)s s") % {
            "minutes": whole // MINUTE_S,
            "seconds": whole % MINUTE_S,
        }
    hours, rest = divmod(whole, HOUR_S)
    return _("%(hours)s h %(minutes)s min") % {"hours": number(hours), "minutes": rest // MINUTE_S}


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
def since(at: datetime | str, now: datetime, zone: tzinfo) -> str:
    """A moment of the past as it stands after «desde»: «las 10:32», with the day where that is not today."""
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    clock = local.strftime("%H:%M")
    if local.date() != today:
        return _("el %(day)s a las %(time)s") % {"day": local.strftime("%d/%m/%Y"), "time": clock}
    return (_("la %(time)s") if local.hour == 1 else _("las %(time)s")) % {"time": clock}


@register.simple_tag
def zone_words(zone: tzinfo) -> str:
    """Whose hours are shown: «hora de Madrid»."""
    return _("hora de %(zone)s") % {"zone": zone_name(str(zone))}


@register.filter
def seconds_before(at: datetime, now: datetime) -> float:
    return max((now - at).total_seconds(), 0.0)


@register.simple_tag
def moment_text(at: datetime, zone: tzinfo | None = None) -> str:
    """The same without markup, for a page's title."""
    local = timezone.localtime(at, zone or timezone.get_current_timezone())
    return local.strftime("%d/%m/%Y %H:%M:%S")


def _minutes(exact: float) -> int:
    step = next((step for limit, step in STEPS_MIN if exact <= limit), STEPS_MIN[-1][1])
    return max(round(exact / step) * step, 1)


def _written(value: Decimal, decimals: int, rounding: str) -> str:
    shown = value.quantize(Decimal(1).scaleb(-decimals), rounding=rounding)
    return str(number_format(shown, decimal_pos=decimals, use_l10n=True, force_grouping=True))
