"""Requests to the API: JSON in and out, problem documents as errors, and retries where a repeat is harmless.

A GET may always be repeated; a submission may because its Idempotency-Key makes two requests one attempt. A
login is never repeated by itself: each try counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from desafio.api.client.outcome import CommandFailure, ExitCode, unreachable, usage

TIMEOUT = httpx.Timeout(15, connect=5)
# Waits between tries, in seconds: about half a minute in all, as long as a restart of the site takes.
BACKOFF_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
LONGEST_RETRY_AFTER_S = 60.0
_TRANSIENT = frozenset({429, 502, 503, 504})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Refused(CommandFailure):
    """The site understood and said no: a problem document, or at least a status."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = problem
        code = ExitCode.UNREACHABLE if status >= 500 or status == 429 else ExitCode.REFUSED
        super().__init__(code, _told(status, problem))


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One site. ``say`` is told when a request has to wait before it is tried again."""

    url: str
    say: Callable[[str], None]
    token: str = ""
    sleep: Callable[[float], None] = time.sleep
    backoff_s: tuple[float, ...] = BACKOFF_S
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=TIMEOUT))

    def get(self, path: str) -> Any:
        return self._json(self._repeated("GET", path))

    def post(self, path: str, body: Any) -> Any:
        return self._json(self._once("POST", path, body=body))

    def post_once_only(self, path: str, body: Any, *, key: str) -> tuple[Any, bool]:
        """A post that the site takes once however often it comes; True when it had come before."""
        answer = self._repeated("POST", path, body=body, headers={"Idempotency-Key": key})
        return self._json(answer), answer.headers.get("Idempotent-Replayed") == "true"

    def _repeated(self, method: str, path: str, **parts: Any) -> httpx.Response:
        for wait_s in self.backoff_s:
            try:
                answer = self._once(method, path, **parts)
            except CommandFailure as failure:
                if failure.code is not ExitCode.UNREACHABLE:
                    raise
                self.say(f"{failure.text} Se vuelve a intentar en {wait_s:g} s.")
                self.sleep(wait_s)
                continue
            if answer.status_code not in _TRANSIENT:
                return answer
            asked_s = _retry_after(answer) or wait_s
            if asked_s > LONGEST_RETRY_AFTER_S:
                return answer
            self.say(f"El servidor pide esperar {asked_s:g} s.")
            self.sleep(asked_s)
        return self._once(method, path, **parts)

    def _once(
        self, method: str, path: str, *, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        sent = {"Accept": "application/json, application/problem+json", **(headers or {})}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        try:
            return self.client.request(method, f"{self.url}{path}", json=body, headers=sent)
        except httpx.HTTPError as fault:
            raise unreachable(
                f"No se puede hablar con {self.url} ({type(fault).__name__}). "
                "¿Está en marcha y es esa su dirección?"
            ) from fault

    def _json(self, answer: httpx.Response) -> Any:
        if answer.is_redirect:
            raise usage(
                f"{self.url} redirige a {answer.headers.get('Location', '')}. Usa esa dirección en --url."
            )
        try:
            content = answer.json() if answer.content else None
        except ValueError as fault:
            raise unreachable(
                f"{self.url} no ha respondido en JSON (HTTP {answer.status_code}). "
                "¿Es la dirección del Desafío?"
            ) from fault
        if answer.is_error:
            raise Refused(answer.status_code, content if isinstance(content, dict) else {})
        return content


def site(url: str) -> str:
    """The address without a last slash. Raises a usage failure for what is no http(s) address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise usage(f"«{url}» no es una dirección. Escríbela entera, como https://desafio.example.org.")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def is_readable_by_others(url: str) -> bool:
    """Whether a password would travel in the clear over a network."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in _LOOPBACK


def _retry_after(answer: httpx.Response) -> float | None:
    value = answer.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None


def _told(status: int, problem: Mapping[str, Any]) -> str:
    detail = problem.get("detail") or f"El servidor ha respondido con un error (HTTP {status})."
    return f"{problem['title']}: {detail}" if problem.get("title") else str(detail)
