"""The sealed record of each score: what it was worked out from, in bytes that anybody can check.

``sealed`` is the record itself, ``canonical`` its one way of being written, ``chain`` its place behind the
one before it, ``bundle`` the file that is published, ``store`` where the bytes lie, ``recompute`` the score
again. No module here knows a database; ``python -m scoring`` is the auditor's way in.
"""
