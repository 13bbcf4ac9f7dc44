"""The decimal digits of every script, as 0 to 9: «٣» and «３» are 3; «²» and «½» are none."""

from __future__ import annotations

import re

# Any decimal digit of Unicode (category Nd) that is not ASCII.
OTHER_DIGIT = re.compile(r"(?![0-9])\d")


def ascii_digits(text: str) -> str:
    """The text with each decimal digit of another script written as the ASCII one of its value.

    >>> ascii_digits("١٢ kWh, 10²")
    '12 kWh, 10²'
    """
    return text if text.isascii() else OTHER_DIGIT.sub(lambda digit: str(int(digit[0])), text)
