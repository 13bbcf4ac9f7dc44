"""What gunicorn is told beside its command line, by ``--config python:desafio.gunicorn_conf``.

Its main process never loads Django: so it needs our form of log lines from here, and what a process of the
web counts is carried into the rows from here too.
"""

from __future__ import annotations

import os

from desafio import logs

logconfig_dict = logs.config(
    log_format=os.environ.get("LOG_FORMAT", "json"), level=os.environ.get("LOG_LEVEL", "INFO")
)


def post_worker_init(worker: object) -> None:
    """In each process that answers requests, once Django is loaded."""
    from challenges import tallies

    tallies.keep_flushing()
