"""public.jsonl and private.jsonl: one case a line, each checked by itself and against all the others.

``load`` calls ``read`` for each file, then ``check_twins`` for what two lines may not share.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext as _

from challenges.models import Case
from challenges.packs.columns import highest, longest
from challenges.packs.fields import Table
from challenges.packs.files import read_lines
from challenges.packs.problems import Findings
from challenges.packs.strict_json import NotJson, parse
from challenges.packs.texts import listed, shown
from challenges.packs.values import PackCase
from scoring import graders
from scoring.errors import SpecError

PUBLIC, PRIVATE = "public.jsonl", "private.jsonl"
REQUIRED = ("key", "inputs", "expected", "grader")
# ``canary`` is for whoever keeps the private file (docs/integrity.md): no row has it, and no model reads it.
OPTIONAL = ("group", "weight", "canary")
LONGEST_CANARY = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLine:
    """A case and where it was written. Fields with problems hold stand-ins: an empty key, no inputs."""

    file: str
    line: int
    case: PackCase


def read(
    folder: Path, name: str, *, slots: Mapping[str, str] | None, findings: Findings
) -> tuple[CaseLine, ...]:
    """The cases of a file, in its order; ``slots`` None (they are unreadable) allows any name."""
    lines = read_lines(folder, name, findings)
    if lines is None:
        return ()
    written = [
        (number, line) for number, line in enumerate(lines, start=1) if line is None or line.strip(" \t\r")
    ]
    if not written:
        findings.add(name, None, _("no tiene ningún caso. Escribe al menos uno, en una línea."))
    found = []
    for number, line in written:
        if findings.has_more:
            break
        case = None if line is None else _case(line, _Place(name, number, findings), slots)
        if case is not None:
            found.append(CaseLine(file=name, line=number, case=case))
    return tuple(found)


def check_twins(public: Sequence[CaseLine], private: Sequence[CaseLine], findings: Findings) -> None:
    """Report every key that is there twice, and every question that is both public and private."""
    by_key: dict[str, CaseLine] = {}
    for found in (*public, *private):
        earlier = by_key.setdefault(found.case.key, found)
        if earlier is not found and found.case.key:
            params = {"key": found.case.key, "where": _where(earlier, seen_from=found)}
            sentence = _("clave «%(key)s» repetida (ya está en %(where)s). Ponle otra.") % params
            findings.add(found.file, found.line, sentence)
    asked = {_question(found): found for found in reversed(public) if found.case.inputs}
    for found in private:
        if (twin := asked.get(_question(found))) is not None:
            sentence = _("pregunta lo mismo que %(where)s, que es público. Cambia o quita uno de los dos.")
            findings.add(found.file, found.line, sentence % {"where": _where(twin, seen_from=found)})


def _where(other: CaseLine, *, seen_from: CaseLine) -> str:
    if other.file == seen_from.file:
        return _("la línea %(line)d") % {"line": other.line}
    return f"{other.file}:{other.line}"


def _question(found: CaseLine) -> tuple[tuple[str, str], ...]:
    """The inputs as a reader sees them: the same words with other spaces ask the same."""
    return tuple(
        sorted(
            (slot, " ".join(unicodedata.normalize("NFC", text).split()))
            for slot, text in found.case.inputs.items()
        )
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """One line of one file, which everything found in it is reported for."""

    file: str
    line: int
    findings: Findings

    def report(self, path: tuple[str, ...], sentence: str) -> None:
        self.tell(sentence)

    def tell(self, sentence: str) -> None:
        self.findings.add(self.file, self.line, sentence)


def _case(line: str, place: _Place, slots: Mapping[str, str] | None) -> PackCase | None:
    try:
        content = parse(line)
    except NotJson as wrong:
        place.tell(str(wrong))
        return None
    if not isinstance(content, dict):
        place.tell(_("no es un objeto de JSON. La línea debe empezar por «{» y acabar por «}»."))
        return None
    table = Table(content, place.report)
    table.check_names(required=REQUIRED, optional=OPTIONAL)
    table.text("canary", limit=LONGEST_CANARY)
    return PackCase(
        key=table.slug("key", limit=longest(Case, "key")),
        group=table.text("group", limit=longest(Case, "group")),
        inputs=_inputs(table, place, slots),
        expected=content.get("expected"),
        grader=MappingProxyType(_grader(table, place)),
        weight=table.whole("weight", default=1, high=highest(Case, "weight")),
    )


def _inputs(table: Table, place: _Place, slots: Mapping[str, str] | None) -> Mapping[str, str]:
    inputs = table.table("inputs")
    if inputs is None:
        return {}
    if slots is not None:
        for name in inputs.content:
            if name not in slots:
                params = {"name": shown(name), "known": listed(slots)}
                place.tell(_("«inputs» da el hueco «%(name)s», y los que hay son %(known)s.") % params)
        for name in slots:
            if name not in inputs.content:
                place.tell(_("en «inputs» falta el hueco «%(name)s». Escríbelo.") % {"name": name})
    return MappingProxyType({name: inputs.text(name, is_prose=True) for name in inputs.content})


def _grader(table: Table, place: _Place) -> dict[str, Any]:
    """The grader's spec, checked together with the expected answer that it must be able to read."""
    grader = table.table("grader")
    # Both are looked at, so that both are told.
    is_readable = all([table.check_value("grader"), table.check_value("expected")])
    if grader is None or "expected" not in table.content:
        return {}
    spec = dict(grader.content)
    if is_readable:
        try:
            graders.check_spec(spec=spec, expected=table.content["expected"])
        except SpecError as wrong:
            field = wrong.field if wrong.field == "expected" else f"grader.{wrong.field}"
            place.tell(_("«%(field)s»: %(fix)s") % {"field": shown(field), "fix": wrong.fix})
    return spec
