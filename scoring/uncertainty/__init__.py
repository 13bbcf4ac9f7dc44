"""How sure a board is of itself: intervals, ties, ranges of ranks, and what a suite can tell apart at all.

Whoever ranks with uncertainty comes in through ``scoring.ranking_full`` and ``scoring.ranking_live``;
organizers ask ``power`` before a phase opens and ``item_statistics`` after it. Everything here is the same,
byte for byte, on every machine: sums are of whole numbers small enough to be exact in any order, and what is
rounded is rounded by single operations of IEEE 754 (+, -, *, /, square root) in an order that is written
down. No logarithm, exponential or sum of fractions of the machine's own library is asked.

The modules import numpy; nothing that an auditor's recomputation needs imports them.
"""
