"""Spanish as the contest writes it: 1.234,56, the same in pages and in the live board's script."""

DECIMAL_SEPARATOR = ","
THOUSAND_SEPARATOR = "."
NUMBER_GROUPING = 3
