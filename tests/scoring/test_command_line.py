"""``python -m scoring`` as a person runs it: verbs, exit codes, pipes, and the sentences that it says."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from scoring import __main__ as program
from scoring.commands import cost, grade, lint
from scoring.commands.words import WHAT, sentence
from scoring.energy import calibration_file
from scoring.energy.token_model import DEFAULT_CPU, call_mj
from scoring.inference import chat_formats
from scoring.inference.token_counts import estimated
from scoring.values import Message, Problem, TokenUse
from tests.scoring.calibrations import a_calibration
from tests.scoring.grader_samples import SAMPLES
from tests.scoring.small_tokenizers import a_tokenizer, a_tokenizer_file

ROOT = Path(__file__).parents[2]
Told = tuple[int, str, str]


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "scoring", *arguments]
    return subprocess.run(command, cwd=ROOT, input=stdin, capture_output=True, check=False, timeout=60)


# --- the verbs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), ("califica",), ("--version",)])
def test_a_verb_that_is_none_is_answered_with_those_that_are(
    arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(arguments) == 2
    told = capsys.readouterr().err
    assert all(verb in told for verb in ("recompute", "verify", "grade", "rank", "lint", "cost"))


def test_help_is_not_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--help"]) == 0
    assert "lint" in capsys.readouterr().out


def test_an_auditor_s_verb_imports_none_of_the_others(tmp_path: Path) -> None:
    code = (
        "import sys; from scoring.__main__ import main; code = main(['verify', sys.argv[1]]);"
        "heavy = {'scoring.commands', 'scoring.inference', 'httpx', 'numpy'} & set(sys.modules);"
        "sys.exit(f'{code} {heavy}')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, check=False
    )
    assert ended.stderr.decode().splitlines()[-1] == "2 set()"


@pytest.mark.parametrize("verb", ["grade", "lint", "cost"])
def test_wrong_arguments_are_answered_with_how_it_is_written(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {"grade": grade, "lint": lint, "cost": cost}[verb].main(["--nada"]) == 2
    assert capsys.readouterr().err.startswith(f"Escribe python -m scoring {verb} ")


def test_in_a_pipe_it_ends_with_its_reader_and_says_nothing() -> None:
    line = json.dumps({"answer": "sí", "expected": "sí"}).encode() + b"\n"
    command = [sys.executable, "-m", "scoring", "grade", "--grader", "exact"]
    # What makes Python write without a buffer would hide a line that is kept back.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        # A line that never comes must not be waited for for ever.
        watch = threading.Timer(60, running.kill)
        watch.daemon = True
        watch.start()
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdin.write(line)
        running.stdin.flush()
        # The line is there though the input has not ended: it is no batch.
        assert json.loads(running.stdout.readline())["grade"] == 1
        running.stdout.close()
        running.stdin.write(line)
        running.stdin.close()
        assert running.stderr.read() == b""
        assert running.wait(30) != 0
        watch.cancel()


def test_rank_is_reached_through_the_program() -> None:
    ended = run("rank", stdin=b"{")
    assert ended.returncode == 2
    assert ended.stderr
    assert b"Traceback" not in ended.stderr


# --- grade --------------------------------------------------------------------------------------------------


@pytest.fixture
def graded(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Any:
    def ask(lines: Sequence[Any], *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
        written = (line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
        text = b"".join(each + b"\n" for each in written)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        out = io.TextIOWrapper(io.BytesIO())
        monkeypatch.setattr(sys, "stdout", out)
        code = grade.main(arguments)
        told = [json.loads(line) for line in out.buffer.getvalue().splitlines()]
        return code, told, capfdbinary.readouterr().err.decode()

    return ask


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_every_grader_grades_its_own_samples(graded: Any, name: str) -> None:
    for spec, expected, right, wrong in SAMPLES[name]:
        options = {option: value for option, value in spec.items() if option != "name"}
        lines = [{"answer": answer, "expected": expected} for answer in (right, wrong)]
        code, told, err = graded(lines, "--grader", name, "--spec", json.dumps(options))
        assert (code, err) == (0, "")
        assert told[0]["grade"] == 1
        assert told[1]["grade"] < 1
        assert all(each["reason"] for each in told)


def test_a_grade_is_a_number_with_the_digits_of_the_record(graded: Any) -> None:
    line = {"answer": "apagar luz", "expected": "apagar la luz del pasillo hoy"}
    _, [told], _ = graded([line], "--grader", "token_f1")
    assert str(told["grade"]) == f"{told['grade']:.6f}".rstrip("0")
    assert set(told) <= {"grade", "reason", "evidence"}


def test_a_line_may_bring_its_own_spec(graded: Any) -> None:
    lines = [
        {"answer": "si", "expected": "sí", "spec": {"accents": "ignore"}},
        {"answer": "doce", "expected": 12, "spec": {"name": "number"}},
        {"answer": "si", "expected": "sí"},
    ]
    code, told, _ = graded(lines, "--grader", "exact")
    assert code == 0
    assert [each["grade"] for each in told] == [1, 1, 0]


def test_blank_lines_are_nothing_and_numbers_are_those_of_the_file(graded: Any) -> None:
    code, told, err = graded([b"", b"  ", b"{"], "--grader", "exact")
    assert code == 1
    assert [each["error"].partition(":")[0] for each in told] == ["línea 3"]
    assert err.startswith("línea 3: no es JSON a partir de la columna 2")


DEEP = b'{"answer": "x", "expected": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (b"[]", "objeto"),
        (b'{"answer": 1, "expected": "x"}', "«answer»"),
        (b'{"expected": "x"}', "«answer»"),
        (b'{"answer": "x", "expcted": "x"}', "«expcted»"),
        (b'{"answer": "x", "expected": NaN}', "NaN"),
        (b'{"answer": "x", "answer": "y", "expected": "x"}', "dos veces"),
        (b'{"answer": "x", "expected": "x", "spec": 3}', "«spec»"),
        (b'{"answer": "x", "expected": "x", "spec": {"name": "no"}}', "«name»"),
        (b'{"answer": "x", "expected": "x", "spec": {"acent": "no"}}', "«acent»"),
        (b'{"answer": "x", "expected": ["x"]}', "«expected"),
        (b'{"answer": "x", "expected": ' + b"9" * 5_000 + b"}", "cifras"),
        (b'{"answer": "\xff", "expected": "x"}', "UTF-8"),
        (DEEP, "niveles"),
        (b'{"answer": "' + b"x" * grade.MAX_LINE_BYTES + b'", "expected": "x"}', "bytes"),
    ],
)
def test_a_line_that_cannot_be_graded_leaves_an_error_in_its_place_and_the_rest_is_graded(
    graded: Any, line: bytes, word: str
) -> None:
    good = {"answer": "x", "expected": "x"}
    code, told, err = graded([good, line, good], "--grader", "exact")
    assert code == 1
    assert [each.get("grade") for each in told] == [1, None, 1]
    assert set(told[1]) == {"error"}
    assert told[1]["error"] == err.strip()
    assert err.startswith("línea 2: ")
    assert word in err


def test_half_a_character_comes_out_as_it_came_in(graded: Any) -> None:
    line = b'{"answer": "uno \\ud800", "expected": "dos"}'
    code, told, _ = graded([line], "--grader", "exact")
    assert code == 0
    assert told[0]["grade"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--grader", "exacto"), "--grader: Escribe uno de estos correctores: "),
        (("--grader", "exact", "--spec", '{"acent": 1}'), "--spec, «acent»: Quítala"),
        (("--grader", "exact", "--spec", '{"accents": 7}'), "--spec, «accents»: "),
        (("--grader", "exact", "--spec", "[]"), "--spec: debe ser un objeto"),
        (("--grader", "exact", "--spec", "{"), "--spec: no es JSON"),
    ],
)
def test_what_can_grade_nothing_is_told_before_a_line_is_read(
    graded: Any, arguments: Sequence[str], words: str
) -> None:
    code, told, err = graded([{"answer": "x", "expected": "x"}], *arguments)
    assert (code, told) == (2, [])
    assert err.startswith(words)


# --- lint ---------------------------------------------------------------------------------------------------

GOOD = {"system": "", "user": "{{pregunta}}", "sampling": {"max_output_tokens": 8}}


@pytest.fixture
def linted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def ask(content: Any, *arguments: str) -> Told:
        file = tmp_path / "envio.json"
        file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        code = lint.main([str(file), *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return ask


def a_public_file(folder: Path, *texts: str) -> Path:
    path = folder / "public.jsonl"
    cases = [
        {"key": f"c{n}", "inputs": {"pregunta": text}, "expected": "sí", "grader": {"name": "exact"}}
        for n, text in enumerate(texts)
    ]
    path.write_text("\n".join(map(json.dumps, cases)))
    return path


def test_a_submission_without_problems_is_told_nothing(linted: Any) -> None:
    assert linted(GOOD, "--slots", "pregunta") == (0, "", "")


def test_every_problem_is_a_line_with_field_and_line(linted: Any) -> None:
    code, out, _ = linted({**GOOD, "user": "Hola\n{{otra}}", "system": "a\u200b"}, "--slots", "pregunta")
    assert code == 1
    assert out.splitlines() == [
        "system, línea 1: hay un carácter invisible (U+200B, columna 2). Bórralo.",
        "user, línea 2: no existe el hueco «otra». Los que hay: «pregunta».",
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"user": "hola",\n "system" "x"}', "envio.json: no es JSON a partir de la línea 2, columna 11."),
        (b'{"user": "a", "user": "b"}', "«user» está dos veces"),
        (b"[]", "no es un objeto"),
        (b"[" * 900 + b"]" * 900, "no es un objeto"),
        (b'{"user": ' + b"[" * 900 + b"]" * 900 + b"}", ""),
        (b'{"user": ' + b"[" * 100_000, "niveles"),
        (b'{"user": "\\ud800"}', "user: hay medio carácter"),
    ],
)
def test_where_it_is_no_json_its_own_line_and_column_are_told(
    linted: Any, content: bytes, words: str
) -> None:
    code, out, _ = linted(content)
    assert code == 1
    assert words in out


def test_without_slots_their_names_are_taken_as_they_are_and_that_is_said(linted: Any) -> None:
    code, out, err = linted(GOOD)
    assert (code, out) == (0, "")
    assert "no se mira" in err


def test_the_kind_is_that_of_the_fields_unless_it_is_given(linted: Any) -> None:
    steps = {"steps": [{"name": "uno", "user": "{{pregunta}} {{paso_dos}}"}]}
    code, out, _ = linted(steps, "--slots", "pregunta")
    assert code == 1
    assert out.startswith("steps.0.user, línea 1: no existe el hueco «paso_dos»")
    code, out, _ = linted(steps, "--kind", "prompt")
    assert "no existe el campo «steps»" in out


def test_a_step_that_is_not_there_is_no_slot_of_the_challenge(linted: Any) -> None:
    code, out, _ = linted({"steps": [{"name": "uno", "user": "{{pregunta}} {{paso_dos}}"}]})
    assert code == 1
    assert "«paso_dos»" in out


def test_examples_are_looked_up_among_the_public_cases(linted: Any, tmp_path: Path) -> None:
    public = str(a_public_file(tmp_path, "¿sí?", "¿no?"))
    examples = [{"public": "c1"}]
    assert linted({**GOOD, "examples": examples}, "--public", public) == (0, "", "")
    code, out, _ = linted({**GOOD, "examples": [{"public": "c9"}]}, "--public", public)
    assert code == 1
    assert out == "examples.0.public: no hay ningún caso público «c9». Los hay como «c0», «c1».\n"


def test_limits_are_the_phase_s_where_they_are_given(linted: Any) -> None:
    code, out, _ = linted(GOOD, "--slots", "pregunta", "--limits", '{"max_output_tokens": 4}')
    assert code == 1
    assert out == "sampling.max_output_tokens: debe estar entre 1 y 4.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--limits", '{"max_token": 4}'), "no existe «max_token»"),
        (("--limits", '{"max_lines": -1}'), "número entero"),
        (("--limits", '{"max_lines": true}'), "número entero"),
        (("--limits", "4"), "objeto"),
        (("--public", "/no/hay"), "/no/hay: no existe"),
        (("--kind", "poema"), "Escribe python -m scoring lint"),
    ],
)
def test_what_cannot_be_looked_at_ends_with_2(linted: Any, arguments: Sequence[str], words: str) -> None:
    code, out, err = linted(GOOD, *arguments)
    assert (code, out) == (2, "")
    assert words in err


def test_a_bad_line_of_the_public_cases_is_named(linted: Any, tmp_path: Path) -> None:
    public = a_public_file(tmp_path, "¿sí?")
    public.write_text(public.read_text() + '\n{"key": 3}')
    code, _, err = linted(GOOD, "--public", str(public))
    assert code == 2
    assert "public.jsonl, línea 2" in err


def test_a_file_that_is_no_text_is_refused_with_its_line(linted: Any) -> None:
    code, _, err = linted(b'{\n"user": "\xff"}')
    assert code == 2
    assert "línea 2: no es texto en UTF-8" in err


CODE = re.compile(r"[a-z_]{3,}")


def codes_of(folder: Path) -> set[str]:
    """Every text that a module gives as a ``code``, returns as one or hands to a function that notes it."""
    found = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "code":
                found |= _texts(node.value)
            elif isinstance(node, ast.FunctionDef) and node.name == "_code":
                returned = (each for each in ast.walk(node) if isinstance(each, ast.Return))
                found |= {text for each in returned for text in _texts(each)}
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "_note":
                found |= _texts(node.args[1])
    return found


def _texts(node: ast.AST) -> set[str]:
    constants = (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))
    return {value for value in constants if isinstance(value, str) and CODE.fullmatch(value)}


def test_every_code_that_a_submission_can_have_has_a_sentence() -> None:
    codes = codes_of(ROOT / "scoring" / "solutions") | codes_of(ROOT / "scoring" / "commands")
    assert {"bidi_character", "one_of", "required", "bad_pattern", "not_text"} <= codes
    assert codes == set(WHAT)


@pytest.mark.parametrize("code", [*WHAT, "nunca_visto"])
def test_a_sentence_is_whole_though_a_param_is_missing(code: str) -> None:
    told = sentence(Problem(field="user", code=code, line=3))
    assert told.startswith("user, línea 3: ")
    assert told.endswith(".")
    assert "{{" not in told or code == "bad_slot_syntax"


# --- cost ---------------------------------------------------------------------------------------------------


@pytest.fixture
def costed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def ask(content: Any, *arguments: str) -> Told:
        file = tmp_path / "envio.json"
        file.write_text(json.dumps(content))
        tokenizer = a_tokenizer_file(tmp_path)
        public = a_public_file(tmp_path, "¿la luz?", "¿la casa de la luz?")
        chosen = () if "--pack" in arguments else ("--public", str(public))
        code = cost.main([str(file), "--tokenizer", str(tokenizer), *chosen, *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return ask


def rendered(*texts: str) -> list[int]:
    messages = [(Message(role="user", content=text),) for text in texts]
    return [len(a_tokenizer().encode(chat_formats.render(each, "alia")).ids) for each in messages]


def test_every_public_case_is_counted_with_the_tokenizer(costed: Any, tmp_path: Path) -> None:
    counts = rendered("¿la luz?", "¿la casa de la luz?")
    code, out, err = costed(GOOD, "--json", "--dialect", "completion")
    assert (code, err) == (0, "")
    most_mj = sum(
        call_mj(DEFAULT_CPU, TokenUse(prompt_tokens=count, completion_tokens=8)) for count in counts
    )
    assert json.loads(out) == {
        "kind": "prompt",
        "cases": 2,
        "calls_per_case": 1,
        "basis": "tokenizer",
        "prompt_tokens_low": sum(counts),
        "prompt_tokens_high": sum(counts),
        "longest_prompt_tokens": max(counts),
        "output_tokens_at_most": 16,
        "at_most_mj": most_mj,
        "evidence_grade": "E",
        "model": DEFAULT_CPU.version,
        "interval_mj": None,
        "interval_is_sure": None,
    }
    assert json.loads(costed(GOOD, "--json", "--dialect", "completion", "--pack", str(tmp_path))[1]) == (
        json.loads(out)
    )


def test_a_person_is_told_in_spanish(costed: Any) -> None:
    _, out, _ = costed(GOOD, "--dialect", "completion")
    assert f"Tokens que lee: {sum(rendered('¿la luz?', '¿la casa de la luz?'))} (contados con" in out
    assert "Tokens que escribe: 16 como mucho." in out
    assert "estimación, no medida" in out


def test_a_pipeline_s_later_calls_are_within_its_bound(costed: Any) -> None:
    steps = [
        {"name": "uno", "user": "{{pregunta}}", "sampling": {"max_output_tokens": 8}},
        {"name": "dos", "user": "{{paso_uno}}", "sampling": {"max_output_tokens": 2}},
    ]
    told = json.loads(costed({"steps": steps}, "--json", "--dialect", "completion")[1])
    counts = rendered("¿la luz?", "¿la casa de la luz?")
    later = estimated(characters=0, turns=1).high + 8
    assert (told["basis"], told["calls_per_case"]) == ("estimate", 2)
    assert (told["prompt_tokens_low"], told["prompt_tokens_high"]) == (sum(counts), sum(counts) + 2 * later)
    assert told["output_tokens_at_most"] == 2 * (8 + 2)


def test_a_calibration_tells_an_interval(costed: Any, tmp_path: Path) -> None:
    file = tmp_path / "calibrado.json"
    file.write_text(calibration_file.dump(a_calibration()))
    told = json.loads(costed(GOOD, "--json", "--calibration", str(file))[1])
    low, high = told["interval_mj"]
    assert low < high
    assert told["evidence_grade"] == "D"
    assert told["interval_is_sure"] is False  # shorter than any calibrated call


def test_examples_are_counted_as_turns(costed: Any) -> None:
    few = {**GOOD, "examples": [{"public": "c0"}]}
    more, one = (json.loads(costed(each, "--json")[1]) for each in (few, GOOD))
    assert more["prompt_tokens_low"] > one["prompt_tokens_low"]


def test_what_could_not_be_handed_in_has_no_cost(costed: Any) -> None:
    code, out, _ = costed({**GOOD, "user": "{{otra}}"})
    assert code == 1
    assert "envio.json: user, línea 1: no existe el hueco «otra»" in out


@pytest.mark.parametrize(
    ("option", "words"), [("--calibration", "calibra"), ("--tokenizer", "tokenizer.json de «tokenizers»")]
)
def test_a_file_that_is_something_else_is_named(costed: Any, tmp_path: Path, option: str, words: str) -> None:
    other = tmp_path / "otro.json"
    other.write_text("{}")
    code, _, err = costed(GOOD, option, str(other))
    assert code == 2
    assert err.startswith("otro.json, ")
    assert words in err


def test_the_program_runs_without_settings_or_a_database() -> None:
    ended = run("lint", "packs/energia-casa-oficina/public.jsonl")
    assert ended.returncode == 1
    assert "línea 2" in ended.stdout.decode()
