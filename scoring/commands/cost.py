"""``python -m scoring cost ARCHIVO --tokenizer tokenizer.json``: what a submission reads, writes and uses.

Over the public cases of a pack, with the model's own tokenizer and offline. The first call of a case is
counted; a pipeline's later ones hold what the model will have written, so they lie between none and the
kind's bound. Written tokens and energy are at most: every answer at its limit. The energy is by the default
coefficients (an estimate, not measured), or by a calibration, which tells an interval too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from scoring.commands import public_file, submission_file
from scoring.commands.asking import CANNOT, WELL, WRONG, NotJson, Parser, Refused, refused_file
from scoring.commands.words import sentence
from scoring.energy import calibration_file
from scoring.energy.calibration import Calibration, predict
from scoring.energy.token_model import DEFAULT_CPU, TokenModel, call_mj
from scoring.errors import SpecError
from scoring.inference import token_counts
from scoring.inference.token_counts import CountBasis, FileTokenizer, TokenCount
from scoring.solutions.kinds import KINDS
from scoring.values import CompletionRequest, ContentLimits, TokenUse

# A phase's limits are not at hand here: a content is checked against none.
NO_LIMIT = 10**9
NO_LIMITS = ContentLimits(
    max_characters=NO_LIMIT,
    max_lines=NO_LIMIT,
    max_output_tokens=NO_LIMIT,
    max_stop_sequences=NO_LIMIT,
    max_stop_characters=NO_LIMIT,
    max_examples=NO_LIMIT,
    max_example_characters=NO_LIMIT,
    max_calls_per_case=NO_LIMIT,
)

Loaded = TypeVar("Loaded")


class _Wrong(Exception):
    """A submission that could not be handed in; ``str`` tells its problems, a line each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One pass over the public cases. ``basis`` is the weaker one where some calls could not be counted."""

    kind: str
    cases: int
    calls_per_case: int
    basis: str
    prompt_tokens_low: int
    prompt_tokens_high: int
    longest_prompt_tokens: int
    output_tokens_at_most: int
    at_most_mj: int
    evidence_grade: str
    model: str
    interval_mj: tuple[int, int] | None
    interval_is_sure: bool | None


def main(arguments: Sequence[str]) -> int:
    """Print the cost and return the exit code: 1 where the submission could not be handed in."""
    try:
        asked = _parser().parse_args(arguments)
        found = _cost(asked)
    except (NotJson, _Wrong) as wrong:
        print(f"{asked.file.name}: {wrong}")
        return WRONG
    except Refused as wrong:
        print(wrong, file=sys.stderr)
        return CANNOT
    except OSError as error:
        print(refused_file(error), file=sys.stderr)
        return CANNOT
    print(json.dumps(asdict(found)) if asked.json else _words(found))
    return WELL


def _cost(asked: Any) -> Cost:
    tokenizer = _loaded(token_counts.load, asked.tokenizer)
    calibration = _loaded(calibration_file.read, asked.calibration) if asked.calibration else None
    cases = public_file.read(asked.public or asked.pack / public_file.NAME)
    kind, content = _content(asked, cases)
    calls = [call for case in cases for call in _calls(kind, content, case, tokenizer, asked)]
    model = calibration_file.to_token_model(calibration) if calibration else DEFAULT_CPU
    least = [TokenUse(prompt_tokens=call.read.low, completion_tokens=1) for call in calls if call.is_first]
    most = [TokenUse(prompt_tokens=call.read.high, completion_tokens=call.written) for call in calls]
    interval, is_sure = _interval(calibration, least, most)
    counted = all(call.read.basis == CountBasis.TOKENIZER for call in calls)
    return Cost(
        kind=kind,
        cases=len(cases),
        calls_per_case=len(calls) // len(cases),
        basis=(CountBasis.TOKENIZER if counted else CountBasis.ESTIMATE).value,
        prompt_tokens_low=sum(call.read.low for call in calls),
        prompt_tokens_high=sum(call.read.high for call in calls),
        longest_prompt_tokens=max(call.read.high for call in calls),
        output_tokens_at_most=sum(call.written for call in calls),
        at_most_mj=_at_most_mj(model, most),
        evidence_grade=model.grade.value,
        model=model.version,
        interval_mj=interval,
        interval_is_sure=is_sure,
    )


def _loaded(load: Callable[[Path], Loaded], path: Path) -> Loaded:
    try:
        return load(path)
    except SpecError as wrong:
        raise Refused(f"{path.name}, {wrong}") from None


def _content(asked: Any, cases: tuple[public_file.Case, ...]) -> tuple[str, Any]:
    """The kind and the content, with what it takes from public cases written in."""
    found = submission_file.read(asked.file, kind=asked.kind)
    problems = found.problems
    if found.content is not None:
        kind = KINDS[found.kind]
        pool = public_file.pool(cases) if found.kind == "fewshot" else {}
        slots = public_file.slots(cases)
        problems = kind.check(found.content, limits=NO_LIMITS, slots=slots, pool=pool)
        if not problems:
            return found.kind, kind.resolve(found.content, pool=pool)
    raise _Wrong("\n".join(map(sentence, problems)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    read: TokenCount
    written: int
    is_first: bool


def _calls(
    kind: str, content: Any, case: public_file.Case, tokenizer: FileTokenizer, asked: Any
) -> Iterable[_Call]:
    try:
        request = KINDS[kind].next_request(content, inputs=case.inputs, texts=())
        first, *later = KINDS[kind].worst_case(content, inputs=case.inputs)
    except KeyError as missing:
        raise Refused(f"caso «{case.key}»: le falta el hueco «{missing.args[0]}».") from None
    if not isinstance(request, CompletionRequest):
        raise TypeError("a case whose first call is none")
    try:
        counted = tokenizer.count(request.messages, dialect=asked.dialect, chat_format=asked.chat_format)
    except ValueError:
        raise Refused(f"caso «{case.key}»: esa conversación no cabe en el formato pedido.") from None
    yield _Call(read=counted, written=first.output_tokens, is_first=True)
    for bound in later:
        yield _Call(read=token_counts.later(bound), written=bound.output_tokens, is_first=False)


def _at_most_mj(model: TokenModel, calls: Iterable[TokenUse]) -> int:
    return sum(call_mj(model, call) for call in calls)


def _interval(
    calibration: Calibration | None, least: Sequence[TokenUse], most: Sequence[TokenUse]
) -> tuple[tuple[int, int] | None, bool | None]:
    if calibration is None:
        return None, None
    low, high = predict(calibration, least), predict(calibration, most)
    return (low.low_mj, high.high_mj), low.in_range and high.in_range


def _words(cost: Cost) -> str:
    joules = f"{cost.at_most_mj / 1000:.1f}"
    lines = [
        f"Tipo: {cost.kind}. Casos públicos: {cost.cases}. Peticiones por caso, como mucho: "
        f"{cost.calls_per_case}.",
        f"Tokens que lee: {_range(cost.prompt_tokens_low, cost.prompt_tokens_high)} "
        f"({_basis(cost.basis)}). La petición más larga: {cost.longest_prompt_tokens} como mucho.",
        f"Tokens que escribe: {cost.output_tokens_at_most} como mucho.",
        f"Energía: {joules} J como mucho, con «{cost.model}» "
        f"({'calibrado' if cost.interval_mj else 'estimación, no medida'}).",
    ]
    if cost.interval_mj:
        low, high = (f"{energy_mj / 1000:.1f}" for energy_mj in cost.interval_mj)
        sure = "predicción, 95 %" if cost.interval_is_sure else "solo como orientación"
        lines.append(f"Entre {low} J y {high} J ({sure}).")
    return "\n".join(lines)


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"entre {low} y {high}"


def _basis(basis: str) -> str:
    if basis == CountBasis.TOKENIZER:
        return "contados con el tokenizador"
    return "la primera petición, contada; las siguientes, calculadas por caracteres"


def _parser() -> Parser:
    parser = Parser(
        verb="cost",
        usage_line=(
            "ARCHIVO --tokenizer ARCHIVO (--public ARCHIVO | --pack CARPETA) [--calibration ARCHIVO] [--json]"
        ),
        description="Cuenta los tokens de un envío con los casos públicos, y la energía que gastaría.",
    )
    parser.add_argument("file", type=Path, metavar="ARCHIVO", help="el envío, en JSON")
    parser.add_argument("--tokenizer", type=Path, required=True, metavar="ARCHIVO", help="tokenizer.json")
    cases = parser.add_mutually_exclusive_group(required=True)
    cases.add_argument("--public", type=Path, metavar="ARCHIVO", help="los casos públicos (public.jsonl)")
    cases.add_argument("--pack", type=Path, metavar="CARPETA", help="el desafío que los tiene")
    parser.add_argument("--kind", choices=list(KINDS), help="el tipo; si falta, el de sus campos")
    parser.add_argument("--calibration", type=Path, metavar="ARCHIVO", help="un modelo calibrado")
    parser.add_argument("--chat-format", choices=("plain", "alia"), default="alia")
    parser.add_argument("--dialect", choices=("chat", "completion"), default="chat")
    parser.add_argument("--json", action="store_true", help="en JSON")
    return parser
