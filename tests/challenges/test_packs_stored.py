"""What storing a pack does to the rows, and what the command and the demo make of it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError

from challenges import dispatch
from challenges.models import Case, Challenge, Phase, Suite, Visibility
from challenges.packs import Pack, PackCase, notes, store
from desafio.demo import rows
from scoring.energy.window import best_source
from scoring.values import EvidenceGrade
from tests.in_parallel import errors_in, in_parallel
from tests.packs import MANIFEST, a_case, a_loaded, a_pack, lines

ROOT = Path(__file__).resolve().parents[2]


def a_pack_that_opens(opens_in: timedelta, folder: Path) -> Pack:
    """The small pack, whose phase opens in that time by the database's clock."""
    pack = a_loaded(folder)
    opens_at = dispatch.now() + opens_in
    return with_phase(pack, opens_at=opens_at, closes_at=opens_at + timedelta(days=30))


def with_phase(pack: Pack, **changes: Any) -> Pack:
    return replace(pack, phases=(replace(pack.phases[0], **changes), *pack.phases[1:]))


def with_another_case(pack: Pack) -> Pack:
    """The pack with one private case more."""
    more = replace(pack.private.cases[0], key="s-99")
    return replace(pack, private=replace(pack.private, cases=(*pack.private.cases, more)))


def everything() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in (Challenge, Suite, Case, Phase)]


@pytest.mark.django_db
def test_a_stored_pack_is_a_challenge_with_its_suites_and_phases(tmp_path: Path) -> None:
    pack = a_loaded(tmp_path)
    stored = store(pack)
    challenge = Challenge.objects.get()
    assert stored.challenge == challenge
    assert challenge.statement == pack.statement
    assert challenge.is_published
    phase = challenge.phases.get()
    assert phase.ranked_suite.visibility == Visibility.PRIVATE
    assert phase.feedback_suite is not None
    assert phase.feedback_suite.visibility == Visibility.PUBLIC
    assert (phase.ranked_suite.version, phase.feedback_suite.version) == (1, 1)
    assert phase.ranked_suite.slots == dict(pack.private.slots)
    assert [case.key for case in phase.ranked_suite.cases.order_by("position")] == ["s-1", "s-2", "s-3"]
    assert (phase.opens_at, phase.attempts_per_day) == (pack.phases[0].opens_at, 10)
    assert phase.policy_parameters["e_ref_mj"] == 2_000_000
    phase.full_clean()
    assert not list(notes(stored))


@pytest.mark.django_db
def test_the_hash_of_a_suite_can_be_made_again_from_its_rows(tmp_path: Path) -> None:
    number = a_case(
        "n-1", expected=12.50, grader={"name": "number", "unit": "kWh", "tolerance": {"relative": 0.01}}
    )
    pack = a_loaded(tmp_path, private=lines(a_case("s-1"), number))
    store(pack)
    suite = Suite.objects.get(visibility=Visibility.PRIVATE)
    names = ("key", "group", "inputs", "expected", "grader", "weight")
    rows = suite.cases.order_by("position").values(*names)
    from_rows = replace(pack.private, slots=suite.slots, cases=tuple(PackCase(**row) for row in rows))
    assert from_rows.sha256 == pack.private.sha256 == suite.sha256


@pytest.mark.django_db
def test_storing_a_pack_again_changes_nothing(tmp_path: Path) -> None:
    assert not store(a_loaded(tmp_path)).changed_nothing
    before = everything()
    again = store(a_loaded(tmp_path))
    assert again.changed_nothing
    assert not list(notes(again))
    assert everything() == before


@pytest.mark.django_db
def test_a_changed_case_makes_a_version_and_the_old_one_stays(tmp_path: Path) -> None:
    pack = a_pack_that_opens(timedelta(days=1), tmp_path)
    store(pack)
    stored = store(with_another_case(pack))
    assert [(suite.suite.version, suite.is_new, suite.cases) for suite in stored.suites] == [
        (2, True, 4),
        (1, False, 2),
    ]
    phase = Phase.objects.get()
    assert phase.ranked_suite.version == 2
    assert phase.ranked_suite.cases.count() == 4
    assert Suite.objects.get(visibility=Visibility.PRIVATE, version=1).cases.count() == 3
    assert store(with_another_case(pack)).changed_nothing


@pytest.mark.django_db
def test_cases_that_come_back_find_their_old_version(tmp_path: Path) -> None:
    pack = a_pack_that_opens(timedelta(days=1), tmp_path)
    store(pack)
    store(with_another_case(pack))
    store(pack)
    assert Suite.objects.filter(visibility=Visibility.PRIVATE).count() == 2
    assert Phase.objects.get().ranked_suite.version == 1


@pytest.mark.django_db
def test_a_changed_slot_makes_a_version_of_both_suites(tmp_path: Path) -> None:
    store(a_loaded(tmp_path))
    stored = store(a_loaded(tmp_path, manifest=MANIFEST.replace("La pregunta.", "La pregunta del caso.")))
    assert [suite.suite.version for suite in stored.suites] == [2, 2]


@pytest.mark.django_db
def test_a_phase_that_has_not_opened_follows_the_pack_in_everything(tmp_path: Path) -> None:
    pack = a_pack_that_opens(timedelta(days=1), tmp_path)
    store(pack)
    changes: dict[str, Any] = {
        "title": "Otra",
        "opens_at": pack.phases[0].opens_at + timedelta(days=1),
        "closes_at": pack.phases[0].closes_at + timedelta(days=1),
        "freeze_at": pack.phases[0].closes_at,
        "time_zone": "Atlantic/Canary",
        "policy_parameters": MappingProxyType({**pack.phases[0].policy_parameters, "lambda": "0.25"}),
        "evidence_grade": EvidenceGrade.C,
        "attempts_per_day": 3,
        "attempts_per_phase": 30,
        "running_per_participation": 4,
        "energy_purse_mj": 5_000_000,
        "max_characters": 900,
        "max_lines": 40,
        "max_output_tokens": 8,
        "concurrency": 2,
        "case_timeout_s": 20,
    }
    stored = store(with_phase(with_another_case(pack), **changes))
    phase = Phase.objects.get()
    assert {name: getattr(phase, name) for name in changes} == {
        **changes,
        "policy_parameters": dict(changes["policy_parameters"]),
    }
    assert phase.ranked_suite.version == 2
    assert {change.field for change in stored.phases[0].changed} == {*changes, "ranked_suite"}
    assert not list(notes(stored))


@pytest.mark.django_db
def test_a_phase_that_has_opened_keeps_its_rules_and_that_is_told(tmp_path: Path) -> None:
    pack = a_pack_that_opens(timedelta(seconds=-1), tmp_path)
    store(pack)
    before = Phase.objects.values().get()
    kept: dict[str, Any] = {
        "opens_at": pack.phases[0].opens_at + timedelta(days=1),
        "time_zone": "Atlantic/Canary",
        "policy_parameters": MappingProxyType({**pack.phases[0].policy_parameters, "lambda": "0.25"}),
        "evidence_grade": EvidenceGrade.C,
        "max_characters": 900,
        "max_lines": 40,
        "max_output_tokens": 8,
        "energy_purse_mj": 5_000_000,
    }
    stored = store(with_phase(with_another_case(pack), **kept))
    assert Phase.objects.values().get() == before
    assert {difference.field for difference in stored.phases[0].kept} == {*kept, "ranked_suite"}
    told = list(notes(stored))
    assert len(told) == len(kept) + 1
    assert any("conserva «ranked_suite»: versión 1 (en el paquete: versión 2)" in note for note in told)
    assert any("conserva «max_lines»: 400 (en el paquete: 40)" in note for note in told)
    assert any("conserva «energy_purse_mj»: nada (en el paquete: 5000000)" in note for note in told)


@pytest.mark.django_db
def test_what_is_no_rule_follows_the_pack_in_an_open_phase(tmp_path: Path) -> None:
    pack = a_pack_that_opens(timedelta(seconds=-1), tmp_path)
    store(pack)
    stored = store(with_phase(pack, title="Otra", attempts_per_day=20, running_per_participation=5))
    phase = Phase.objects.get()
    assert (phase.title, phase.attempts_per_day, phase.running_per_participation) == ("Otra", 20, 5)
    assert [change.field for change in stored.phases[0].changed] == [
        "title",
        "attempts_per_day",
        "running_per_participation",
    ]


@pytest.mark.django_db
def test_a_phase_that_people_extended_and_froze_is_not_shut_or_shown_by_its_pack(tmp_path: Path) -> None:
    pack = a_pack_that_opens(timedelta(days=-29), tmp_path)
    store(pack)
    Phase.objects.update(
        closes_at=pack.phases[0].closes_at + timedelta(days=9), freeze_at=pack.phases[0].opens_at
    )
    before = Phase.objects.values().get()
    stored = store(pack)
    assert Phase.objects.values().get() == before
    assert {difference.field for difference in stored.phases[0].kept} == {"closes_at", "freeze_at"}
    assert len(list(notes(stored))) == 2


@pytest.mark.django_db
def test_the_texts_of_a_challenge_follow_the_pack_and_what_people_decided_stays(tmp_path: Path) -> None:
    pack = a_loaded(tmp_path)
    store(pack)
    Challenge.objects.update(is_published=False)
    stored = store(replace(pack, title="Otro", statement="Otro enunciado."))
    challenge = Challenge.objects.get()
    assert (challenge.title, challenge.statement) == ("Otro", "Otro enunciado.")
    assert not challenge.is_published
    assert [change.field for change in stored.changed] == ["title", "statement"]
    assert not stored.changed_nothing


@pytest.mark.django_db
def test_a_phase_that_the_pack_no_longer_names_stays_and_is_told(tmp_path: Path) -> None:
    pack = a_pack_that_opens(timedelta(days=1), tmp_path)
    store(pack)
    stored = store(with_phase(pack, slug="final"))
    assert set(Phase.objects.values_list("slug", flat=True)) == {"abierta", "final"}
    assert list(notes(stored)) == ["La fase «abierta» no está en el paquete y se queda como estaba."]


@pytest.mark.django_db
def test_an_evidence_grade_from_outside_is_for_new_phases_alone(tmp_path: Path) -> None:
    pack = a_pack_that_opens(timedelta(days=1), tmp_path)
    store(pack, evidence_grade=EvidenceGrade.C)
    assert Phase.objects.get().evidence_grade == "C"
    before = everything()
    for grade in (EvidenceGrade.C, EvidenceGrade.D):
        assert store(pack, evidence_grade=grade).changed_nothing
    assert everything() == before
    store(pack)
    assert Phase.objects.get().evidence_grade == "E"


@pytest.mark.django_db(transaction=True)
def test_two_that_store_the_same_pack_at_once_make_one_challenge(tmp_path: Path) -> None:
    pack = a_loaded(tmp_path)
    results = in_parallel(*[lambda: store(pack)] * 4)
    assert not errors_in(results)
    assert [
        Challenge.objects.count(),
        Suite.objects.count(),
        Case.objects.count(),
        Phase.objects.count(),
    ] == [1, 2, 5, 1]
    assert sorted(stored.changed_nothing for stored in results) == [False, True, True, True]


@pytest.mark.django_db(transaction=True)
def test_two_that_store_other_cases_at_once_make_two_versions(tmp_path: Path) -> None:
    pack = a_pack_that_opens(timedelta(days=1), tmp_path)
    store(pack)
    other = replace(pack, private=replace(pack.private, cases=pack.private.cases[1:]))
    assert not errors_in(in_parallel(lambda: store(with_another_case(pack)), lambda: store(other)))
    versions = Suite.objects.filter(visibility=Visibility.PRIVATE).order_by("version")
    assert [(suite.version, suite.cases.count() in (2, 4)) for suite in versions] == [
        (1, False),
        (2, True),
        (3, True),
    ]


@pytest.mark.django_db
def test_a_pack_that_cannot_be_stored_whole_leaves_nothing(tmp_path: Path) -> None:
    pack = a_loaded(tmp_path)
    before = everything()
    with pytest.raises(IntegrityError):
        store(with_phase(pack, closes_at=pack.phases[0].opens_at))
    assert everything() == before


# --- the command and the demo -----------------------------------------------------------------------------


def run(*arguments: object) -> str:
    told = StringIO()
    call_command("load_pack", *map(str, arguments), stdout=told, no_color=True)
    return told.getvalue()


@pytest.mark.django_db
def test_the_command_says_what_it_made_and_then_that_nothing_changed(tmp_path: Path) -> None:
    pack = a_loaded(tmp_path)
    assert run(tmp_path).splitlines() == [
        "Desafío «Energía» (energia): creado.",
        f"Batería privada, versión 1 (casos: 3): nueva. SHA-256 {pack.private.sha256}",
        f"Batería pública, versión 1 (casos: 2): nueva. SHA-256 {pack.public.sha256}",
        "Fase «abierta»: creada, del 2026-01-01 00:00:00+01:00 al 2036-01-01 00:00:00+01:00, "
        "energía de grado E.",
    ]
    assert run(tmp_path).splitlines() == [
        "Desafío «Energía» (energia): ya estaba.",
        f"Batería privada, versión 1 (casos: 3): ya estaba. SHA-256 {pack.private.sha256}",
        f"Batería pública, versión 1 (casos: 2): ya estaba. SHA-256 {pack.public.sha256}",
        "Fase «abierta»: ya estaba.",
        "No ha cambiado nada.",
    ]


@pytest.mark.django_db
def test_the_command_tells_what_changed_and_what_stayed(tmp_path: Path) -> None:
    run(a_pack(tmp_path))
    changed = MANIFEST.replace("Fase abierta", "Otra").replace('lambda = "0.5"', 'lambda = "1"')
    told = run(a_pack(tmp_path, manifest=changed)).splitlines()
    assert told[-2] == 'Fase «abierta»: «title» pasa de "Fase abierta" a "Otra".'
    assert told[-1].startswith("Aviso: La fase «abierta» abrió el 2026-01-01 00:00:00+01:00 y conserva")


@pytest.mark.django_db
def test_the_command_takes_an_evidence_grade_and_knows_them(tmp_path: Path) -> None:
    assert "energía de grado C." in run(a_pack(tmp_path), "--evidence-grade", "C")
    with pytest.raises(CommandError, match="«Z» no es un grado de evidencia"):
        run(tmp_path, "--evidence-grade", "Z")


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "load_pack", *arguments],
        env={**own, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_checking_needs_no_database(tmp_path: Path) -> None:
    ended = manage(str(a_pack(tmp_path)), "--check", DATABASE_URL="postgres://nobody@127.0.0.1:1/none")
    assert (ended.returncode, ended.stdout) == (
        0,
        "El paquete «energia» está bien. Casos públicos: 2; privados: 3; fases: 1. No se ha guardado nada.\n",
    )


def test_a_wrong_pack_is_told_on_stderr_without_a_traceback(tmp_path: Path) -> None:
    ended = manage(str(a_pack(tmp_path, public="[]\n", statement="")))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "Traceback" not in ended.stderr
    assert ended.stderr.splitlines()[-2:] == [
        "statement.md: está vacío. Escribe el enunciado.",
        "public.jsonl:1: no es un objeto de JSON. La línea debe empezar por «{» y acabar por «}».",
    ]


@pytest.mark.django_db
def test_the_demo_ranks_the_best_energy_figure_of_its_machine(tmp_path: Path) -> None:
    challenge = rows.load_pack(
        a_pack(
            tmp_path, manifest=MANIFEST.replace('policy = "verde"', 'policy = "verde"\nevidence_grade = "A"')
        )
    )
    assert challenge.phases.get().evidence_grade == best_source().grade.value
