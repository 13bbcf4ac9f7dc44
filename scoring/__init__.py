"""Quality, energy and ranking as pure functions over frozen values.

Nothing in this package knows the web, the queue or the database: what it needs is handed in, so that anyone
can recompute a figure from published files alone.
"""
