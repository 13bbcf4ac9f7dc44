"""Cases as people read them: the inputs by name, and the right answer in words instead of a grader's spec."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from challenges.models import Case, Phase, Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCase:
    key: str
    group: str
    inputs: tuple[tuple[str, str], ...]
    expected: str


def public_cases(phase: Phase) -> list[ShownCase]:
    """Those of the phase's public suite, in order. A private suite never gives any."""
    return [shown(case) for case in rows(phase)]


def rows(phase: Phase) -> Sequence[Case]:
    suite = phase.feedback_suite
    if suite is None or suite.visibility != Visibility.PUBLIC:
        return []
    return list(suite.cases.select_related("suite").order_by("position"))


def shown(case: Case) -> ShownCase:
    return ShownCase(
        key=case.key,
        group=case.group,
        inputs=tuple((name, str(value)) for name, value in case.inputs.items()),
        expected=expected(case),
    )


def expected(case: Case) -> str:
    """«b) 60 W», «1234,5 kWh», «sí»: what the grader wants, as a person would say it."""
    spec = case.grader
    if spec.get("name") == "choice":
        text = _option(spec, str(case.expected))
        return f"{case.expected}) {text}" if text else str(case.expected)
    if spec.get("name") == "number":
        unit = spec.get("unit") or ""
        return f"{_figure(case.expected)} {unit}".strip()
    if isinstance(case.expected, list):
        return " · ".join(str(item) for item in case.expected)
    return str(case.expected)


def _option(spec: dict[str, Any], letter: str) -> str:
    options = spec.get("options")
    return str(options.get(letter, "")) if isinstance(options, dict) else ""


def _figure(value: Any) -> str:
    # Not grouped: a suite's author may have written "0.50" with a meaning.
    return str(value).replace(".", ",")
