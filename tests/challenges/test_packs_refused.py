"""Everything that a pack may have wrong, each told with its file, its line and how to mend it."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from challenges.packs import PackError, load
from challenges.packs.problems import MAX_PROBLEMS
from scoring.graders import GRADERS
from scoring.policies import POLICIES
from tests.packs import MANIFEST, a_case, a_pack, lines, problems_of

Form = Literal["NFC", "NFD"]

# --- files ----------------------------------------------------------------------------------------------


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert problems_of(tmp_path / "no") == [f"{tmp_path / 'no'}: no existe esta carpeta. Revisa la ruta."]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    a_pack(tmp_path)
    assert "no es una carpeta" in problems_of(tmp_path / "challenge.toml")[0]


def test_every_missing_file_is_told_at_once(tmp_path: Path) -> None:
    assert problems_of(tmp_path) == [
        f"{name}: falta este fichero en el paquete. Créalo."
        for name in ("challenge.toml", "statement.md", "public.jsonl", "private.jsonl")
    ]


@pytest.mark.parametrize("name", ["challenge.toml", "statement.md", "public.jsonl", "private.jsonl"])
def test_bytes_that_are_no_utf8_are_told_with_line_and_column(tmp_path: Path, name: str) -> None:
    path = a_pack(tmp_path) / name
    path.write_bytes(path.read_bytes() + b"\xc3\xb1and\xfa\n")
    number = path.read_bytes().count(b"\n")
    assert f"{name}:{number}: el byte 0xFA de la columna 5 no es UTF-8. Guarda el fichero en UTF-8." in (
        problems_of(tmp_path)
    )


@pytest.mark.parametrize("name", ["challenge.toml", "statement.md", "public.jsonl", "private.jsonl"])
def test_a_bom_is_told(tmp_path: Path, name: str) -> None:
    path = a_pack(tmp_path) / name
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert problems_of(tmp_path) == [
        f"{name}:1: empieza con una marca BOM, que no se ve. Guarda el fichero como UTF-8 sin BOM."
    ]


def test_a_line_of_more_than_64_kb_is_refused(tmp_path: Path) -> None:
    fits = a_case("p-1")
    room = 64 * 1024 - len(json.dumps(fits, ensure_ascii=False).encode())
    fits["inputs"]["opciones"] += "x" * room
    a_pack(tmp_path, public=lines(fits))
    load(tmp_path)
    fits["inputs"]["opciones"] += "x"
    a_pack(tmp_path, public=lines(a_case("p-0"), fits))
    assert problems_of(tmp_path) == ["public.jsonl:2: la línea pasa de 64 KB, el máximo. Acórtala."]


def test_a_file_of_more_than_10_mb_is_refused(tmp_path: Path) -> None:
    a_pack(tmp_path, statement="Largo.\n".ljust(10 * 2**20, "\n"))
    load(tmp_path)
    a_pack(tmp_path, statement="Largo.\n".ljust(10 * 2**20 + 1, "\n"))
    assert problems_of(tmp_path) == ["statement.md: pesa más de 10 MB, el máximo. Hazlo más pequeño."]


def test_a_link_out_of_the_pack_is_refused_and_one_inside_is_not(tmp_path: Path) -> None:
    folder = a_pack(tmp_path / "pack")
    (folder / "enunciado.md").write_text("Dentro.")
    (tmp_path / "fuera.md").write_text("Fuera.")
    (folder / "statement.md").unlink()
    (folder / "statement.md").symlink_to("enunciado.md")
    assert load(folder).statement == "Dentro."
    (folder / "statement.md").unlink()
    (folder / "statement.md").symlink_to(tmp_path / "fuera.md")
    assert problems_of(folder) == [
        "statement.md: es un enlace que sale del paquete. Copia el fichero dentro."
    ]


def test_a_pack_may_itself_be_reached_by_a_link(tmp_path: Path) -> None:
    a_pack(tmp_path / "pack")
    (tmp_path / "link").symlink_to("pack")
    assert load(tmp_path / "link") == load(tmp_path / "pack")


def make_a_loop(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("make", "told"),
    [(Path.mkdir, "no es un fichero"), (os.mkfifo, "no es un fichero"), (make_a_loop, "no se puede llegar")],
)
def test_what_is_no_regular_file_is_refused(tmp_path: Path, make: Callable[[Path], None], told: str) -> None:
    (a_pack(tmp_path) / "public.jsonl").unlink()
    make(tmp_path / "public.jsonl")
    (problem,) = problems_of(tmp_path)
    assert problem.startswith(f"public.jsonl: {told}")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    (a_pack(tmp_path) / "public.jsonl").chmod(0)
    assert problems_of(tmp_path) == ["public.jsonl: no se puede leer. Revisa los permisos del fichero."]


def test_a_statement_without_words_is_refused(tmp_path: Path) -> None:
    a_pack(tmp_path, statement=" \n\n")
    assert problems_of(tmp_path) == ["statement.md: está vacío. Escribe el enunciado."]


def test_an_unseen_character_of_the_statement_is_told_with_its_place(tmp_path: Path) -> None:
    a_pack(tmp_path, statement="# Hola\n\nAh\u200bora\n")
    assert problems_of(tmp_path) == [
        "statement.md:3: hay un carácter invisible, U+200B en la columna 3. Bórralo."
    ]


def test_no_more_is_told_than_anybody_reads(tmp_path: Path) -> None:
    a_pack(tmp_path, public="no\n" * 1000)
    with pytest.raises(PackError) as refused:
        load(tmp_path)
    assert len(refused.value.problems) == MAX_PROBLEMS
    assert refused.value.has_more
    assert str(refused.value).splitlines()[-1] == "Y hay más: corrige estos problemas y vuelve a cargarlo."


# --- cases ----------------------------------------------------------------------------------------------

NOT_CASES: list[tuple[str, dict[str, Any] | str, str]] = [
    ("no JSON", '{"key": "x" "group": 1}', "no es JSON válido en la columna 13: falta una coma"),
    ("cut off", '{"key": "x', "no es JSON válido en la columna 9: un texto empieza aquí y no se cierra"),
    ("two objects", "{} {}", "no es JSON válido en la columna 4: sobra lo que hay detrás"),
    ("a raw tabulator", '{"a": "\t"}', "no es JSON válido en la columna 8: hay un tabulador"),
    ("no object", "[1]", "no es un objeto de JSON. La línea debe empezar por «{» y acabar por «}»."),
    ("a field twice", '{"key": "a", "key": "b"}', "repite el campo «key». Deja solo uno."),
    ("a field twice inside", '{"inputs": {"a": "1", "a": "2"}}', "repite el campo «a». Deja solo uno."),
    ("NaN", '{"expected": NaN}', "NaN no es un número de JSON. Escribe un número."),
    ("beyond floats", '{"expected": 1e999}', "el número 1e999 es demasiado grande. Corrígelo."),
    ("endless digits", '{"expected": ' + "9" * 5000 + "}", "tiene un número demasiado largo. Acórtalo."),
    ("endless levels", "[" * 30_000, "tiene demasiados niveles, unos dentro de otros. Simplifícalo."),
    (
        "unknown field",
        a_case("x", puntos=1),
        "no existe el campo «puntos». Los que hay son «key», «inputs», «expected», «grader», «group», "
        "«weight» y «canary». Corrígelo o quítalo.",
    ),
    *(
        (f"no {name}", a_case("x", **{name: None}), f"falta «{name}». Escríbelo.")
        for name in ("inputs", "grader")
    ),
    ("no key", a_case("x", key=None), "falta «key». Escríbelo."),
    ("no expected", a_case("x", expected=None), "falta «expected». Escríbelo."),
    ("key no text", a_case("x", key=7), "«key» debe ser un texto, entre comillas."),
    ("key empty", a_case("x", key=""), "«key» está vacío. Escribe algo."),
    (
        "key with capitals",
        a_case("x", key="Factura 1"),
        "«key» es «Factura 1», y solo admite letras minúsculas sin acento, cifras y guiones.",
    ),
    (
        "key of two lines",
        a_case("x", key="a\nb"),
        "«key» es «a\N{REPLACEMENT CHARACTER}b», y solo admite letras minúsculas sin acento",
    ),
    ("key too long", a_case("k" * 41), "«key» tiene 41 caracteres y el máximo es 40. Acórtalo."),
    (
        "group too long",
        a_case("x", group="g" * 41),
        "«group» tiene 41 caracteres y el máximo es 40. Acórtalo.",
    ),
    ("group no text", a_case("x", group=[]), "«group» debe ser un texto, entre comillas."),
    ("weight 0", a_case("x", weight=0), "«weight» debe estar entre 1 y 2147483647."),
    ("weight too large", a_case("x", weight=2**31), "«weight» debe estar entre 1 y 2147483647."),
    ("weight 1.5", a_case("x", weight=1.5), "«weight» debe ser un número entero, sin comillas ni decimales."),
    (
        "weight true",
        a_case("x", weight=True),
        "«weight» debe ser un número entero, sin comillas ni decimales.",
    ),
    ("inputs no object", a_case("x", inputs="¿?"), "«inputs» debe ser un objeto con sus campos."),
    (
        "unknown slot",
        a_case("x", inputs={"pregunta": "¿x?", "opciones": "a", "pista": "b"}),
        "«inputs» da el hueco «pista», y los que hay son «pregunta» y «opciones».",
    ),
    (
        "missing slot",
        a_case("x", inputs={"pregunta": "¿x?"}),
        "en «inputs» falta el hueco «opciones». Escríbelo.",
    ),
    (
        "empty input",
        a_case("x", inputs={"pregunta": " ", "opciones": "a"}),
        "«inputs.pregunta» está vacío. Escribe algo.",
    ),
    (
        "input no text",
        a_case("x", inputs={"pregunta": 3, "opciones": "a"}),
        "«inputs.pregunta» debe ser un texto, entre comillas.",
    ),
    (
        "invisible",
        a_case("x", inputs={"pregunta": "Uno\nd\u200bos", "opciones": "a"}),
        "en «inputs.pregunta» hay un carácter invisible, U+200B (línea 2 y columna 2 del texto). Bórralo.",
    ),
    (
        "control",
        a_case("x", inputs={"pregunta": "Uno\r\n", "opciones": "a"}),
        "en «inputs.pregunta» hay un carácter de control, U+000D (línea 1 y columna 4 del texto). Bórralo.",
    ),
    (
        "half a pair",
        '{"key":"x","inputs":{"pregunta":"\\ud800","opciones":"a"},"expected":"a","grader":{"name":"exact"}}',
        "en «inputs.pregunta» hay un carácter de control, U+D800 (línea 1 y columna 1 del texto). Bórralo.",
    ),
    (
        "bidi in the answer",
        a_case("x", expected="a\u202e"),
        "en «expected» hay un carácter que cambia la dirección de lectura, U+202E "
        "(línea 1 y columna 2 del texto). Bórralo.",
    ),
    (
        "a line break in the group",
        a_case("x", group="a\nb"),
        "«group» tiene un salto de línea o un tabulador. Escríbelo en una sola línea.",
    ),
    (
        "invisible in an option",
        a_case("x", grader={"name": "choice", "options": {"a": "Ho\u00adrno", "b": "Led"}}),
        "en «grader.options.a» hay un carácter invisible, U+00AD (línea 1 y columna 3 del texto). Bórralo.",
    ),
    (
        "invisible in a name",
        a_case("x", grader={"name": "exact", "acc\u200bept": []}),
        "en «grader.acc�ept» hay un carácter invisible, U+200B (línea 1 y columna 4 del texto). Bórralo.",
    ),
    (
        "too many levels",
        a_case("x", expected=[[[[[[[[[["a"]]]]]]]]]]),
        "«expected» tiene demasiados niveles, unos dentro de otros. Simplifícalo.",
    ),
    ("grader no object", a_case("x", grader="exact"), "«grader» debe ser un objeto con sus campos."),
    (
        "unknown grader",
        a_case("x", grader={"name": "oráculo"}),
        f"«grader.name»: Escribe uno de estos correctores: {', '.join(GRADERS)}.",
    ),
    (
        "unknown option of a grader",
        a_case("x", grader={"name": "exact", "acepta": ["a"]}),
        "«grader.acepta»: Quítala: las opciones de exact son accents, accept.",
    ),
    (
        "an option without text",
        a_case("x", grader={"name": "choice", "options": {"a": "", "b": "Led"}}),
        "«grader.options.a»: Escribe el texto de la opción.",
    ),
    ("a canary that is no text", a_case("x", canary=7), "«canary» debe ser un texto"),
    (
        "answer that is no option",
        a_case("x", expected="c"),
        "«expected»: Escribe la letra de una opción: a, b.",
    ),
]


@pytest.mark.parametrize(
    ("line", "told"), [case[1:] for case in NOT_CASES], ids=[case[0] for case in NOT_CASES]
)
@pytest.mark.parametrize("name", ["public", "private"])
def test_a_line_that_is_no_case_is_told_with_file_line_and_fix(
    tmp_path: Path, name: str, line: dict[str, Any] | str, told: str
) -> None:
    a_pack(tmp_path, **{name: lines(a_case("primero"), "", line, a_case("ultimo"))})
    problems = problems_of(tmp_path)
    assert any(problem.startswith(f"{name}.jsonl:3: {told}") for problem in problems), problems
    assert all(problem.startswith(f"{name}.jsonl:3: ") for problem in problems)


def test_everything_wrong_with_a_case_is_told_at_once(tmp_path: Path) -> None:
    a_pack(tmp_path, public=lines({"key": "É", "inputs": {"pregunta": ""}, "expected": "z", "weight": "1"}))
    assert len(problems_of(tmp_path)) == 5


@pytest.mark.parametrize("content", ["", "\n \n\r\n"])
@pytest.mark.parametrize("name", ["public", "private"])
def test_a_file_without_cases_is_refused(tmp_path: Path, name: str, content: str) -> None:
    a_pack(tmp_path, **{name: content})
    assert problems_of(tmp_path) == [
        f"{name}.jsonl: no tiene ningún caso. Escribe al menos uno, en una línea."
    ]


def test_a_key_twice_in_a_file_is_told_with_both_lines(tmp_path: Path) -> None:
    a_pack(tmp_path, public=lines("", a_case("factura-01"), a_case("otra"), a_case("factura-01")))
    assert problems_of(tmp_path) == [
        "public.jsonl:4: clave «factura-01» repetida (ya está en la línea 2). Ponle otra."
    ]


def test_a_key_in_both_files_is_told_with_both_places(tmp_path: Path) -> None:
    other = {"pregunta": "¿Otra?", "opciones": "a) Horno\nb) Led"}
    a_pack(tmp_path, private=lines(a_case("s-1"), a_case("p-2", inputs=other)))
    assert problems_of(tmp_path) == [
        "private.jsonl:2: clave «p-2» repetida (ya está en public.jsonl:2). Ponle otra."
    ]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("spaces", ["", " ", "\n"])
def test_a_private_question_that_is_public_too_is_refused(tmp_path: Path, spaces: str, form: Form) -> None:
    leaked = a_case("p-1")["inputs"]
    leaked["pregunta"] = unicodedata.normalize(form, leaked["pregunta"]) + spaces
    a_pack(tmp_path, private=lines(a_case("s-1"), a_case("s-2", inputs=leaked)))
    assert problems_of(tmp_path) == [
        "private.jsonl:2: pregunta lo mismo que public.jsonl:1, que es público. "
        "Cambia o quita uno de los dos."
    ]


# --- challenge.toml -------------------------------------------------------------------------------------

SECOND_PHASE = MANIFEST[MANIFEST.index("[[phases]]") :]
NOT_MANIFESTS: list[tuple[str, str, str, str]] = [
    ("no TOML", "format = 1", "format 1", "1: no es TOML válido en la columna 8. Revisa comillas"),
    (
        "cut off",
        'lambda = "0.5"\n',
        'lambda = "0.5',
        "25: no es TOML válido en la columna 14. Revisa comillas",
    ),
    (
        "a key twice",
        'title = "Energía"',
        'slug = "x"',
        "5: repite una clave o una tabla (columna 11). Deja solo una.",
    ),
    (
        "a table twice",
        "[slots]",
        "[challenge]",
        "10: repite una clave o una tabla (columna 11). Deja solo una.",
    ),
    ("endless digits", "format = 1", "format = " + "9" * 5000, " tiene un número demasiado largo. Acórtalo."),
    ("endless levels", "format = 1", "format = " + "[" * 9000, " tiene demasiados niveles"),
    ("no format", "format = 1", "", " falta «format». Escríbelo."),
    (
        "another format",
        "format = 1",
        "format = 2",
        "1: «format» es 2, y este programa solo conoce format = 1.",
    ),
    ("format no number", "format = 1", "format = true", "1: «format» es True, y este programa solo conoce"),
    (
        "unknown table",
        "[slots]",
        "[premios]\na = 1\n[slots]",
        "10: no existe el campo «premios». Los que hay son",
    ),
    (
        "unknown key",
        'language = "es"',
        'language = "es"\nidioma = "es"',
        "8: no existe el campo «challenge.idioma». Los que hay son «slug», «title», «summary», «language» y "
        "«licence». Corrígelo o quítalo.",
    ),
    *(
        (f"no {name}", f"\n{name} = ", "\n# ", f"3: falta «challenge.{name}». Escríbelo.")
        for name in ("title", "summary", "language", "licence")
    ),
    ("no challenge", "[challenge]", "[[challenge]]", "3: «challenge» debe ser un objeto con sus campos."),
    ("slug", '"energia"', '"Energía"', "4: «challenge.slug» es «Energía», y solo admite letras minúsculas"),
    (
        "slug too long",
        '"energia"',
        f'"{"e" * 61}"',
        "4: «challenge.slug» tiene 61 caracteres y el máximo es 60.",
    ),
    ("title empty", '"Energía"', '""', "5: «challenge.title» está vacío. Escribe algo."),
    ("title no text", '"Energía"', "5", "5: «challenge.title» debe ser un texto, entre comillas."),
    (
        "title too long",
        '"Energía"',
        f'"{"t" * 121}"',
        "5: «challenge.title» tiene 121 caracteres y el máximo es 120.",
    ),
    ("title of lines", '"Energía"', '"a\\nb"', "5: «challenge.title» tiene un salto de línea"),
    (
        "title with the unseen",
        '"Energía"',
        '"a\\u200b"',
        "5: en «challenge.title» hay un carácter invisible, U+200B (línea 1 y columna 2 del texto). Bórralo.",
    ),
    (
        "summary too long",
        '"Preguntas de energía."',
        f'"{"s" * 301}"',
        "6: «challenge.summary» tiene 301 caracteres y el máximo es 300.",
    ),
    ("language", '"es"', '"spa"', "7: «challenge.language» es «spa». Escribe el código del idioma"),
    (
        "licence too long",
        '"CC0-1.0"',
        f'"{"l" * 41}"',
        "8: «challenge.licence» tiene 41 caracteres y el máximo es 40.",
    ),
    ("slot name", "opciones = ", "Opciones = ", "12: el hueco «Opciones» debe empezar por una letra"),
    ("slot without text", '"La pregunta."', '""', "11: «slots.pregunta» está vacío. Escribe algo."),
    ("slot no text", '"La pregunta."', "1", "11: «slots.pregunta» debe ser un texto, entre comillas."),
    ("no slots", "[slots]", "[slot]", " falta «slots». Escríbelo."),
    (
        "empty slots",
        MANIFEST[MANIFEST.index("pregunta =") : MANIFEST.index("[[phases]]")],
        "",
        '10: no hay ningún hueco. Escribe al menos uno: nombre = "descripción".',
    ),
    ("no phases", SECOND_PHASE, "", " no hay ninguna fase. Añade una debajo de una línea [[phases]]."),
    ("phase no array", "[[phases]]", "[phases]", "14: las fases se escriben como tablas"),
    (
        "unknown key of a phase",
        'policy = "verde"',
        'policy = "verde"\nq = 1',
        "20: fase 1: no existe el campo «q».",
    ),
    *(
        (f"no {name} of a phase", f"\n{name} = ", "\n# ", f"14: fase 1: falta «{name}». Escríbelo.")
        for name in ("opens_at", "closes_at", "policy")
    ),
    (
        "no parameters",
        "[phases.policy_parameters]",
        "[otra]",
        "14: fase 1: falta «policy_parameters». Escríbelo.",
    ),
    (
        "two phases of one slug",
        SECOND_PHASE,
        SECOND_PHASE + SECOND_PHASE,
        "27: fase 2: «slug» es «abierta», como en la fase 1. Ponle otro.",
    ),
    ("phase's slug", '"abierta"', '"fase abierta"', "15: fase 1: «slug» es «fase abierta», y solo admite"),
    (
        "phase's title",
        '"Fase abierta"',
        f'"{"t" * 121}"',
        "16: fase 1: «title» tiene 121 caracteres y el máximo",
    ),
    (
        "no offset",
        "opens_at = 2026-01-01T00:00:00+01:00",
        "opens_at = 2026-01-01T00:00:00",
        "17: fase 1: «opens_at» no dice su diferencia con UTC. Añádela al final, como en "
        "2026-01-01T09:00:00+01:00.",
    ),
    (
        "a day",
        "= 2026-01-01T00:00:00+01:00",
        "= 2026-01-01",
        "17: fase 1: «opens_at» debe ser una fecha con hora",
    ),
    (
        "a moment as text",
        "= 2026-01-01T00:00:00+01:00",
        '= "2026-01-01T00:00:00+01:00"',
        "17: fase 1: «opens_at» debe ser una fecha con hora, sin comillas",
    ),
    (
        "the year 1",
        "= 2026-01-01T00:00:00+01:00",
        "= 0001-01-01T00:00:00+14:00",
        "17: fase 1: el año de «opens_at» debe estar entre 2000 y 2100.",
    ),
    (
        "closes before it opens",
        "2036-01-01T00:00:00+01:00",
        "2025-12-31T23:00:00Z",
        "18: fase 1: «closes_at» no es posterior a «opens_at». Corrige una de las dos.",
    ),
    *(
        (
            f"frozen in {year}",
            'policy = "verde"',
            f'policy = "verde"\nfreeze_at = {year}-06-01T00:00:00Z',
            "20: fase 1: «freeze_at» debe caer entre «opens_at» y «closes_at».",
        )
        for year in (2025, 2036)
    ),
    *(
        (
            f"the time zone {zone}",
            'policy = "verde"',
            f'policy = "verde"\ntime_zone = "{zone}"',
            f"20: fase 1: no existe la zona horaria «{zone}». Escríbela como «Europe/Madrid»",
        )
        for zone in ("Europe/Móstoles", "Europe", "../../etc/passwd")
    ),
    (
        "unknown grade of evidence",
        'policy = "verde"',
        'policy = "verde"\nevidence_grade = "F"',
        "20: fase 1: «evidence_grade» es «F», y los grados de evidencia son «A», «B», «C», «D» y «E».",
    ),
    (
        "no attempts",
        'policy = "verde"',
        'policy = "verde"\nattempts_per_day = 0',
        "20: fase 1: «attempts_per_day» debe estar entre 1 y 2147483647.",
    ),
    (
        "no runs at all",
        'policy = "verde"',
        'policy = "verde"\nrunning_per_participation = 0',
        "20: fase 1: «running_per_participation» debe estar entre 1 y 32767.",
    ),
    (
        "an empty purse",
        'policy = "verde"',
        'policy = "verde"\nenergy_purse_mj = 0',
        "20: fase 1: «energy_purse_mj» debe estar entre 1 y 9223372036854775807.",
    ),
    (
        "a purse in words",
        'policy = "verde"',
        'policy = "verde"\nenergy_purse_mj = "mucha"',
        "20: fase 1: «energy_purse_mj» debe ser un número entero, sin comillas ni decimales.",
    ),
    (
        "more at once than the column holds",
        'policy = "verde"',
        'policy = "verde"\nconcurrency = 32768',
        "20: fase 1: «concurrency» debe estar entre 1 y 32767.",
    ),
    (
        "a limit that is a fraction",
        'policy = "verde"',
        'policy = "verde"\nmax_lines = 1.5',
        "20: fase 1: «max_lines» debe ser un número entero, sin comillas ni decimales.",
    ),
    (
        "unknown policy",
        '"verde"',
        '"azul"',
        f"19: fase 1: «policy»: Escribe una de estas políticas: {', '.join(POLICIES)}.",
    ),
    (
        "a parameter that is wrong",
        'q_min = "0.10"',
        "q_min = 0.10",
        '22: fase 1: «policy_parameters.q_min»: Escribe un texto de "0" a "1" con hasta 6 decimales',
    ),
    (
        "ties by nothing that there is",
        'policy = "verde"',
        'policy = "verde"\nties = "nada"',
        "20: fase 1: «ties» es uno de estos: «interval» y «score».",
    ),
    (
        "a kind that there is not",
        'policy = "verde"',
        'policy = "verde"\nkinds = ["python"]',
        "20: fase 1: «kinds» es una lista con uno o más de estos tipos",
    ),
    (
        "a parameter too many",
        'lambda = "0.5"',
        'lambda = "0.5"\nmu = 1',
        "26: fase 1: «policy_parameters.mu»: Quítalo: los parámetros son q_min, e_ref_mj, e_min_mj, lambda.",
    ),
    (
        "a parameter that is missing",
        'q_min = "0.10"',
        "",
        "21: fase 1: «policy_parameters.q_min»: Escribe un texto de",
    ),
    (
        "a parameter that no row can keep",
        'q_min = "0.10"',
        "q_min = 2026-01-01",
        "22: fase 1: «policy_parameters.q_min» es una fecha, que aquí no se puede guardar.",
    ),
    (
        "an endless parameter",
        'q_min = "0.10"',
        "q_min = inf",
        "22: fase 1: «policy_parameters.q_min» no es un número finito. Escribe un número.",
    ),
]


@pytest.mark.parametrize(
    ("right", "wrong", "told"), [case[1:] for case in NOT_MANIFESTS], ids=[case[0] for case in NOT_MANIFESTS]
)
def test_a_challenge_toml_that_is_wrong_is_told_with_line_and_fix(
    tmp_path: Path, right: str, wrong: str, told: str
) -> None:
    assert right in MANIFEST
    a_pack(tmp_path, manifest=MANIFEST.replace(right, wrong, 1))
    problems = problems_of(tmp_path)
    assert any(problem.startswith(f"challenge.toml:{told}") for problem in problems), problems
    assert {problem.partition(":")[0] for problem in problems} == {"challenge.toml"}


def test_of_another_format_nothing_else_is_said(tmp_path: Path) -> None:
    a_pack(tmp_path, manifest='format = 2\nreto = "otro"\n', public="…", private="…")
    assert len(problems_of(tmp_path)) == 1


def test_everything_wrong_in_all_files_is_told_at_once(tmp_path: Path) -> None:
    a_pack(tmp_path, manifest=MANIFEST.replace('"Energía"', "5"), statement="", public="[]", private="{")
    assert [problem.partition(":")[0] for problem in problems_of(tmp_path)] == [
        "challenge.toml",
        "statement.md",
        "public.jsonl",
        "private.jsonl",
    ]
