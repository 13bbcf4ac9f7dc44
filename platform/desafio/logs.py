"""How every process of the platform logs: one event a line, as JSON or to be read by people.

``settings.LOGGING`` is made here, so that Django, Celery, uvicorn and our own loggers come out alike. Code
logs by the standard library (``logger.warning("evaluation %s held", pk)``); fields that are bound around it
(``challenges.log_context``, ``operations.request_ids``) are added to each line.

Prompts are their authors' and private cases are nobody's: no text of an exception is written unless its type
is one whose text cannot hold any.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.db.utils import IntegrityError, InterfaceError, OperationalError
from kombu.exceptions import OperationalError as BrokerAway
from redis.exceptions import RedisError
from structlog.typing import EventDict, WrappedLogger

from challenges.errors import ContestError
from scoring.errors import BackendFault, MeasurementFault

FORMATS = ("json", "line")
# What collectors split lines at is far beyond it; a split line would be no JSON.
LONGEST_EVENT = 4_000
LONGEST_CHAIN = 3
MOST_FRAMES = 15
# Their texts speak of code, hosts, files and constraints. Of a database's only the first line: PostgreSQL
# goes on with the values of the row. Everything else may quote what it stumbled over.
SPEAKING = (
    AttributeError,
    BackendFault,
    BrokerAway,
    ContestError,
    ImportError,
    ImproperlyConfigured,
    IntegrityError,
    InterfaceError,
    MeasurementFault,
    NameError,
    OperationalError,
    OSError,
    RedisError,
)
# What a terminal obeys, and what ends a line for somebody.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def config(*, log_format: str, level: str) -> dict[str, Any]:
    """``settings.LOGGING`` for ``json`` or ``line``. Raises ImproperlyConfigured for any other format."""
    if log_format not in FORMATS:
        raise ImproperlyConfigured(f"LOG_FORMAT is {' or '.join(FORMATS)}")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"one_line": {"()": "desafio.logs.OneLine", "log_format": log_format}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "one_line"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # No console and no mail of Django's own, and never its SQL: that holds every value.
            "django": {"handlers": [], "level": "INFO"},
            # They bring handlers of their own; their lines are to look like everybody's.
            **{name: {"handlers": [], "propagate": True} for name in UVICORN},
            "celery.task": {"handlers": ["console"], "propagate": False},
            "gunicorn.error": {"handlers": ["console"], "propagate": False},
            # httpx tells every request at INFO: a line a case.
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
        },
    }


UVICORN = ("uvicorn", "uvicorn.access", "uvicorn.error")


class OneLine(structlog.stdlib.ProcessorFormatter):
    """Writes a record, whoever logged it, as one line: JSON, or time, level, logger, event and fields."""

    def __init__(self, *, log_format: str) -> None:
        render = _as_json if log_format == "json" else _as_line
        super().__init__(
            processors=[structlog.contextvars.merge_contextvars, _as_fields, render],
        )

    def format(self, record: logging.LogRecord) -> str:
        return super().format(_without_texts(record))


def _without_texts(record: logging.LogRecord) -> logging.LogRecord:
    """The record with exceptions among its arguments named by what may be written of them."""
    told = logging.makeLogRecord(record.__dict__)
    if isinstance(record.args, tuple):
        told.args = tuple(_shown(argument) for argument in record.args)
    elif isinstance(record.args, Mapping):
        named = {name: _shown(argument) for name, argument in record.args.items()}
        if "exc" in named and record.exc_info and record.exc_info[0]:
            # Celery hands over the text of the exception, and no longer the exception.
            named["exc"] = record.exc_info[0].__name__
        told.args = named
    return told


def _shown(argument: object) -> object:
    return describe(argument) if isinstance(argument, BaseException) else argument


def describe(exception: BaseException) -> str:
    """What a line may say of an exception: its type, and its text's first line where that is safe."""
    name = type(exception).__name__
    text = str(exception).partition("\n")[0] if isinstance(exception, SPEAKING) else ""
    return f"{name}: {text}" if text else name


def _as_fields(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """The fields of a line in their order; whatever else a library has put into the record is left out."""
    record: logging.LogRecord = event.pop("_record")
    del event["_from_structlog"]
    exc_info = event.pop("exc_info", None)
    event.pop("stack_info", None)
    text = str(event.pop("event"))
    fields: EventDict = {
        "time": _iso(record.created),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": text if len(text) <= LONGEST_EVENT else text[:LONGEST_EVENT] + "…",
        **dict(sorted(event.items())),
    }
    if exc_info and isinstance(exc_info, tuple) and exc_info[1] is not None:
        fields["exception"] = list(_chain(exc_info[1], exc_info[2]))
    return fields


def _iso(created: float) -> str:
    moment = datetime.fromtimestamp(created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _chain(exception: BaseException, traceback: TracebackType | None) -> Iterator[dict[str, Any]]:
    """The exception and what led to it, each with where it was raised, the last frame last."""
    cause: BaseException | None = exception
    for _ in range(LONGEST_CHAIN):
        if cause is None:
            return
        yield {"type": describe(cause), "frames": _frames(traceback)}
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        traceback = cause.__traceback__ if cause is not None else None


def _frames(traceback: TracebackType | None) -> list[str]:
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"{code.co_filename}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return frames[-MOST_FRAMES:]


def _as_json(logger: WrappedLogger, method: str, fields: EventDict) -> str:
    # ASCII alone: then no character can end a line, turn it round or speak to a terminal.
    return json.dumps(fields, ensure_ascii=True, default=str)


def _as_line(logger: WrappedLogger, method: str, fields: EventDict) -> str:
    shown = {name: fields.pop(name) for name in ("time", "level", "logger", "event")}
    exception = fields.pop("exception", [])
    context = "".join(f" {name}={value}" for name, value in fields.items())
    line = _escaped(f"{shown['time']} {shown['level'].upper()} {shown['logger']} {shown['event']}{context}")
    places = [f"    {_escaped(text)}" for each in exception for text in (each["type"], *each["frames"])]
    return "\n".join([line, *places])


def _escaped(text: str) -> str:
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
