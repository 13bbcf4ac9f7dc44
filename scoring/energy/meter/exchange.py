"""One HTTP request and one answer, as bytes: what the meter understands of HTTP/1.1, and nothing more.

The peer is a worker, Prometheus, or somebody who has no business here: whatever comes ends in a ``Request``
or in a ``Refusal``, within a fixed number of bytes. A connection carries one request.
Source: https://www.rfc-editor.org/rfc/rfc9112, problems: https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

MOST_HEAD_BYTES = 8192
MOST_BODY_BYTES = 4096
MOST_QUERY_FIELDS = 8
REQUEST_LINE = re.compile(r"([A-Z]{1,16}) (/[\x21-\x7e]*) HTTP/1\.[01]")
HEADER_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
LENGTH = re.compile(r"[0-9]{1,9}")
JSON, PROBLEM_JSON = "application/json", "application/problem+json"


class Refusal(Exception):
    """What was asked is not done, and why: ``code`` is a stable slug, ``detail`` a sentence in Spanish."""

    def __init__(self, status: HTTPStatus, code: str, detail: str, **headers: str) -> None:
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        super().__init__(f"{status.value} {code}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """``path`` is decoded, ``headers`` have lower-case names, ``query`` holds each field once."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: HTTPStatus
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request; None where the peer went away without asking. Raises ``Refusal``.

    ``reader`` was made with ``MOST_HEAD_BYTES`` as its limit; the caller limits the time.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise Refusal(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head-too-large", "La cabecera es demasiado larga."
        ) from None
    except asyncio.IncompleteReadError as fault:
        if not fault.partial:
            return None
        raise _bad("La petición no está entera.") from None
    request_line, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    matched = REQUEST_LINE.fullmatch(request_line)
    if not matched:
        raise _bad("La primera línea no es de HTTP/1.1.")
    method, target = matched.groups()
    path, _, query = target.partition("?")
    headers = _headers(lines)
    return Request(
        method=method,
        path=unquote(path, errors="replace"),
        query=_query(query),
        headers=headers,
        body=await _body(reader, headers),
    )


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        matched = HEADER_LINE.fullmatch(line)
        if not matched:
            raise _bad("Una línea de la cabecera está mal escrita.")
        name = matched[1].lower()
        # Two lengths or two tokens: whoever stands between us may have read the other one.
        if name in headers and name in ("content-length", "authorization", "host"):
            raise _bad(f"La cabecera {name} está repetida.")
        headers[name] = matched[2].strip()
    return headers


def _query(query: str) -> dict[str, str]:
    try:
        fields = parse_qsl(
            query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=MOST_QUERY_FIELDS
        )
    except ValueError:
        raise _bad("Los parámetros de la dirección están mal escritos.") from None
    if len(dict(fields)) != len(fields):
        raise _bad("Un parámetro de la dirección está repetido.")
    return dict(fields)


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "transfer-encoding" in headers:
        raise Refusal(HTTPStatus.LENGTH_REQUIRED, "length-required", "Hace falta Content-Length.")
    if "expect" in headers:
        raise Refusal(HTTPStatus.EXPECTATION_FAILED, "no-expect", "El medidor no atiende la cabecera Expect.")
    length = headers.get("content-length", "0")
    if not LENGTH.fullmatch(length):
        raise _bad("Content-Length no es un número.")
    if int(length) > MOST_BODY_BYTES:
        raise Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "body-too-large",
            f"El cuerpo pasa de {MOST_BODY_BYTES} bytes.",
        )
    try:
        return await reader.readexactly(int(length))
    except asyncio.IncompleteReadError:
        raise _bad("El cuerpo no está entero.") from None


def json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object; no body is an empty one. Raises ``Refusal`` for anything else."""
    if not request.body:
        return {}
    try:
        found = json.loads(request.body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _bad("El cuerpo no es JSON.") from None
    if not isinstance(found, dict):
        raise _bad("El cuerpo no es un objeto JSON.")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(name)


def json_answer(content: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Answer:
    return Answer(status=status, content_type=JSON, body=_json_bytes(content))


def refused(refusal: Refusal) -> Answer:
    """A refusal as problem JSON; ``code`` is what a program looks at."""
    content = {
        "type": f"urn:desafio:meter:{refusal.code}",
        "title": refusal.status.phrase,
        "status": refusal.status.value,
        "code": refusal.code,
        "detail": refusal.detail,
    }
    return Answer(
        status=refusal.status,
        content_type=PROBLEM_JSON,
        body=_json_bytes(content),
        headers=refusal.headers,
    )


def answer_bytes(answer: Answer) -> bytes:
    """The answer as it goes out; the connection ends with it, so that none is ever left open."""
    lines = [
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
        *(f"{name}: {value}" for name, value in answer.headers.items()),
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + answer.body


def _json_bytes(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def _bad(detail: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "bad-request", detail)
