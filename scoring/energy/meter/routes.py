"""What can be asked of the meter over HTTP, and how its answers are written as JSON.

``Routes.respond`` is what ``server`` calls. Everything below ``/v1`` and ``/metrics`` asks for the bearer
token; docs/energy.md describes each answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from scoring.energy.counter import Edge
from scoring.energy.meter import metrics
from scoring.energy.meter.core import NS_PER_MS, NS_PER_S, Closed, Meter, Opened
from scoring.energy.meter.errors import (
    MeterRefusal,
    MeterRestarted,
    NotSampling,
    TooManyWindows,
    WindowEnded,
    WindowForgotten,
    WindowUnknown,
    WrongDevice,
)
from scoring.energy.meter.exchange import Answer, Refusal, Request, json_answer, json_object

VERSION = "1.0"
CLIENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:@/-]{0,99}")
LONGEST_UUID = 120
WHOLE = re.compile(r"[0-9]{1,19}")
LOOK_EVERY_S = 0.02
# A page of edges is a stretch in which there cannot be more than these.
EDGES_A_PAGE = 5000
BEARER = re.compile(r"[Bb]earer +([\x21-\x7e]{1,512})")
WINDOWS = "/v1/windows"

# Why each refusal is one, and what to do: the code is for programs, the sentence for people.
REFUSALS: Mapping[type[MeterRefusal], tuple[HTTPStatus, str, str]] = {
    WindowUnknown: (HTTPStatus.NOT_FOUND, "window-unknown", "No hay ninguna ventana con ese identificador."),
    WindowForgotten: (
        HTTPStatus.GONE,
        "window-forgotten",
        "La ventana se cerró hace tiempo y su lectura ya no se guarda: hay que medir otra vez.",
    ),
    MeterRestarted: (
        HTTPStatus.GONE,
        "meter-restarted",
        "El medidor se reinició con la ventana abierta: hay que medir otra vez.",
    ),
    WindowEnded: (
        HTTPStatus.CONFLICT,
        "window-ended",
        "La ventana {0} ya estaba terminada; su lectura se pide con GET.",
    ),
    WrongDevice: (HTTPStatus.CONFLICT, "wrong-device", "Este medidor cuenta otro dispositivo: {0}."),
    TooManyWindows: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "too-many-windows",
        "Hay demasiadas ventanas abiertas; cada una se cierra al llegar a su límite.",
    ),
    NotSampling: (HTTPStatus.SERVICE_UNAVAILABLE, "not-sampling", "{0}"),
}


class Routes:
    """The answers of one meter to whoever knows ``token``."""

    def __init__(self, meter: Meter, *, token: str) -> None:
        self._meter = meter
        self._token = _digest(token)
        handlers: list[tuple[str, str, Callable[..., Awaitable[Answer]]]] = [
            ("GET", "/healthz", self._healthz),
            ("GET", "/metrics", self._metrics),
            ("GET", "/v1/info", self._info),
            ("GET", "/v1/edges", self._edges),
            ("POST", WINDOWS, self._open),
            ("GET", f"{WINDOWS}/([^/]+)", self._window),
            ("POST", f"{WINDOWS}/([^/]+)/end", self._end),
        ]
        self._handlers = [(method, re.compile(path), handler) for method, path, handler in handlers]

    async def respond(self, request: Request) -> Answer:
        """The answer to one request. Raises ``Refusal``."""
        if request.path != "/healthz":
            self._check_token(request)
        allowed = []
        for method, path, handler in self._handlers:
            if matched := path.fullmatch(request.path):
                if method == request.method:
                    return await self._answered(handler, request, matched.groups())
                allowed.append(method)
        if allowed:
            raise Refusal(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "method-not-allowed",
                f"Esa dirección solo admite {', '.join(allowed)}.",
                Allow=", ".join(allowed),
            )
        raise Refusal(HTTPStatus.NOT_FOUND, "not-found", "El medidor no tiene esa dirección.")

    async def _answered(
        self, handler: Callable[..., Awaitable[Answer]], request: Request, parts: tuple[str, ...]
    ) -> Answer:
        try:
            return await handler(request, *parts)
        except MeterRefusal as refusal:
            status, code, sentence = REFUSALS[type(refusal)]
            raise Refusal(status, code, sentence.format(*refusal.args)) from refusal

    def _check_token(self, request: Request) -> None:
        matched = BEARER.fullmatch(request.headers.get("authorization", ""))
        if not matched:
            raise Refusal(
                HTTPStatus.UNAUTHORIZED,
                "no-token",
                "Falta el token: Authorization: Bearer …",
                WWW_Authenticate='Bearer realm="meter"',
            )
        # Of equal length and hard to steer, so that the comparison tells nothing by the time it takes.
        if not hmac.compare_digest(_digest(matched[1]), self._token):
            raise Refusal(HTTPStatus.FORBIDDEN, "wrong-token", "El token no es el de este medidor.")

    async def _healthz(self, request: Request) -> Answer:
        if trouble := self._meter.trouble:
            return json_answer({"ok": False, "reason": trouble}, HTTPStatus.SERVICE_UNAVAILABLE)
        return json_answer({"ok": True, "reason": ""})

    async def _metrics(self, request: Request) -> Answer:
        text = metrics.text(self._meter)
        return Answer(status=HTTPStatus.OK, content_type=metrics.CONTENT_TYPE, body=text.encode())

    async def _info(self, request: Request) -> Answer:
        meter, state = self._meter, self._meter.state
        return json_answer(
            {
                "meter": VERSION,
                "boot": meter.boot,
                "source": meter.source_name,
                "grade": meter.grade.value,
                "device": asdict(meter.device),
                "clocks_mhz": state.clocks_mhz,
                "power_limit_mw": state.power_limit_mw,
                "throttled": state.throttled,
                "processes": None if state.processes is None else len(state.processes),
                "sampling": {
                    "every_ms": meter.limits.sample_every_ms,
                    "update_ms": meter.device.update_ms,
                    "trouble": meter.trouble,
                },
                "window_limit_s": meter.window_limit_s,
                "settle_ms": meter.settle_ns // NS_PER_MS,
                "now_ns": meter.clock(),
            }
        )

    async def _open(self, request: Request) -> Answer:
        wanted = json_object(request)
        if unknown := wanted.keys() - {"client", "device", "limit_s"}:
            raise _unprocessable(f"El campo {min(unknown)!r:.60} no existe: hay client, device y limit_s.")
        client, device, limit_s = wanted.get("client"), wanted.get("device", ""), wanted.get("limit_s")
        if not isinstance(client, str) or not CLIENT_NAME.fullmatch(client):
            raise _unprocessable("client es el nombre de quien mide: hasta 100 letras, cifras y . _ : @ / -")
        if not isinstance(device, str) or len(device) > LONGEST_UUID:
            raise _unprocessable("device es el UUID del dispositivo que se espera.")
        if limit_s is not None and (
            type(limit_s) is not int or not 1 <= limit_s <= self._meter.window_limit_s
        ):
            raise _unprocessable(f"limit_s es un número entero de 1 a {self._meter.window_limit_s}.")
        opened = self._meter.open_window(client=client, device_uuid=device, limit_s=limit_s)
        return json_answer(
            {
                "id": opened.id,
                "opened_ns": opened.begin_ns,
                "expires_ns": opened.expires_ns,
                "boot": self._meter.boot,
                "device": self._meter.device.uuid,
            },
            HTTPStatus.CREATED,
        )

    async def _window(self, request: Request, window_id: str) -> Answer:
        return self._told(await self._settled(window_id))

    async def _end(self, request: Request, window_id: str) -> Answer:
        self._meter.end_window(window_id)
        return self._told(await self._settled(window_id))

    async def _settled(self, window_id: str) -> Opened | Closed:
        """A window that is open or closed; one that has ended is waited for.

        It comes: a window that has an end is closed after ``settle_ns`` whatever the counter does.
        """
        # In a thread: an hour of edges is a hundred milliseconds of arithmetic.
        window = await asyncio.to_thread(self._meter.window, window_id)
        while isinstance(window, Opened) and window.end_ns is not None:
            await asyncio.sleep(LOOK_EVERY_S)
            window = await asyncio.to_thread(self._meter.window, window_id)
        return window

    async def _edges(self, request: Request) -> Answer:
        from_ns, to_ns = _whole(request, "from"), _whole(request, "to")
        log = self._meter.log
        page_ns = EDGES_A_PAGE * self._meter.limits.sample_every_ms * NS_PER_MS
        oldest, newest = log.around(0, 0), log.last
        if not oldest or newest is None:
            return json_answer({"boot": self._meter.boot, "edges": [], "next_from": None})
        from_ns, to_ns = max(from_ns, oldest[0].at_ns), min(to_ns, newest.at_ns)
        page_to_ns = min(to_ns, from_ns + page_ns - 1)
        edges = log.between(from_ns, page_to_ns)
        return json_answer(
            {
                "boot": self._meter.boot,
                "edges": [_pair(edge) for edge in edges],
                "next_from": page_to_ns + 1 if page_to_ns < to_ns else None,
            }
        )

    def _told(self, window: Opened | Closed) -> Answer:
        if isinstance(window, Opened):
            return json_answer(
                {
                    "id": window.id,
                    "state": "open",
                    "boot": self._meter.boot,
                    "client": window.client,
                    "opened_ns": window.begin_ns,
                    "expires_ns": window.expires_ns,
                }
            )
        return json_answer(self._closed(window))

    def _closed(self, window: Closed) -> dict[str, Any]:
        reading, device = window.reading, self._meter.device
        return {
            "id": window.id,
            "state": "closed",
            "boot": self._meter.boot,
            "client": window.client,
            "mJ": reading.energy_mj,
            "uncertainty_mJ": reading.uncertainty_mj,
            "seconds": (reading.end_ns - reading.begin_ns) / NS_PER_S,
            "begin_ns": reading.begin_ns,
            "end_ns": reading.end_ns,
            "edges": reading.edges,
            "edges_sha256": reading.edges_sha256,
            "edges_from_ns": window.edges_from_ns,
            "edges_to_ns": window.edges_to_ns,
            "grade": reading.grade and reading.grade.value,
            "source": reading.source,
            "flags": list(reading.flags),
            "gaps": [[gap.from_ns, gap.to_ns] for gap in reading.gaps],
            "device": asdict(device),
            "clocks_mhz": window.state.clocks_mhz,
            "power_limit_mw": window.state.power_limit_mw,
        }


def _pair(edge: Edge) -> tuple[int, int]:
    return edge.at_ns, edge.mj


def _whole(request: Request, name: str) -> int:
    text = request.query.get(name, "")
    if not WHOLE.fullmatch(text):
        raise Refusal(
            HTTPStatus.BAD_REQUEST, "bad-request", f"Falta {name}, en nanosegundos del reloj del medidor."
        )
    return int(text)


def _unprocessable(detail: str) -> Refusal:
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "unprocessable", detail)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
