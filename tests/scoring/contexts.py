"""Decimal settings that other code of the same process may have left behind: no figure may depend on them."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_UP, Context, Inexact, Rounded

import pytest

UNDER_ANY_DECIMAL_SETTINGS = pytest.mark.parametrize(
    "ambient",
    [
        Context(prec=1, rounding=ROUND_UP),
        Context(prec=5, rounding=ROUND_UP),
        Context(prec=5, rounding=ROUND_DOWN),
        Context(prec=28, rounding=ROUND_CEILING),
        Context(prec=200, rounding=ROUND_FLOOR),
        Context(prec=6, Emin=-3, Emax=3),
        Context(prec=6, traps=[Inexact, Rounded]),
    ],
    ids=["one-digit", "five-up", "five-down", "ceiling", "many-digits", "small-exponents", "nothing-inexact"],
)
