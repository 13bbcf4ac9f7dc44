"""Whether the suites of the packs tell the example prompts apart: ``./alia bench packs``.

For each pack its examples run over its private cases, one request at a time, against the demo's small model,
and are graded as an evaluation grades them. Printed are each prompt's quality with its 95 % interval, tokens,
the energy that they would be estimated at and the time, and then each difference of two prompts with its
interval: a bootstrap over the cases, the same cases for both prompts. A suite separates two prompts where
that interval does not hold zero. Ends with 1 where a pack's best prompt is not told apart from its worst.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desafio.settings")
# Reading a pack needs the settings, and these a key: nothing here is signed with it.
os.environ.setdefault("SECRET_KEY", "bench")

import django  # noqa: E402

django.setup()

from challenges.packs import Pack, PackCase, load  # noqa: E402
from desafio.demo import weights  # noqa: E402
from scoring.energy.token_model import DEFAULT_CPU, call_mj  # noqa: E402
from scoring.graders import grade  # noqa: E402
from scoring.harness import CaseOutcome, CaseRequest, RetryPolicy, run_cases  # noqa: E402
from scoring.inference.backend import BackendSettings  # noqa: E402
from scoring.inference.openai import OpenAIBackend  # noqa: E402
from scoring.quality import weighted_mean  # noqa: E402
from scoring.solutions import prompt  # noqa: E402
from scoring.values import CompletionRequest, GradedCase, PromptContent, TokenUse  # noqa: E402
from tests.servers import SmallModel  # noqa: E402

PACKS = ROOT / "packs"
RESAMPLES, SEED = 10_000, 20_260_101
NOT_SEPARATED = 1

Weighted = tuple[float, int]  # a grade, or a difference of two, and its case's weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One prompt over the cases of a pack; ``graded`` and ``answers`` are in the order of the cases."""

    name: str
    graded: Sequence[GradedCase]
    answers: Sequence[str]
    uses: Sequence[TokenUse]
    seconds: float

    @property
    def quality(self) -> float:
        return float(weighted_mean(self.graded))


def main() -> int:
    slugs = sorted(folder.name for folder in PACKS.iterdir() if folder.is_dir())
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", action="append", choices=slugs, help="only this one; may be repeated")
    parser.add_argument("--cases", type=int, default=0, help="only the first so many of each group of cases")
    parser.add_argument("--answers", action="store_true", help="print what was answered to each case too")
    chosen = parser.parse_args()
    separated = True
    with tempfile.TemporaryDirectory() as folder:
        model = SmallModel(Path(folder))
        model.start()
        try:
            for slug in chosen.pack or slugs:
                separated &= measured(slug, model.url, cases_a_group=chosen.cases, answers=chosen.answers)
        finally:
            model.stop()
    print(f"\n{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}")
    return 0 if separated else NOT_SEPARATED


def measured(slug: str, url: str, *, cases_a_group: int, answers: bool) -> bool:
    """Run and print one pack; whether its best prompt and its worst are told apart."""
    pack = load(PACKS / slug)
    cases = first_of_each_group(pack.private.cases, cases_a_group)
    runs = [
        asyncio.run(run(file.stem, example(file), pack, cases, url))
        for file in sorted((PACKS / slug / "ejemplos").glob("*.json"))
    ]
    runs.sort(key=lambda each: each.quality)
    show(slug, cases, runs)
    if answers:
        show_answers(cases, runs)
    low, _ = interval(differences(runs[-1], runs[0]))
    return low > 0


def first_of_each_group(cases: Sequence[PackCase], most: int) -> list[PackCase]:
    """The first ``most`` cases of each group, so that a short run holds some of all; 0 is all of them."""
    taken: dict[str, int] = {}
    chosen = []
    for case in cases:
        taken[case.group] = taken.get(case.group, 0) + 1
        if not most or taken[case.group] <= most:
            chosen.append(case)
    return chosen


# --- running ----------------------------------------------------------------------------------------------


def example(file: Path) -> PromptContent:
    content, problems = prompt.decode(json.loads(file.read_text()))
    if content is None:
        raise SystemExit(f"{file}: {problems}")
    return content


async def run(name: str, content: PromptContent, pack: Pack, cases: Sequence[PackCase], url: str) -> Run:
    """All cases, one after the other: together, the same question gets another answer once in a while."""
    outcomes: list[CaseOutcome] = []

    async def keep(outcome: CaseOutcome) -> None:
        outcomes.append(outcome)

    started = time.perf_counter()
    await run_cases(
        cases=[
            CaseRequest(
                key=case.key,
                request=CompletionRequest(
                    messages=prompt.render(content, inputs=case.inputs), sampling=content.sampling
                ),
            )
            for case in cases
        ],
        backend_factory=lambda: OpenAIBackend(BackendSettings(url=url, model=weights.MODEL_NAME)),
        concurrency=1,
        case_timeout_s=min(phase.case_timeout_s for phase in pack.phases),
        retries=RetryPolicy(),
        on_result=keep,
    )
    seconds = time.perf_counter() - started
    if faults := [outcome.fault for outcome in outcomes if outcome.completion is None]:
        raise SystemExit(f"{pack.slug}, {name}: {len(faults)} cases without an answer: {faults[0]!r}")
    completions = [outcome.completion for outcome in outcomes if outcome.completion is not None]
    return Run(
        name=name,
        graded=[
            GradedCase(
                value=grade(spec=case.grader, answer=completion.text, expected=case.expected).value,
                weight=case.weight,
            )
            for case, completion in zip(cases, completions, strict=True)
        ],
        answers=[completion.text for completion in completions],
        uses=[
            TokenUse(prompt_tokens=completion.prompt_tokens, completion_tokens=completion.completion_tokens)
            for completion in completions
        ],
        seconds=seconds,
    )


# --- intervals --------------------------------------------------------------------------------------------


def grades(run: Run) -> list[Weighted]:
    return [(float(case.value), case.weight) for case in run.graded]


def differences(better: Run, worse: Run) -> list[Weighted]:
    """Case by case, so that a case that is hard for every prompt does not widen the interval."""
    return [
        (float(one.value - other.value), one.weight)
        for one, other in zip(better.graded, worse.graded, strict=True)
    ]


def interval(values: Sequence[Weighted]) -> tuple[float, float]:
    """The middle 95 % of the weighted means of resampled cases (percentile bootstrap, fixed seed)."""
    drawn = random.Random(SEED)
    means = sorted(mean(drawn.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return means[int(RESAMPLES * 0.025)], means[int(RESAMPLES * 0.975) - 1]


def mean(values: Sequence[Weighted]) -> float:
    return sum(value * weight for value, weight in values) / sum(weight for _, weight in values)


# --- printing ---------------------------------------------------------------------------------------------


def show(slug: str, cases: Sequence[PackCase], runs: Sequence[Run]) -> None:
    print(f"\n## {slug}: {len(cases)} private cases\n")
    print("| prompt | quality | 95 % | tokens read | written | estimated J | seconds |")
    print("|---|---|---|---|---|---|---|")
    for each in runs:
        read = sum(use.prompt_tokens for use in each.uses)
        written = sum(use.completion_tokens for use in each.uses)
        joules = sum(call_mj(DEFAULT_CPU, use) for use in each.uses) / 1000
        print(
            f"| `{each.name}` | {each.quality:.4f} | {written_interval(grades(each))} | {read} | {written} "
            f"| {joules:.1f} | {each.seconds:.1f} |"
        )
    print("\n| difference | quality | 95 % | separated |\n|---|---|---|---|")
    for worse, better in combinations(runs, 2):
        each_case = differences(better, worse)
        told = "yes" if interval(each_case)[0] > 0 else "no"
        names = f"`{better.name}` - `{worse.name}`"
        print(f"| {names} | {mean(each_case):+.4f} | {written_interval(each_case)} | {told} |")
    print(f"\n| group | cases | {' | '.join(each.name for each in runs)} |\n|---|---|{'---|' * len(runs)}")
    for group in dict.fromkeys(case.group for case in cases):
        of_group = [index for index, case in enumerate(cases) if case.group == group]
        means = [mean([grades(each)[index] for index in of_group]) for each in runs]
        print(f"| {group} | {len(of_group)} | {' | '.join(f'{value:.2f}' for value in means)} |")


def written_interval(values: Sequence[Weighted]) -> str:
    low, high = interval(values)
    return f"{low:.3f} to {high:.3f}"


def show_answers(cases: Sequence[PackCase], runs: Sequence[Run]) -> None:
    for index, case in enumerate(cases):
        print(f"\n{case.key} ({case.group}), expected {case.expected!r}")
        for each in runs:
            print(f"  {each.graded[index].value:.2f} {each.name}: {each.answers[index]!r}")


if __name__ == "__main__":
    sys.exit(main())
