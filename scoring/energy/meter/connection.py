"""A worker's side of the meter's HTTP: one question, one JSON object back, or why not.

``scoring.energy.metered`` asks with it. Nothing it gets is trusted: not the length, not the shape, not the
time it takes. It goes straight to the meter, past any proxy that the environment names.
"""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 2.0
# The largest answer is a page of 5000 edges of 40 bytes.
MOST_BYTES = 1_000_000
PIECE_BYTES = 65_536
TRIES = 3
PAUSE_S = 0.25
TOKEN = re.compile(r"[\x21-\x7e]{1,512}")


class MeterFault(Exception):
    """The meter did not give what was asked of it; ``reason`` is a sentence in Spanish."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class NoAnswer(MeterFault):
    """Nobody answered in time. ``was_sent`` False: the question never arrived, so it may be asked again."""

    def __init__(self, reason: str, *, was_sent: bool) -> None:
        self.was_sent = was_sent
        super().__init__(reason)


class Refused(MeterFault):
    """The meter said no: ``status``, and ``code`` where it is one of its own ("" else)."""

    def __init__(self, reason: str, *, status: int, code: str) -> None:
        self.status = status
        self.code = code
        super().__init__(reason)


class Nonsense(MeterFault):
    """What came is nothing that a meter answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterConnection:
    """Where the meter is. A connection is made for each question: a kept one would have to be mended.

    Raises ``ValueError`` (in Spanish) for an address or a token that cannot be.
    """

    url: str
    token: str = field(repr=False)
    timeout_s: float = TIMEOUT_S
    pause: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        address = urlsplit(self.url)
        if address.scheme not in ("http", "https") or not address.hostname or address.query:
            raise ValueError(f"METER_URL no es una dirección http: {self.url[:80]!r}.")
        if address.username or address.password:
            raise ValueError("METER_URL no lleva usuario ni contraseña: el token va en METER_TOKEN.")
        if address.port == 0 or not re.fullmatch(r"[\x21-\x7e]*", address.path):
            raise ValueError(f"METER_URL no es una dirección http: {self.url[:80]!r}.")
        if not TOKEN.fullmatch(self.token):
            raise ValueError("METER_TOKEN está vacío o tiene espacios u otros signos que no admite.")

    def get(self, path: str) -> Mapping[str, Any]:
        """Ask; tried ``TRIES`` times, as it changes nothing. Raises ``MeterFault``."""
        return self._tried(lambda: self._ask("GET", path), may_be_asked_again=lambda fault: True)

    def post(self, path: str, content: Mapping[str, Any], *, wait_s: float = 0.0) -> Mapping[str, Any]:
        """Ask for a change, once: again only where the question never left. Raises ``MeterFault``.

        ``wait_s`` is what the meter may take to answer, on top of the usual.
        """
        body = json.dumps(content).encode()
        return self._tried(
            lambda: self._ask("POST", path, body, wait_s), may_be_asked_again=lambda fault: not fault.was_sent
        )

    def _tried(
        self, ask: Callable[[], Mapping[str, Any]], *, may_be_asked_again: Callable[[NoAnswer], bool]
    ) -> Mapping[str, Any]:
        for number in range(1, TRIES):
            try:
                return ask()
            except NoAnswer as fault:
                if not may_be_asked_again(fault):
                    raise
                self.pause(PAUSE_S * number)
        return ask()

    def _ask(
        self, method: str, path: str, body: bytes | None = None, wait_s: float = 0.0
    ) -> Mapping[str, Any]:
        connection = self._connected()
        headers = {"Authorization": f"Bearer {self.token}", "Connection": "close"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        timeout_s = self.timeout_s + wait_s
        ends_s = time.monotonic() + timeout_s
        try:
            if connection.sock:
                connection.sock.settimeout(timeout_s)
            prefix = urlsplit(self.url).path.rstrip("/")
            connection.request(method, prefix + path, body=body, headers=headers)
            response = connection.getresponse()
            received = _read(response, ends_s)
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"El medidor no contestó ({_why(error)}).", was_sent=True) from error
        finally:
            connection.close()
        return _understood(response.status, received)

    def _connected(self) -> http.client.HTTPConnection:
        address = urlsplit(self.url)
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        connection = kind(address.hostname or "", address.port, timeout=self.timeout_s)
        try:
            connection.connect()
        except (OSError, UnicodeError) as error:
            connection.close()
            raise NoAnswer(f"No hay medidor en {self.url} ({_why(error)}).", was_sent=False) from error
        return connection


def _read(response: http.client.HTTPResponse, ends_s: float) -> bytes:
    """The body, whole, within a size and a time. Raises ``Nonsense`` for more, ``TimeoutError`` for later."""
    received = b""
    while piece := response.read1(PIECE_BYTES):
        received += piece
        if len(received) > MOST_BYTES:
            raise Nonsense(f"El medidor contesta más de {MOST_BYTES} bytes.")
        if time.monotonic() > ends_s:
            raise TimeoutError("too slow")
    # ``read1`` takes an early end of the connection for the end of the body.
    if response.length:
        raise http.client.IncompleteRead(received, response.length)
    return received


def _understood(status: int, received: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(received, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        content = None
    if status >= 400:
        told = content if isinstance(content, dict) else {}
        code, detail = told.get("code"), told.get("detail")
        if code == "too-many-connections":
            raise NoAnswer("El medidor tiene demasiadas conexiones.", was_sent=False)
        raise Refused(
            detail[:300] if isinstance(detail, str) and detail else f"El medidor contesta {status}.",
            status=status,
            code=code if isinstance(code, str) else "",
        )
    if status not in (200, 201) or not isinstance(content, dict):
        raise Nonsense(f"El medidor contesta algo que no es suyo (estado {status}).")
    return content


def _no_constant(name: str) -> None:
    """NaN and infinities, which JSON does not have and Python's parser lets in."""
    raise ValueError(name)


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)[:100] or type(error).__name__
