"""What the live process answers with: status, headers, bytes. Pure; ``desafio.live.app`` chooses and sends.

Problems are RFC 9457 documents in Spanish, whose ``code`` never changes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from desafio.live.board import Snapshot, to_json

Headers = tuple[tuple[bytes, bytes], ...]

METHODS = b"GET, HEAD, OPTIONS"
# Shorter than a packet: compressing it saves nothing.
SHORTEST_GZIP = 1_400

_NOSNIFF = (b"x-content-type-options", b"nosniff")
_NEVER_STORED = (b"cache-control", b"no-store")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Headers = ()
    body: bytes = b""


def board(snapshot: Snapshot, request: Mapping[bytes, bytes]) -> Answer:
    """The board's JSON, or 304 for who has it. ``request`` are the request's headers, names in lower case."""
    gzipped = len(snapshot.body) >= SHORTEST_GZIP and _takes_gzip(request.get(b"accept-encoding", b""))
    plain_tag, gzip_tag = f'"{snapshot.id}"'.encode(), f'"{snapshot.id}-gzip"'.encode()
    headers: Headers = (
        (b"etag", gzip_tag if gzipped else plain_tag),
        (b"cache-control", b"no-cache"),
        (b"vary", b"Accept-Encoding, Origin"),
        _NOSNIFF,
    )
    if _has_already(request.get(b"if-none-match", b""), {plain_tag, gzip_tag}):
        return Answer(304, headers)
    if gzipped:
        return _json(200, snapshot.gzipped, (*headers, (b"content-encoding", b"gzip")))
    return _json(200, snapshot.body, headers)


def stream_head() -> Answer:
    """The head of an event stream; nginx must not hold its events back."""
    return Answer(
        200,
        (
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"x-accel-buffering", b"no"),
            (b"vary", b"Origin"),
            _NEVER_STORED,
            _NOSNIFF,
        ),
    )


def readiness(*, database: bool, redis: bool, boards: int, streams: int, in_detail: bool) -> Answer:
    """200 while the boards are true (without Redis too, a second later), 503 when they may be stale.

    A word for strangers; ``in_detail`` is for who runs the platform.
    """
    word = "not ready" if not database else "ready" if redis else "degraded"
    status = 200 if database else 503
    if not in_detail:
        return _text(status, word)
    told = {
        "status": word,
        "database": "ok" if database else "away",
        "redis": "ok" if redis else "away",
        "boards": boards,
        "streams": streams,
    }
    return _json(status, to_json(told), (_NEVER_STORED, _NOSNIFF))


def cross_origin(origin: bytes, *, allowed: Collection[bytes]) -> Headers:
    """The headers that let a page of the web process read this one's answers."""
    if origin not in allowed:
        return ()
    return (
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", b"ETag, Retry-After"),
    )


def _problem(status: int, code: str, title: Any, headers: Headers = ()) -> Answer:
    body = to_json({"type": "about:blank", "status": status, "code": code, "title": str(title)})
    named: Headers = ((b"content-type", b"application/problem+json"), _length(body), _NEVER_STORED, _NOSNIFF)
    return Answer(status, (*named, *headers), body)


def _text(status: int, word: str) -> Answer:
    body = word.encode() + b"\n"
    return Answer(status, ((b"content-type", b"text/plain"), _length(body), _NEVER_STORED, _NOSNIFF), body)


def _json(status: int, body: bytes, headers: Headers) -> Answer:
    return Answer(status, ((b"content-type", b"application/json"), _length(body), *headers), body)


def _length(body: bytes) -> tuple[bytes, bytes]:
    return (b"content-length", b"%d" % len(body))


def _takes_gzip(accept_encoding: bytes) -> bool:
    for choice in accept_encoding.lower().split(b","):
        name, _semicolon, parameters = choice.partition(b";")
        if name.strip() == b"gzip":
            return parameters.replace(b" ", b"") not in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
    return False


def _has_already(if_none_match: bytes, tags: Collection[bytes]) -> bool:
    known = {tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")}
    return b"*" in known or not known.isdisjoint(tags)


ALIVE = _text(200, "ok")
NOT_FOUND = _problem(404, "not_found", _("Aquí no hay nada."))
UNKNOWN_PHASE = _problem(404, "unknown_phase", _("No existe ese desafío o esa fase."))
METHOD_NOT_ALLOWED = _problem(
    405, "method_not_allowed", _("Esta dirección solo se puede leer."), ((b"allow", METHODS),)
)
STARTING = _problem(
    503,
    "starting",
    _("El directo está arrancando; vuelve a probar en un segundo."),
    ((b"retry-after", b"1"),),
)
FULL = _problem(
    503,
    "too_many_streams",
    _("Hay demasiadas personas mirando el directo; vuelve a probar en unos segundos o recarga la tabla."),
    ((b"retry-after", b"10"),),
)
OPTIONS = Answer(
    204,
    (
        (b"allow", METHODS),
        (b"access-control-allow-methods", METHODS),
        (b"access-control-allow-headers", b"Last-Event-ID, If-None-Match, Cache-Control"),
        (b"access-control-max-age", b"600"),
        (b"vary", b"Origin"),
    ),
)
