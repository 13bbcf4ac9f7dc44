"""One row or more for each grader: a spec, what it expects, an answer that is right, and one that is wrong.

``test_graders_fuzz.py`` asks every grader of the registry for its rows: a new grader adds its own here.
Where a grader takes text, ``SECRET`` stands in what it expects, so that a test sees a reason that tells it;
no wrong answer and no made-up one holds it.
"""

from __future__ import annotations

from typing import Any

SECRET = "zarzaparrilla"
# Graders that refuse every spec where their extra is not installed; their own tests ask them the same.
BEHIND_AN_EXTRA = frozenset({"similarity"})

# The whole spec with its name, what is expected, an answer with grade 1, an answer with a grade below 1.
Sample = tuple[dict[str, Any], Any, str, str]

SAMPLES: dict[str, list[Sample]] = {
    "exact": [
        ({"name": "exact", "accept": ["si"]}, SECRET, f"**{SECRET.title()}.**", "otra cosa"),
        ({"name": "exact", "accents": "ignore"}, "Cigüeña", "cigueña", "cigarra"),
    ],
    "choice": [
        (
            {"name": "choice", "options": {"a": "Hacienda", "b": SECRET, "c": "1,5 kWh"}},
            "b",
            "la b)",
            "a o b",
        ),
    ],
    "number": [
        ({"name": "number", "unit": "kWh", "tolerance": {"relative": 0.01}}, 1234.5, "1.234,5 kWh", "12 h"),
        ({"name": "number"}, {"min": "10", "max": "12.5"}, "doce", "13"),
    ],
    "token_f1": [
        ({"name": "token_f1"}, ["apagar la luz", SECRET], "apagar luz", "encender la luz"),
    ],
    "date": [
        ({"name": "date"}, "2026-03-15", "el 15 de marzo de 2026", "16/03/2026"),
        ({"name": "date", "year": 2026, "order": "mdy"}, "2026-03-15", "03/15", "15 de abril"),
    ],
    "duration": [
        ({"name": "duration"}, "PT1H30M", "hora y media", "1 h 40 min"),
        ({"name": "duration", "working_days": True}, "P10D", "diez días hábiles", "10 días naturales"),
    ],
    "regex": [
        ({"name": "regex", "case": "ignore"}, f"{SECRET}|[0-9]{{4}}-[A-Z]", "2026-b", "2026"),
        ({"name": "regex", "match": "search"}, f"(?:{SECRET}|c){{1,9}}[0-9]+", "el c12", "el d12"),
    ],
    "length": [
        ({"name": "length", "max_words": 3, "min_characters": 2, "max_lines": 1}, None, "sí, claro", "x"),
        ({"name": "length", "min_sentences": 2}, None, "Uno. Dos.", "Uno."),
    ],
    "format": [
        ({"name": "format", "kind": "json"}, None, '{"a": [1, 2]}', "{'a': 1}"),
        ({"name": "format", "kind": "bullets", "items": 2}, None, "- uno\n- dos", "- uno"),
        ({"name": "format", "kind": "numbered"}, None, "1. uno\n2. dos", "1. uno\n3. dos"),
        ({"name": "format", "kind": "table"}, None, "| a | b |\n|---|---|\n| 1 | 2 |", "a b"),
        ({"name": "format", "kind": "no_digits"}, None, "doce", "12"),
    ],
    "refusal": [
        ({"name": "refusal"}, "abstains", "El texto no lo dice.", "Son 12."),
        ({"name": "refusal"}, "answers", "Son 12.", "No lo sé."),
    ],
    "all": [
        (
            {
                "name": "all",
                "of": [
                    {"spec": {"name": "exact", "accept": ["sí"]}, "expected": SECRET},
                    {"spec": {"name": "length", "max_words": 2}, "expected": None},
                ],
            },
            None,
            "Sí.",
            "Sí, sí, sí.",
        ),
    ],
    "any": [
        (
            {
                "name": "any",
                "of": [
                    {"spec": {"name": "exact"}, "expected": SECRET},
                    {"spec": {"name": "number"}, "expected": 12},
                ],
            },
            None,
            "12",
            "13",
        ),
    ],
    "weighted": [
        (
            {
                "name": "weighted",
                "of": [
                    {"spec": {"name": "token_f1"}, "expected": [SECRET, "12 luces"], "weight": 2},
                    {"spec": {"name": "number"}, "expected": 12},
                ],
            },
            None,
            "12 luces",
            "12 sombras",
        ),
    ],
    "first": [
        (
            {
                "name": "first",
                "of": [
                    {"spec": {"name": "token_f1"}, "expected": [SECRET, "la grande"]},
                    {
                        "spec": {"name": "choice", "options": {"a": "alta", "b": SECRET}},
                        "expected": "b",
                    },
                ],
            },
            None,
            "(b)",
            "(a)",
        ),
    ],
    "set_f1": [
        ({"name": "set_f1"}, ["DNI", ["padrón", "censo"], SECRET], f"{SECRET}, DNI y padrón", "DNI"),
        ({"name": "set_f1", "separator": "|", "accents": "ignore"}, ["DNI", "padrón"], "padron|dni", "foto"),
    ],
    "list_f1": [
        ({"name": "list_f1"}, ["abrir", SECRET, "abrir"], f"1. abrir\n2. {SECRET}\n3. abrir", "abrir"),
    ],
    "rouge_l": [
        ({"name": "rouge_l"}, ["apagar la luz", f"tomar {SECRET}"], "Apagar la luz.", "la luz apagar"),
    ],
    "chrf": [
        ({"name": "chrf"}, ["Ġżħ ŧłđ", f"¿{SECRET}?"], "Ġżħ ŧłđ", "otra cosa"),
    ],
    "bleu": [
        ({"name": "bleu"}, ["Ġżħ ŧłđ", f"¿{SECRET}?"], "Ġżħ ŧłđ", "otra cosa"),
    ],
    "json_fields": [
        (
            {"name": "json_fields", "schema": {"type": "object", "required": ["tema"]}, "strict": True},
            {"tema": SECRET, "plazo": 10, "urgente": False},
            f'```json\n{{"tema": "{SECRET}", "plazo": 10.0, "urgente": false}}\n```',
            '{"tema": "otra cosa", "plazo": 10}',
        ),
        (
            {"name": "json_fields", "graders": {"pide": {"name": "set_f1"}}},
            {"pide": ["DNI", SECRET]},
            f'{{"pide": ["{SECRET}", "DNI"]}}',
            '{"pide": NaN}',
        ),
    ],
    "table": [
        (
            {"name": "table", "key": "calle", "graders": {"horas": {"name": "number", "unit": "h"}}},
            [{"calle": SECRET, "horas": 12}, {"calle": "Mayor", "horas": 1.5}],
            f"| Calle | Horas |\n|---|---|\n| Mayor | 90 min |\n| {SECRET} | 12 |",
            "calle;horas\nMayor;2",
        ),
    ],
}
