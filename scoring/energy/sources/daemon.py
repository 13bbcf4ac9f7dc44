"""Asks a daemon on this machine or net over HTTP, by address or by Unix socket, with the standard library.

``zeusd`` and ``dcgm`` read their counters with it. Every failure is a ``CounterUnavailable``.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

from scoring.errors import CounterUnavailable

ANSWER_WITHIN_S = 2.0
MOST_BYTES = 10_000_000


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=ANSWER_WITHIN_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Daemon:
    """One kept connection, made anew after a failure. ``where`` is "http://HOST:PORT" or a socket's path.

    Raises ``ValueError`` (in Spanish) for a ``where`` that is neither.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._connection: http.client.HTTPConnection | None = None
        self._host, self._port, self.path = "", None, ""
        if where.startswith("/"):
            return
        address = urlsplit(where)
        if address.scheme != "http" or not address.hostname or address.username or address.query:
            raise ValueError(f"«{where[:80]}» no es http://SERVIDOR:PUERTO ni la ruta de un socket.")
        self._host, self._port, self.path = address.hostname, address.port, address.path

    def text(self, path: str) -> str:
        """What it answers to a GET. Raises ``CounterUnavailable``."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._connection.request("GET", path)
            response = self._connection.getresponse()
            body = response.read(MOST_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise CounterUnavailable(f"{self._where} no contesta: {error or type(error).__name__}.") from None
        if len(body) > MOST_BYTES:
            self.close()
            raise CounterUnavailable(f"{self._where} contesta más de {MOST_BYTES} bytes.")
        if response.status != http.HTTPStatus.OK:
            raise CounterUnavailable(f"{self._where} contesta {response.status} a {path}.")
        return body.decode("utf-8", "replace")

    def json(self, path: str) -> Any:
        """The same, as JSON."""
        try:
            return json.loads(self.text(path))
        except (ValueError, RecursionError):
            raise CounterUnavailable(f"{self._where} contesta a {path} algo que no se entiende.") from None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> http.client.HTTPConnection:
        if self._where.startswith("/"):
            return _UnixConnection(self._where)
        return http.client.HTTPConnection(self._host, self._port, timeout=ANSWER_WITHIN_S)
