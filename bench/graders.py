"""Answers a second and core of the graders, beside the tools that some of them are: ``./alia bench graders``.

Short answers in Spanish, in turns over several cases, as an evaluation gives them: each grader checks its
spec and reads the whole answer. ``sacrebleu`` and ``rouge-score`` do the same work by their own calls for one
sentence; rouge-score's own tokenizer knows no letter with an accent, so it also runs with our words.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

import sacrebleu  # noqa: E402  # the path comes first
from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]  # noqa: E402

from scoring.graders import grade  # noqa: E402
from scoring.graders.reading.tokens import words  # noqa: E402

GOAL_A_SECOND = 50_000
Case = tuple[Mapping[str, Any], Any]
Work = Callable[[str, int], object]

SENTENCES = [
    "La calefacción se apaga a las diez de la noche.",
    "La ayuda se pide antes del 15 de marzo en el registro.",
    "El ayuntamiento corta el agua mañana por obras.",
    "Conviene bajar la persiana en las horas de más sol.",
]
# Near the references, and far from them.
TRANSLATIONS = [
    "La calefacción se apaga a las diez.",
    "Hay que pedir la ayuda antes del 15 de marzo.",
    "Mañana no habrá agua por unas obras del ayuntamiento.",
    "No lo sé.",
]
OPTIONS = {"a": "Ministerio de Hacienda", "b": "Ministerio de Sanidad", "c": "Ayuntamiento"}
# For each grader its cases and its answers; every answer is graded for every case in turn.
SHORT: dict[str, tuple[list[Case], list[str]]] = {
    "exact": (
        [({"name": "exact", "accept": ["si"]}, "sí"), ({"name": "exact"}, "padrón municipal")],
        ["Sí.", "**padrón municipal**", "no", "Respuesta: sí"],
    ),
    "choice": (
        [({"name": "choice", "options": OPTIONS}, "b"), ({"name": "choice", "options": OPTIONS}, "c")],
        ["b", "la respuesta es la b)", "Ministerio de Sanidad", "Respuesta: c"],
    ),
    "number": (
        [({"name": "number", "unit": "kWh"}, 1234.5), ({"name": "number"}, 12)],
        ["1.234,5 kWh", "12", "Respuesta: 12 kWh", "no sé"],
    ),
    "token_f1": (
        [
            ({"name": "token_f1"}, ["apagar la luz", "bajar la calefacción"]),
            ({"name": "token_f1"}, "el padrón"),
        ],
        ["apagar las luces", "Respuesta: bajar la calefacción", "el padrón", "no sé"],
    ),
    "set_f1": (
        [
            ({"name": "set_f1"}, ["DNI", "padrón", "foto"]),
            ({"name": "set_f1"}, ["tasa", ["solicitud", "impreso"]]),
        ],
        ["DNI, padrón y foto", "- tasa\n- impreso", "tasa; DNI", "no sé"],
    ),
}
LONG = ("rouge_l", "chrf", "bleu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="processor time for each line")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many counts")
    chosen = parser.parse_args()
    print("| answers/s a core | ours | the tool itself | ours / tool | goal |")
    print("|---|---|---|---|---|")
    for name, (cases, answers) in SHORT.items():
        ours = best(grading(cases), answers, chosen)
        missed = "" if ours >= GOAL_A_SECOND else ", **missed**"
        print(f"| {name} | {ours:,.0f} | - | - | {GOAL_A_SECOND:,}{missed} |", flush=True)
    for name in LONG:
        ours = best(grading([({"name": name}, sentence) for sentence in SENTENCES]), TRANSLATIONS, chosen)
        for tool, work in TOOLS[name].items():
            theirs = best(work, TRANSLATIONS, chosen)
            print(f"| {name} | {ours:,.0f} | {tool}: {theirs:,.0f} | {ours / theirs:.1f} | - |", flush=True)
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    tools = ", ".join(f"{name} {version(name)}" for name in ("sacrebleu", "rouge-score"))
    print(f"\n{os.cpu_count()} processors, load {load}, Python {platform.python_version()}, {tools}.")


def grading(cases: Sequence[Case]) -> Work:
    """What the harness does with one answer, for the cases in turn."""

    def one(answer: str, turn: int) -> object:
        spec, expected = cases[turn % len(cases)]
        return grade(spec=spec, answer=answer, expected=expected)

    return one


def _sentence_chrf(answer: str, turn: int) -> object:
    return sacrebleu.sentence_chrf(answer, [SENTENCES[turn % len(SENTENCES)]])


def _sentence_bleu(answer: str, turn: int) -> object:
    return sacrebleu.sentence_bleu(answer, [SENTENCES[turn % len(SENTENCES)]])


def _rouge(tokenizer: object) -> Work:
    scorer = RougeScorer(["rougeL"], tokenizer=tokenizer)
    return lambda answer, turn: scorer.score(SENTENCES[turn % len(SENTENCES)], answer)


class OurWords:
    def tokenize(self, text: str) -> list[str]:
        return words(text)


TOOLS: dict[str, dict[str, Work]] = {
    "rouge_l": {"rouge-score": _rouge(None), "rouge-score with our words": _rouge(OurWords())},
    "chrf": {"sacrebleu": _sentence_chrf},
    "bleu": {"sacrebleu": _sentence_bleu},
}


def best(work: Work, answers: Sequence[str], chosen: argparse.Namespace) -> float:
    """The most answers a second of processor time in any round; every answer meets every case."""
    return max(_a_second(work, answers, chosen.seconds) for _ in range(chosen.rounds))


def _a_second(work: Work, answers: Sequence[str], seconds: float) -> float:
    batch = list(answers) * 25  # the clock is looked at once for so many
    done, started = 0, time.process_time()
    while (spent := time.process_time() - started) < seconds:
        for place, answer in enumerate(batch):
            work(answer, place + place // len(answers))
        done += len(batch)
    return done / spent


if __name__ == "__main__":
    main()
