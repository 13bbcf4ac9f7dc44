"""The arithmetic of every figure that a score hangs on: the same digits on every machine.

Whatever the process around us set for decimals, a figure must not depend on it. Take a copy of the context:
one notes what happened in it.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context

# Far more digits than any figure of ours has; what comes out is rounded once, to the decimals that are kept.
# Division, square root and ``ln`` are correctly rounded to these digits on every machine.
EXACT_ENOUGH = Context(prec=50, rounding=ROUND_HALF_EVEN)
