"""Reading a pack: what a right one becomes, and what happens to whatever is none."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from challenges.packs import PackError, load
from challenges.packs.toml_lines import MAX_STATEMENT_LINES, key_lines
from scoring.values import EvidenceGrade
from tests.packs import MANIFEST, a_case, a_loaded, a_pack, lines

ROOT = Path(__file__).resolve().parents[2]
REAL_PACK = ROOT / "packs" / "energia-casa-oficina"


def test_a_right_pack_loads_with_the_defaults_of_the_models(tmp_path: Path) -> None:
    pack = a_loaded(tmp_path)
    assert (pack.slug, pack.title, pack.language, pack.licence) == ("energia", "Energía", "es", "CC0-1.0")
    assert pack.statement == "# Enunciado\n\nResponde bien y gasta poco.\n"
    assert [case.key for case in pack.private.cases] == ["s-1", "s-2", "s-3"]
    assert [case.weight for case in pack.public.cases] == [1, 2]
    assert dict(pack.public.slots) == dict(pack.private.slots)
    (phase,) = pack.phases
    assert phase.opens_at.isoformat() == "2026-01-01T00:00:00+01:00"
    assert (phase.time_zone, phase.evidence_grade) == ("Europe/Madrid", EvidenceGrade.E)
    assert (phase.attempts_per_day, phase.concurrency, phase.case_timeout_s) == (10, 4, 60)
    assert (phase.running_per_participation, phase.energy_purse_mj) == (2, None)


def test_every_field_of_a_phase_can_be_written(tmp_path: Path) -> None:
    written = """\
freeze_at = 2030-01-01T00:00:00Z
time_zone = "Atlantic/Canary"
evidence_grade = "C"
attempts_per_day = 3
attempts_per_phase = 30
running_per_participation = 4
energy_purse_mj = 5_000_000_000_000
max_characters = 900
max_lines = 40
max_output_tokens = 8
concurrency = 2
case_timeout_s = 20
policy = "verde"
"""
    (phase,) = a_loaded(tmp_path, manifest=MANIFEST.replace('policy = "verde"\n', written)).phases
    assert phase.freeze_at is not None
    assert (phase.time_zone, phase.evidence_grade) == ("Atlantic/Canary", EvidenceGrade.C)
    assert (phase.attempts_per_day, phase.attempts_per_phase) == (3, 30)
    assert (phase.running_per_participation, phase.energy_purse_mj) == (4, 5_000_000_000_000)
    assert (phase.max_characters, phase.max_lines, phase.max_output_tokens) == (900, 40, 8)
    assert (phase.concurrency, phase.case_timeout_s) == (2, 20)


def test_windows_line_ends_and_blank_lines_make_no_other_pack(tmp_path: Path) -> None:
    plain = a_loaded(tmp_path / "plain")
    windows = {
        "manifest": MANIFEST.replace("\n", "\r\n"),
        "statement": plain.statement.replace("\n", "\r\n"),
        "public": lines(a_case("p-1"), "", "  \t", a_case("p-2", weight=2)).replace("\n", "\r\n"),
    }
    assert a_loaded(tmp_path / "windows", **windows) == plain


def test_the_order_of_json_fields_makes_no_other_hash_and_any_word_does(tmp_path: Path) -> None:
    first = a_loaded(tmp_path / "1").public.sha256
    turned = json.dumps([a_case("p-1"), a_case("p-2", weight=2)], sort_keys=True)
    assert list(json.loads(turned)[0]["inputs"]) != list(a_case("p-1")["inputs"])
    assert a_loaded(tmp_path / "2", public=lines(*json.loads(turned))).public.sha256 == first
    for number, other in enumerate((a_case("p-2", weight=3), a_case("p-2", weight=2, group="otro")), start=3):
        changed = a_loaded(tmp_path / str(number), public=lines(a_case("p-1"), other))
        assert changed.public.sha256 != first


def test_the_line_of_a_toml_key_is_found_in_every_way_to_write_one() -> None:
    document = '''\
a.b = 1 # [no]
"c d" = """
[no]
e = 2
"""
f = [
  1, # g = 3
]
i = { j = { k = 1 } }

[t]
x = 1
[[p]]
x = 1
[p.q]
x = 1
[[p]]

[[p.r]]
x = 1
'''
    assert key_lines(document) == {
        ("a",): 1,
        ("a", "b"): 1,
        ("c d",): 2,
        ("f",): 6,
        ("i",): 9,
        ("i", "j"): 9,
        ("i", "j", "k"): 9,
        ("t",): 11,
        ("t", "x"): 12,
        ("p",): 13,
        ("p", 0): 13,
        ("p", 0, "x"): 14,
        ("p", 0, "q"): 15,
        ("p", 0, "q", "x"): 16,
        ("p", 1): 17,
        ("p", 1, "r"): 19,
        ("p", 1, "r", 0): 19,
        ("p", 1, "r", 0, "x"): 20,
    }


def test_beside_a_statement_too_long_to_follow_no_line_is_made_up() -> None:
    long = "".join(f"{number},\n" for number in range(MAX_STATEMENT_LINES))
    assert key_lines(f"a = 1\nb = [\n{long}]\nc = 1\n") == {}


def test_the_example_of_the_documentation_is_a_right_pack(tmp_path: Path) -> None:
    written = (ROOT / "docs" / "packs.md").read_text()
    (manifest,) = re.findall(r"```toml\n(.*?)```", written, re.DOTALL)
    (case,) = re.findall(r"```json\n(.*?)```", written, re.DOTALL)
    slots = json.loads(case)["inputs"]
    other = a_case("otro", inputs={slot: "¿Otra pregunta?" for slot in slots})
    pack = a_loaded(tmp_path, manifest=manifest, public=case, private=lines(other))
    assert pack.phases[0].freeze_at is not None
    assert pack.public.cases[0].weight == 2


def test_the_pack_of_the_house_is_right_and_large_enough() -> None:
    pack = load(REAL_PACK)
    assert len(pack.public.cases) >= 60
    assert len(pack.private.cases) >= 60


# --- whatever comes -------------------------------------------------------------------------------------

FILES = ("manifest", "statement", "public", "private")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
CASE_NAMES = st.sampled_from(["key", "group", "inputs", "expected", "grader", "weight", "otra"])
ANY_GRADER = st.fixed_dictionaries(
    {"name": st.sampled_from(["exact", "choice", "number", "token_f1"])},
    optional=dict.fromkeys(("accept", "accents", "options", "unit", "tolerance", "unit_required"), JSON),
)
ANY_CASE = st.dictionaries(CASE_NAMES, JSON) | st.builds(
    lambda grader, expected: a_case("x", grader=grader, expected=expected), ANY_GRADER, JSON
)
TOML_PIECES = st.lists(
    st.sampled_from(
        [*MANIFEST.splitlines(keepends=True), "[", "]", '"', '"""', "=", "\n", "{", "}", "1e9", "\r"]
    ),
    max_size=40,
)
MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def loads_or_tells(folder: Path) -> None:
    try:
        load(folder)
    except PackError as refused:
        error = refused
    else:
        return
    told = str(error).split("\n")
    assert error.problems
    assert len(told) == len(error.problems) + error.has_more
    assert all(line.isprintable() for line in told), told


@pytest.mark.parametrize("name", FILES)
@given(content=st.binary(max_size=400))
@MANY
def test_random_bytes_are_a_pack_or_a_refusal(tmp_path: Path, name: str, content: bytes) -> None:
    loads_or_tells(a_pack(tmp_path, **{name: content}))


@pytest.mark.parametrize("name", FILES)
@given(cut=st.integers(min_value=0), put=st.binary(max_size=4))
@MANY
def test_a_right_file_with_some_bytes_overwritten_is_a_pack_or_a_refusal(
    tmp_path: Path, name: str, cut: int, put: bytes
) -> None:
    path = {"manifest": "challenge.toml", "statement": "statement.md"}.get(name, f"{name}.jsonl")
    right = (a_pack(tmp_path) / path).read_bytes()
    at = cut % len(right)
    loads_or_tells(a_pack(tmp_path, **{name: right[:at] + put + right[at + len(put) :]}))


@given(case=ANY_CASE)
@MANY
def test_any_json_is_a_case_or_a_refusal(tmp_path: Path, case: dict[str, Any]) -> None:
    loads_or_tells(a_pack(tmp_path, public=json.dumps(case)))


@given(pieces=TOML_PIECES)
@MANY
def test_any_pieces_of_toml_are_a_challenge_or_a_refusal(tmp_path: Path, pieces: list[str]) -> None:
    loads_or_tells(a_pack(tmp_path, manifest="".join(pieces)))
