"""Claims on ``python -m scoring rank``: one board for one text, and every mistake told with row and field."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scoring import rank_command
from scoring.rank_command import CANNOT, WELL, BadRows, answer, main, ordinal_range
from tests.scoring.uncertain_rows import QUALITY_ONLY, SEED, VERDE

ROOT = Path(__file__).resolve().parents[2]


def a_text(**changes: Any) -> dict[str, Any]:
    return {
        "policy": "verde",
        "parameters": VERDE,
        "seed": SEED,
        "resamples": 199,
        "rows": [
            {"id": "ana", "cases": [1, 0.5, 1, 0.25], "energy_mj": [200_000, 210_000]},
            {"id": "blas", "cases": [0, 0.5, 0.5, 0.25], "energy_mj": [100_000]},
        ],
    } | changes


def answered(text: Any) -> dict[str, Any]:
    return answer(json.dumps(text).encode())


def row(**changes: Any) -> dict[str, Any]:
    return {"id": "ana", "cases": [1, 0.5], "energy_mj": [200_000]} | changes


def test_a_row_says_place_range_score_and_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "filas.json"
    file.write_text(json.dumps(a_text()))
    assert main([str(file)]) == WELL
    told = json.loads(capsys.readouterr().out)
    first = told["rows"][0]
    assert (told["policy"], told["seed"], told["resamples"], told["cases"]) == ("verde", SEED, 199, 4)
    assert (first["id"], first["rank"], first["rank_range"], first["rank_range_text"]) == (
        *("ana", 1, [1, 2], "1.º–2.º"),
    )
    assert (first["quality"], first["energy_mj"], first["tied"], first["tie_group"]) == (
        *("0.687500", 205_000, True, 1),
    )
    assert float(first["interval"]["low"]) <= float(first["score"]) <= float(first["interval"]["high"])
    assert first["interval"]["kind"] == "percentile"


def test_rows_come_through_the_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(a_text()).encode())))
    assert main([]) == WELL
    assert json.loads(capsys.readouterr().out) == answered(a_text())


def test_the_order_of_rows_and_of_cases_with_keys_does_not_matter() -> None:
    chance = random.Random(1)
    rows = [
        {
            "id": id,
            "cases": [
                {"key": f"c{at:02d}", "grade": chance.choice([0, 0.5, 1]), "weight": 1 + at % 3}
                for at in range(25)
            ],
            "energy_mj": [200_000],
        }
        for id in ("ana", "blas", "eva", "leo")
    ]
    expected = answered(a_text(rows=rows))
    for each in rows:
        chance.shuffle(each["cases"])  # type: ignore[arg-type]
    chance.shuffle(rows)
    assert answered(a_text(rows=rows)) == expected


def test_who_stands_outside_the_ranking_has_no_range() -> None:
    told = answered(a_text(rows=[row(id="jury", is_ranked=False), row()]))["rows"]
    assert (told[1]["id"], told[1]["rank"], told[1]["rank_range"], told[1]["rank_range_text"]) == (
        *("jury", None, None, ""),
    )


def test_ordinals_of_ranges() -> None:
    assert (ordinal_range(2, 4), ordinal_range(2, 2)) == ("2.º–4.º", "2.º")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ([], "tiene que ser un objeto."),
        (a_text(polcy="verde"), "polcy: no se conoce"),
        (a_text(policy=3), "policy: escribe el nombre"),
        (a_text(policy="azul"), "policy: Escribe una de estas políticas"),
        (a_text(parameters=VERDE | {"q_min": "2"}), "parameters.q_min: "),
        (a_text(parameters=None), "parameters: "),
        (a_text(seed="5E" * 32), "seed: escribe el SHA-256"),
        (a_text(resamples=1), "resamples: escribe un número entero"),
        (a_text(rows=[]), "rows: "),
        (a_text(rows=[3]), "rows.0.id: "),
        (a_text(rows=[row(), row(id="")]), "rows.1.id: "),
        (a_text(rows=[row(id="a\nb")]), "rows.0.id: "),
        (a_text(rows=[row(id="\ud800")]), "rows.0.id: "),
        (a_text(rows=[row(), row()]), "fila «ana» · id: este id está dos veces."),
        (a_text(rows=[row(energia=3)]), "fila «ana» · energia: no se conoce"),
        (a_text(rows=[row(energy_mj=200_000)]), "fila «ana» · energy_mj: "),
        (a_text(rows=[row(energy_mj=[200_000, 0])]), "fila «ana» · energy_mj.1: "),
        (a_text(rows=[row(energy_mj=[True])]), "fila «ana» · energy_mj.0: "),
        (a_text(rows=[row(energy_mj=[1] * 101)]), "fila «ana» · energy_mj: "),
        (a_text(rows=[row(prompt_tokens=-1)]), "fila «ana» · prompt_tokens: "),
        (a_text(rows=[row(tiebreak=1)]), "fila «ana» · tiebreak: "),
        (a_text(rows=[row(is_ranked=1)]), "fila «ana» · is_ranked: "),
        (a_text(rows=[row(cases=[])]), "fila «ana» · cases: "),
        (a_text(rows=[row(cases=[1, 1.5])]), "fila «ana» · cases.1: escribe una nota de 0 a 1"),
        (a_text(rows=[row(cases=[0.1234567])]), "fila «ana» · cases.0: "),
        (a_text(rows=[row(cases=[True])]), "fila «ana» · cases.0: "),
        (a_text(rows=[row(cases=["1"])]), "fila «ana» · cases.0: "),
        (a_text(rows=[row(cases=[{"grade": 1, "weight": 0}])]), "fila «ana» · cases.0.weight: "),
        (a_text(rows=[row(cases=[{"grade": 1, "key": ""}])]), "fila «ana» · cases.0.key: "),
        (a_text(rows=[row(cases=[{"wieght": 1, "grade": 1}])]), "fila «ana» · cases.0.wieght: "),
        (a_text(rows=[row(cases=[{"grade": 1, "key": "a"}, 1])]), "fila «ana» · cases.1: le falta «key»"),
        (a_text(rows=[row(cases=[{"grade": 1, "key": "a"}] * 2)]), "fila «ana» · cases: el caso «a»"),
        (a_text(rows=[row(), row(id="eva", cases=[1])]), "fila «eva» · cases: hay 1 casos, y 2"),
        (
            a_text(rows=[row(), row(id="eva", cases=[1, {"grade": 1, "weight": 2}])]),
            "fila «eva» · cases: no son los pesos",
        ),
        (
            a_text(rows=[row(id=id, cases=[{"grade": 1, "key": id}]) for id in ("ana", "eva")]),
            "fila «eva» · cases: no son los casos",
        ),
        (a_text(rows=[row(cases=[1, {"grade": 1, "weight": 999_999}])]), "cases.weight: los pesos"),
    ],
)
def test_what_is_wrong_is_told_with_its_row_and_field(text: Any, told: str) -> None:
    with pytest.raises(BadRows) as wrong:
        answered(text)
    assert str(wrong.value).startswith(told)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"policy": "verde",\n "rows": [}', "no es JSON (línea 2, columna 11)."),
        (b"\xff", "no es UTF-8 (byte 1)."),
        (b'{"rows": [NaN]}', "NaN no es un número de JSON."),
        (b'{"rows": [-Infinity]}', "-Infinity no es un número de JSON."),
        (b"[" * 200_000, "no es JSON que podamos leer: tiene demasiados niveles."),
        (b'{"resamples": ' + b"9" * 5000 + b"}", "tiene un número con demasiadas cifras."),
        (b"", "no es JSON (línea 1, columna 1)."),
    ],
)
def test_what_is_no_json_is_told_with_its_place(content: bytes, told: str) -> None:
    with pytest.raises(BadRows) as wrong:
        answer(content)
    assert str(wrong.value) == told


@pytest.mark.parametrize("grade", [b"1e-7", b"1e999999999", b"0.0000001", b"-0.5", b"1e-999999999"])
def test_a_grade_out_of_bounds_or_too_fine_is_refused_however_it_is_written(grade: bytes) -> None:
    text = json.dumps(a_text(rows=[row(cases=[0.5])])).encode().replace(b"0.5]", grade + b"]")
    with pytest.raises(BadRows, match=r"cases\.0"):
        answer(text)


def test_a_text_that_is_too_large_is_refused_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rank_command, "MAX_BYTES", 100)
    (tmp_path / "filas.json").write_text(json.dumps(a_text()))
    assert main([str(tmp_path / "filas.json")]) == CANNOT
    assert "MiB" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["no-such-file.json"], ["one", "two"], ["--what"]])
def test_what_cannot_be_done_ends_with_2_and_prints_no_board(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == CANNOT
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1


def test_a_policy_without_parameters_worth_a_word_is_ranked_too() -> None:
    told = answered(a_text(policy="budget", parameters=QUALITY_ONLY))
    assert [each["score"] for each in told["rows"]] == ["68.7500", "31.2500"]


def test_an_auditor_s_recomputation_does_not_load_numpy() -> None:
    asked = "import scoring.rank_command, scoring.record.audit, sys; print('numpy' in sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "False"
