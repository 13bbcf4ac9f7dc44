"""The phases of challenge.toml. What would else only fail in an evaluation is told here.

``manifest`` calls ``read``. The admin's form (challenges/admin/phase_form.py) holds phases to the same rules.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.translation import gettext as _

from challenges.models import Phase, Ties
from challenges.packs.columns import default, highest, longest
from challenges.packs.fields import Table
from challenges.packs.texts import listed, shown
from challenges.packs.toml_lines import KeyPath
from challenges.packs.values import PackPhase
from scoring import policies
from scoring.errors import SpecError
from scoring.solutions.kinds import KINDS
from scoring.values import EvidenceGrade

REQUIRED = ("slug", "title", "opens_at", "closes_at", "policy", "policy_parameters")
WHOLE_NUMBERS = (
    "attempts_per_day",
    "attempts_per_phase",
    "running_per_participation",
    "max_characters",
    "max_lines",
    "max_output_tokens",
    "max_examples",
    "max_example_characters",
    "max_calls_per_case",
    "concurrency",
    "case_timeout_s",
)
OPTIONAL = ("freeze_at", "time_zone", "evidence_grade", "ties", "energy_purse_mj", "kinds", *WHOLE_NUMBERS)
# Never seen by anyone: a phase without its moments has been reported, and its pack is refused.
NEVER = datetime(2000, 1, 1, tzinfo=UTC)

Report = Callable[[KeyPath, str], None]


def read(tables: Any, report: Report) -> tuple[PackPhase, ...]:
    """Every phase, with the models' defaults where the pack says nothing."""
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        report(("phases",), _("las fases se escriben como tablas, cada una debajo de una línea [[phases]]."))
        return ()
    if not tables:
        report(("phases",), _("no hay ninguna fase. Añade una debajo de una línea [[phases]]."))
    found = tuple(_phase(Table(table, _report_for(index, report))) for index, table in enumerate(tables))
    first_with: dict[str, int] = {}
    for index, phase in enumerate(found):
        first = first_with.setdefault(phase.slug, index)
        if phase.slug and first != index:
            params = {"number": index + 1, "slug": phase.slug, "first": first + 1}
            report(
                ("phases", index, "slug"),
                _("fase %(number)d: «slug» es «%(slug)s», como en la fase %(first)d. Ponle otro.") % params,
            )
    return found


def _report_for(index: int, report: Report) -> Callable[[tuple[str, ...], str], None]:
    def report_phase(path: tuple[str, ...], sentence: str) -> None:
        params = {"number": index + 1, "sentence": sentence}
        report(("phases", index, *path), _("fase %(number)d: %(sentence)s") % params)

    return report_phase


def _phase(table: Table) -> PackPhase:
    table.check_names(required=REQUIRED, optional=OPTIONAL)
    opens_at, closes_at, freeze_at = _clock(table)
    policy, parameters = _policy(table)
    return PackPhase(
        slug=table.slug("slug", limit=longest(Phase, "slug")),
        title=table.text("title", limit=longest(Phase, "title")),
        opens_at=opens_at,
        closes_at=closes_at,
        freeze_at=freeze_at,
        time_zone=_time_zone(table),
        policy=policy,
        policy_parameters=MappingProxyType(parameters),
        evidence_grade=_evidence_grade(table),
        ties=_ties(table),
        energy_purse_mj=_energy_purse(table),
        kinds=_kinds(table),
        **{
            name: table.whole(name, default=default(Phase, name), high=highest(Phase, name))
            for name in WHOLE_NUMBERS
        },
    )


def _clock(table: Table) -> tuple[datetime, datetime, datetime | None]:
    opens_at, closes_at, freeze_at = (table.moment(name) for name in ("opens_at", "closes_at", "freeze_at"))
    if opens_at is None or closes_at is None:
        return NEVER, NEVER, None
    if closes_at <= opens_at:
        table.report(("closes_at",), _("«closes_at» no es posterior a «opens_at». Corrige una de las dos."))
    elif freeze_at is not None and not opens_at <= freeze_at <= closes_at:
        table.report(("freeze_at",), _("«freeze_at» debe caer entre «opens_at» y «closes_at»."))
    return opens_at, closes_at, freeze_at


def _ties(table: Table) -> str:
    """Who shares a rank."""
    written = table.content.get("ties", Ties.INTERVAL.value)
    if written not in Ties.values:
        known = listed(Ties.values)
        table.report(("ties",), _("«ties» es uno de estos: %(known)s.") % {"known": known})
        return Ties.INTERVAL.value
    return str(written)


def _kinds(table: Table) -> tuple[str, ...]:
    """What may be handed in, each kind once and in the order of the registry."""
    written = table.content.get("kinds", default(Phase, "kinds")())
    is_known = isinstance(written, list) and all(isinstance(name, str) and name in KINDS for name in written)
    if not is_known or not written or len(set(written)) < len(written):
        table.report(
            ("kinds",),
            _("«kinds» es una lista con uno o más de estos tipos, cada uno una vez: %(known)s.")
            % {"known": listed(KINDS)},
        )
        return ()
    return tuple(name for name in KINDS if name in written)


def _time_zone(table: Table) -> str:
    if "time_zone" not in table.content:
        return str(default(Phase, "time_zone"))
    name = table.text("time_zone", limit=longest(Phase, "time_zone"))
    try:
        if name.strip():
            ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        table.report(
            ("time_zone",),
            _("no existe la zona horaria «%(name)s». Escríbela como «Europe/Madrid» o «Atlantic/Canary».")
            % {"name": shown(name)},
        )
    return name


def _policy(table: Table) -> tuple[str, dict[str, Any]]:
    policy = table.text("policy", limit=longest(Phase, "policy"))
    parameters = table.table("policy_parameters")
    if not policy or parameters is None or not table.check_value("policy_parameters"):
        return policy, {}
    try:
        policies.check_parameters(policy, parameters.content)
    except SpecError as wrong:
        path = ("policy",) if wrong.field == "policy" else ("policy_parameters", wrong.field)
        table.report(path, _("«%(field)s»: %(fix)s") % {"field": shown(".".join(path)), "fix": wrong.fix})
    return policy, dict(parameters.content)


def _energy_purse(table: Table) -> int | None:
    """None, where the pack names no limit: then there is none."""
    if "energy_purse_mj" not in table.content:
        return None
    return table.whole("energy_purse_mj", default=1, high=highest(Phase, "energy_purse_mj"))


def _evidence_grade(table: Table) -> EvidenceGrade:
    written = table.content.get("evidence_grade", default(Phase, "evidence_grade"))
    if written in list(EvidenceGrade):
        return EvidenceGrade(written)
    known = listed(grade.value for grade in EvidenceGrade)
    table.report(
        ("evidence_grade",),
        _("«evidence_grade» es «%(written)s», y los grados de evidencia son %(known)s.")
        % {"written": shown(written), "known": known},
    )
    return EvidenceGrade.E
