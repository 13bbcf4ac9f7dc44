"""The sealed record of each score: what it was worked out from, in bytes that anybody can check.

``sealed`` is the record itself, ``canonical`` its one way of being written, ``chain`` its place behind the
one before it, ``store`` where the bytes lie, ``bundle`` the file that is published, ``disclosure`` what it
tells of private cases, ``recompute`` the score again and ``counted`` a counter's energy. No module here knows
a database; ``python -m scoring`` is the auditor's way in.
"""
