"""One table of a pack (a JSON object or a TOML table), whose fields are asked for one by one.

The readers of challenge.toml and of the cases use it. Whatever is wrong is reported, and a stand-in of the
right type is returned so that reading goes on: no stand-in leaves ``load``, which then raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from challenges.packs.plain_values import dotted, wrong_in_value
from challenges.packs.texts import listed, shown, wrong_in

SLUG = re.compile(r"[a-z0-9-]+")
# Far from both ends of what a datetime can hold, where turning it into UTC fails.
YEARS = range(2000, 2101)

KeyPath = tuple[str, ...]
Report = Callable[[KeyPath, str], None]


@dataclass(frozen=True, slots=True)
class Table:
    """``report`` takes the path of a field inside this table, and a sentence."""

    content: Mapping[str, Any]
    report: Report
    path: KeyPath = ()

    def check_names(self, *, required: Collection[str], optional: Collection[str] = ()) -> None:
        known = [*required, *optional]
        for name in self.content:
            if name not in known:
                self._wrong(
                    name,
                    _("no existe el campo «%(name)s». Los que hay son %(known)s. Corrígelo o quítalo.")
                    % {"name": self._label(name), "known": listed(known)},
                )
        for name in required:
            if name not in self.content:
                self._wrong(name, _("falta «%(name)s». Escríbelo.") % {"name": self._label(name)})

    def text(self, name: str, *, limit: int | None = None, is_prose: bool = False) -> str:
        value = self.content.get(name, "")
        if not isinstance(value, str):
            self._wrong_type(name, _("un texto, entre comillas"))
            return ""
        if name in self.content:
            for sentence in wrong_in(value, self._label(name), limit=limit, is_prose=is_prose):
                self._wrong(name, sentence)
        return value

    def slug(self, name: str, *, limit: int | None) -> str:
        """A text of lower-case letters, digits and hyphens; "" where it is no such thing."""
        value = self.text(name, limit=limit)
        if not value.strip() or SLUG.fullmatch(value):
            return value.strip()
        params = {"name": self._label(name), "value": shown(value)}
        self._wrong(
            name,
            _("«%(name)s» es «%(value)s», y solo admite letras minúsculas sin acento, cifras y guiones.")
            % params,
        )
        return ""

    def whole(self, name: str, *, default: int, high: int) -> int:
        """A whole number from 1 to ``high``."""
        value = self.content.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool):
            self._wrong_type(name, _("un número entero, sin comillas ni decimales"))
            return default
        if not 1 <= value <= high:
            params = {"name": self._label(name), "high": high}
            self._wrong(name, _("«%(name)s» debe estar entre 1 y %(high)d.") % params)
            return default
        return value

    def moment(self, name: str) -> datetime | None:
        """A date and time with its offset from UTC; None where it is missing or no such thing."""
        value = self.content.get(name)
        if value is None:
            return None
        if not isinstance(value, datetime):
            self._wrong_type(name, _("una fecha con hora, sin comillas, como 2026-01-01T09:00:00+01:00"))
            return None
        if value.utcoffset() is None:
            self._wrong(
                name,
                _("«%(name)s» no dice su diferencia con UTC. Añádela al final, como en %(example)s.")
                % {"name": self._label(name), "example": "2026-01-01T09:00:00+01:00"},
            )
            return None
        if value.year not in YEARS:
            params = {"name": self._label(name), "first": YEARS[0], "last": YEARS[-1]}
            self._wrong(name, _("el año de «%(name)s» debe estar entre %(first)d y %(last)d.") % params)
            return None
        return value

    def table(self, name: str) -> Table | None:
        """The table inside this one; None where it is missing or something else."""
        value = self.content.get(name)
        if isinstance(value, Mapping):
            return Table(value, self.report, (*self.path, name))
        if name in self.content:
            self._wrong_type(name, _("un objeto con sus campos"))
        return None

    def check_value(self, name: str) -> bool:
        """Report what no JSON column can keep, or nobody can see; False where it is of no use to a grader."""
        found = list(wrong_in_value(self.content.get(name), (*self.path, name)))
        for path, sentence in found:
            self.report(path, sentence)
        return not found

    def _label(self, name: str) -> str:
        return dotted((*self.path, name))

    def _wrong(self, name: str, sentence: str) -> None:
        self.report((*self.path, name), sentence)

    def _wrong_type(self, name: str, kind: str) -> None:
        self._wrong(name, _("«%(name)s» debe ser %(kind)s.") % {"name": self._label(name), "kind": kind})
