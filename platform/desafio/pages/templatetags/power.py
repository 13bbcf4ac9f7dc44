"""Watts and differences as people read them, beside ``figures``: with unit, sign and decimal mark."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _

register = template.Library()

MW_PER_W = 1_000
# A sign for reading, not the hyphen of a keyboard.
MINUS = "\N{MINUS SIGN}"


@register.filter
def watts(power_mw: int | str | None) -> str:
    """Milliwatts as W with one decimal; a dash for None. A template gives "" for what is not there."""
    if power_mw is None or isinstance(power_mw, str):
        return "—"
    return _("%(figure)s W") % {"figure": _written(Decimal(power_mw) / MW_PER_W, 1)}


@register.filter
def signed_percent(value: Fraction | str | None) -> str:
    """Per cents with two decimals and their sign: «+0,42 %», «−1,10 %», «0,00 %»."""
    if value is None or isinstance(value, str):
        return "—"
    hundredths = round(value * 100)
    sign = "+" if hundredths > 0 else MINUS if hundredths < 0 else ""
    return sign + plain_percent(abs(value))


@register.filter
def plain_percent(value: Fraction | str | None) -> str:
    """Per cents with two decimals."""
    if value is None or isinstance(value, str):
        return "—"
    return _("%(figure)s %%") % {"figure": _written(Decimal(round(value * 100)) / 100, 2)}


def _written(value: Decimal, decimals: int) -> str:
    shown = value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)
    return str(number_format(shown, decimal_pos=decimals, use_l10n=True, force_grouping=True))
