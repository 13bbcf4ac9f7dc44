"""``python -m scoring.energy.calibrate``: measures a grid of calls and writes a token model's calibration.

Asks the backend for prompts and answers of every length of the grid, in a random but seeded order, each for
long enough that the counter can tell, and fits the coefficients to what it told. Where there is no counter it
says so and writes nothing: a model fitted to a model would be an estimate in the clothes of a measurement.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from scoring.energy.calibration import Calibration, Sample, Subject, calibrate
from scoring.energy.calibration_file import dump, sha256_of
from scoring.energy.flags import voiding
from scoring.energy.rapl import Clock
from scoring.energy.token_model import MODEL_GRADES
from scoring.energy.window import EnergySource, best_source
from scoring.errors import (
    CONTEXT_TOO_LONG,
    BackendFault,
    BackendRefused,
    CounterUnavailable,
    MeasurementFault,
    MeasurementVoid,
    ScoringError,
    SpecError,
)
from scoring.inference.backend import Backend, BackendSettings
from scoring.inference.describe import describe
from scoring.inference.openai import OpenAIBackend
from scoring.values import Completion, CompletionRequest, Message, Sampling, TokenUse

CANNOT, BAD_USAGE = 1, 2
NS_PER_S = 10**9
# Shorter ones are told badly by counters that change every 100 ms, and hardly warm the machine up.
SHORTEST_WINDOW_S = 5.0
ATTEMPTS = 3
CALL_TIMEOUT_S = 300.0
PROBE_WORDS = (40, 240)
FEWEST_WORDS = 4
# The answer must be as long as the cell says, and nothing may be read from a cache.
EXTRA_BODY = '{"ignore_eos": true, "cache_prompt": false}'
ASK = "Cuenta desde uno y no pares."
WORDS = ("agua", "casa", "monte", "libro", "calle", "tren", "pan", "mesa", "luz", "puerta", "río", "tarde")
NO_COUNTER = (
    "no hay contador de energía que se pueda leer; no se puede calibrar: la cifra seguiría siendo una "
    "estimación (grado E). {}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The tokens of prompts and answers to try, each with each, and how often."""

    prompts: tuple[int, ...]
    answers: tuple[int, ...]
    repetitions: int


GRIDS = {
    "small": Grid(prompts=(64, 256, 1024), answers=(1, 16, 64), repetitions=2),
    "full": Grid(prompts=(64, 256, 512, 1024, 2048, 4096), answers=(1, 16, 64, 128, 256), repetitions=3),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One place of the grid. What the backend counts is what is fitted: the lengths are only aimed at."""

    prompt_tokens: int
    answer_tokens: int

    @property
    def name(self) -> str:
        return f"{self.prompt_tokens}/{self.answer_tokens}"


class CannotCalibrate(ScoringError):
    """Something outside of this program must change first; the message says what, in Spanish."""


class Calibrator:
    """Measures the cells of a grid, one window after the other.

    ``say`` is told of each window as it ends. The backends are used by one task at a time.
    """

    def __init__(
        self,
        *,
        source: EnergySource,
        backends: Sequence[Backend],
        window_s: float,
        seed: int,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self._source = source
        self._backends = backends
        self._window_ns = round(window_s * NS_PER_S)
        # Not for secrets: the same seed must give the same order and the same prompts again.
        self._chance = random.Random(seed)  # noqa: S311
        self._clock = clock
        self._say = say
        self._asked = 0
        self.counter = ""

    async def measure(self, grid: Grid) -> list[Sample]:
        """All windows of the grid that the model's context has room for.

        Raises ``CannotCalibrate`` where the backend caches, ``MeasurementFault`` and ``BackendFault`` where a
        window failed for good.
        """
        await self._learn_lengths()
        cells = [Cell(prompt_tokens=p, answer_tokens=a) for p in grid.prompts for a in grid.answers]
        # Whatever drifts while we measure (heat, clocks) must not look like a property of long prompts.
        order = self._chance.sample(cells * grid.repetitions, k=len(cells) * grid.repetitions)
        samples: list[Sample] = []
        too_long: set[int] = set()
        for number, cell in enumerate(order, start=1):
            if cell.prompt_tokens in too_long:
                continue
            try:
                samples.append(await self._sample(cell))
            except BackendRefused as refused:
                if refused.type != CONTEXT_TOO_LONG:
                    raise
                too_long.add(cell.prompt_tokens)
                self._say(
                    f"{number}/{len(order)}  {cell.name}: el prompt no cabe en el modelo; se deja fuera."
                )
                continue
            self._say(f"{number}/{len(order)}  {_told(samples[-1])}")
        return samples

    async def _learn_lengths(self) -> None:
        """How many tokens a word has, and how many stand around the words; warms the model up as well."""
        few, many = [
            (await self._ask(self._backends[0], words=words, answer_tokens=1)).prompt_tokens
            for words in PROBE_WORDS
        ]
        self._tokens_a_word = max((many - few) / (PROBE_WORDS[1] - PROBE_WORDS[0]), 0.1)
        self._tokens_around = few - PROBE_WORDS[0] * self._tokens_a_word

    async def _sample(self, cell: Cell) -> Sample:
        """One window of a cell; one that is void, or in which the backend failed, is measured again."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._window(cell)
            except BackendRefused:
                raise
            except (MeasurementVoid, BackendFault) as fault:
                if attempt == ATTEMPTS:
                    raise
                self._say(f"{cell.name}: se repite la ventana. {fault}")
        raise AssertionError("the last attempt returns or raises")

    async def _window(self, cell: Cell) -> Sample:
        uses: list[TokenUse] = []
        window = self._source.open()
        ends_ns = self._clock() + self._window_ns
        try:
            async with asyncio.TaskGroup() as group:
                for backend in self._backends:
                    group.create_task(self._keep_asking(backend, cell, ends_ns, uses))
        except ExceptionGroup as faults:
            raise faults.exceptions[0] from None
        measurement = window.close(uses)
        if found := voiding(measurement.flags):
            raise MeasurementVoid(f"La ventana no vale: {', '.join(found)}.")
        self.counter = measurement.source
        return Sample(
            cell=cell.name,
            calls=tuple(uses),
            energy_mj=measurement.energy_mj,
            seconds=measurement.seconds,
        )

    async def _keep_asking(self, backend: Backend, cell: Cell, ends_ns: int, uses: list[TokenUse]) -> None:
        words = round((cell.prompt_tokens - self._tokens_around) / self._tokens_a_word)
        while True:
            answer = await self._ask(
                backend, words=max(words, FEWEST_WORDS), answer_tokens=cell.answer_tokens
            )
            uses.append(
                TokenUse(prompt_tokens=answer.prompt_tokens, completion_tokens=answer.completion_tokens)
            )
            if self._clock() >= ends_ns:
                return

    async def _ask(self, backend: Backend, *, words: int, answer_tokens: int) -> Completion:
        self._asked += 1
        # Its number first: no two prompts begin alike, so no cache of beginnings can help.
        text = " ".join([f"{self._asked}.", *self._chance.choices(WORDS, k=words), ASK])
        request = CompletionRequest(
            messages=(Message(role="user", content=text),), sampling=Sampling(max_output_tokens=answer_tokens)
        )
        async with asyncio.timeout(CALL_TIMEOUT_S):
            answer = await backend.complete(request)
        if answer.cached_tokens:
            raise CannotCalibrate(
                f"el servidor sacó {answer.cached_tokens} tokens de su caché: desactiva la caché de prefijos."
            )
        return answer


def main(
    arguments: Sequence[str] | None = None,
    *,
    source: EnergySource | None = None,
    clock: Clock = time.monotonic_ns,
) -> int:
    """The exit status: 0 written, 1 it cannot be calibrated here and now, 2 asked wrongly."""
    chosen = _parser().parse_args(arguments)
    try:
        settings = _settings(chosen)
    except ValueError as error:
        print(f"calibrar: {error}", file=sys.stderr)
        return BAD_USAGE
    if chosen.output.exists():
        print(f"calibrar: {chosen.output} ya existe; elige otro nombre.", file=sys.stderr)
        return BAD_USAGE
    try:
        calibration = _calibration(chosen, settings, source=source or best_source(), clock=clock)
        chosen.output.write_text(dump(calibration))
    except (ScoringError, TimeoutError, OSError) as error:
        print(f"calibrar: {_in_spanish(error)}", file=sys.stderr)
        return CANNOT
    print(table(calibration))
    print(f"\nEscrito en {chosen.output}.")
    return 0


def table(calibration: Calibration) -> str:
    """The fit for a person's eye: cell by cell, then the coefficients, then how far it can be trusted."""
    fit = calibration.fit
    lines = [
        f"{'celda':>10} {'ventanas':>9} {'llamadas':>9} {'medido J':>11} {'modelo J':>11} {'diferencia':>11}"
    ]
    lines += [
        f"{c.cell:>10} {c.windows:>9} {c.calls:>9} {c.measured_mj / 1000:>11.1f} "
        f"{c.predicted_mj / 1000:>11.1f} {c.relative:>+11.2%}"
        for c in fit.cells
    ]
    names = ("por llamada", "por token leído", "por token escrito", "por token escrito y 1000 de contexto")
    lines += ["", "Coeficientes en mJ:"]
    for index, (value, name) in enumerate(zip(fit.coefficients, (*names, "por (1000 leídos)²"), strict=True)):
        lines.append(f"  c{index} {value:>16} {name}")
    subject, ranged = calibration.subject, fit.range
    lines += [
        "",
        f"R² {fit.r_squared} · peor celda {fit.worst_relative:.2%}",
        f"Una ventana se aparta {fit.spread:.2%} ({fit.degrees_of_freedom} grados de libertad)",
        f"Contador {subject.counter} · {subject.in_flight} a la vez",
        f"Prompts de {ranged.min_prompt_tokens} a {ranged.max_prompt_tokens} tokens, "
        f"respuestas de {ranged.min_completion_tokens} a {ranged.max_completion_tokens}",
        f"sha256 {sha256_of(calibration)}",
    ]
    return "\n".join(lines)


def _calibration(
    chosen: argparse.Namespace, settings: BackendSettings, *, source: EnergySource, clock: Clock
) -> Calibration:
    if source.grade in MODEL_GRADES:
        raise CannotCalibrate(NO_COUNTER.format(source.reason))
    grid = GRIDS[chosen.grid]
    if chosen.repetitions:
        grid = Grid(prompts=grid.prompts, answers=grid.answers, repetitions=chosen.repetitions)
    counter, samples = asyncio.run(_measured(chosen, settings, grid, source=source, clock=clock))
    return calibrate(
        Subject(
            version=chosen.version,
            hardware=chosen.hardware or _processor(),
            backend=chosen.backend,
            model=f"{settings.model}@{settings.revision}" if settings.revision else settings.model,
            counter=counter,
            in_flight=chosen.in_flight,
        ),
        samples,
    )


async def _measured(
    chosen: argparse.Namespace, settings: BackendSettings, grid: Grid, *, source: EnergySource, clock: Clock
) -> tuple[str, list[Sample]]:
    await describe(settings)
    windows = len(grid.prompts) * len(grid.answers) * grid.repetitions
    _say(f"{source.reason} {windows} ventanas de {chosen.window_s:g} s o más, con la semilla {chosen.seed}.")
    async with AsyncExitStack() as opened:
        backends = [
            await opened.enter_async_context(OpenAIBackend(settings)) for _ in range(chosen.in_flight)
        ]
        calibrator = Calibrator(
            source=source,
            backends=backends,
            window_s=chosen.window_s,
            seed=chosen.seed,
            clock=clock,
            say=_say,
        )
        samples = await calibrator.measure(grid)
    return calibrator.counter, samples


def _told(sample: Sample) -> str:
    joules = f"{sample.energy_mj / 1000:.1f} J"
    return f"{sample.cell}: {sample.seconds:.1f} s, {len(sample.calls)} llamadas, {joules}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _in_spanish(error: Exception) -> str:
    match error:
        case SpecError():
            return f"{error.field}: {error.fix}"
        case CounterUnavailable():
            return NO_COUNTER.format(error.reason)
        case MeasurementFault():
            return error.reason
        case BackendRefused():
            return f"el servidor no acepta lo que se le pide ({error.type}); prueba con --extra-body '{{}}'."
        case BackendFault():
            return f"el servidor no responde como debe: {error}."
        case TimeoutError():
            return f"una llamada tardó más de {CALL_TIMEOUT_S:g} s."
    return str(error)


def _processor() -> str:
    """As the kernel names it; what ran elsewhere is named by ``--hardware``."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.machine()


def _settings(chosen: argparse.Namespace) -> BackendSettings:
    extra_body = json.loads(chosen.extra_body)
    if not isinstance(extra_body, dict):
        raise ValueError("--extra-body debe ser un objeto JSON.")
    return BackendSettings(
        url=chosen.inference_url,
        model=chosen.model,
        revision=chosen.revision,
        api_key=os.environ.get("INFERENCE_API_KEY", ""),
        dialect=chosen.dialect,
        chat_format=chosen.chat_format,
        extra_body=extra_body,
    )


def _parser() -> argparse.ArgumentParser:
    """The backend's own options are those of the worker's environment, so that both ask alike."""
    parser = argparse.ArgumentParser(
        prog="calibrar",
        description="Calibra el modelo de energía por tokens con el contador de esta máquina.",
    )
    env = os.environ.get
    add = parser.add_argument
    add("--output", type=Path, required=True, help="archivo que se escribe; no debe existir")
    add("--inference-url", default=env("INFERENCE_URL", "http://127.0.0.1:8081"), help="servidor del modelo")
    add("--model", default=env("INFERENCE_MODEL", "gemma-3-270m"), help="nombre con el que se sirve")
    add("--revision", default=env("INFERENCE_REVISION", ""), help="revisión del modelo")
    add("--dialect", default=env("INFERENCE_DIALECT", "chat"), choices=["chat", "completion"])
    add("--chat-format", default=env("INFERENCE_CHAT_FORMAT", "plain"), choices=["plain", "alia"])
    add("--extra-body", default=EXTRA_BODY, help="campos de más en cada petición, en JSON (%(default)s)")
    add("--grid", default="small", choices=sorted(GRIDS), help="longitudes que se prueban (%(default)s)")
    add("--repetitions", type=_at_least(1), help="ventanas de cada celda")
    add("--window-s", type=_seconds, default=10.0, help="lo que dura una ventana al menos (%(default)s)")
    add("--in-flight", type=_at_least(1), default=1, help="llamadas a la vez, como en la fase (%(default)s)")
    add("--seed", type=int, default=1, help="semilla del orden y de los prompts (%(default)s)")
    add("--version", default=f"calibrada-{date.today():%Y%m%d}", help="nombre del modelo (%(default)s)")
    add("--hardware", default="", help="qué se mide (si no, el procesador de esta máquina)")
    add("--backend", default="openai", help="servidor y su versión, para el registro (%(default)s)")
    return parser


def _at_least(least: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"debe ser {least} o más")
        return int(text)

    return whole


def _seconds(text: str) -> float:
    seconds = float(text)
    if not SHORTEST_WINDOW_S <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"una ventana dura de {SHORTEST_WINDOW_S:g} a 3600 s")
    return seconds


if __name__ == "__main__":
    raise SystemExit(main())
