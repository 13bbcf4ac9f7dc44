"""The record of one score: all that the score was worked out from, and nothing about a person.

``challenges`` makes one in the transaction that writes the score and hands it to ``chain.seal``; auditors
read it back with ``read``. docs/energy.md tells field by field what a record holds. A format is never
changed: a new field makes the next one. Format 2 is that of a score that was measured by the protocol, and
tells the protocol and its reference runs; format 3 that of one whose answers are no single call's text, and
tells each answer beside its calls. Every other score still has the bytes of format 1.

Private cases, answers to them and prompts stand here as salted hashes (``commitments``); who took part, as
the public identifier that the board shows.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from operator import ge
from typing import Any, Literal

from scoring.record import canonical
from scoring.record.errors import NotCanonical, RecordUnreadable
from scoring.record.shapes import (
    HASH,
    MOMENT,
    NAME,
    SLUG,
    UUID,
    Reader,
    Shape,
    boolean,
    fraction,
    list_of,
    map_of,
    matching,
    member_of,
    names,
    one_of,
    or_none,
    text,
    whole,
)
from scoring.values import EvidenceGrade

FORMAT, FORMAT_WITH_PROTOCOL = "desafio-record/1", "desafio-record/2"
FORMAT_WITH_ANSWERS = "desafio-record/3"
FORMATS = (FORMAT, FORMAT_WITH_PROTOCOL, FORMAT_WITH_ANSWERS)
# Members of format 1 that no record ever filled: ``protocol`` took their place.
NEVER_FILLED: Mapping[str, Any] = {"idle": None, "references": []}
MAX_RECORD_BYTES = 8 * 2**20
MAX_CASES, MAX_REPETITIONS = 10_000, 100
# The column's: interrupted ones are run again under the next number, so that they are not one to five.
LARGEST_REPETITION = 32_767
MAX_RUNS, MAX_CALLS_OF_A_RUN = 50_000, 1000
MAX_ANSWER_CHARACTERS = 1_000_000
NO_PREVIOUS = "0" * 64
# What stands around the runs in canonical JSON; no text holds it, since it has a quote.
RUNS_BEGIN, RUNS_END = '"runs":[', '],"score":'

Basis = Literal["counter", "calls", "token-model"]
EnergyRule = Literal["median-of-repetitions"]
PhaseIdentity = tuple[str, str, int]  # slugs of challenge and phase, and the phase's id


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The record's place: the ``number``-th of its phase, from 1. ``chain.seal`` sets number and previous."""

    challenge: str
    phase: str
    phase_id: int
    number: int = 1
    previous_sha256: str = NO_PREVIOUS


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What was evaluated. ``participation`` is the public identifier; ``content_sha256`` the salted hash."""

    evaluation: str
    submission: str
    participation: str
    kind: str
    content_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The phase's: how a score follows from quality and energy, and the grade of evidence that ranks."""

    policy: str
    parameters: Mapping[str, str | int]
    evidence_grade: EvidenceGrade


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteVersion:
    """What it was judged on. ``cases`` is how many there are: none can be left out of a mean unseen."""

    version: int
    visibility: Literal["public", "private"]
    sha256: str
    cases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What answered. ``file_sha256`` is "" where the backend does not tell."""

    name: str
    revision: str
    file_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One answered request. ``answer`` is None for a private suite, ``energy_mj`` where none was given."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    first_token_us: int
    duration_us: int
    attempts: int
    finish_reason: str
    answer_sha256: str
    answer: str | None = None
    energy_mj: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One case in one repetition. ``key`` is "" for a private case; its one call's answer was graded.

    ``grade`` has 6 decimals.
    """

    case_sha256: str
    key: str
    repetition: int
    weight: int
    grade: str
    calls: tuple[Call, ...]

    @property
    def texts(self) -> tuple[str | None, ...]:
        """What was answered, call by call; the last one was graded. None for each that is private."""
        return tuple(call.answer for call in self.calls)

    @property
    def text_hashes(self) -> tuple[str, ...]:
        """The salted hash of each of ``texts``."""
        return tuple(call.answer_sha256 for call in self.calls)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredRun(Run):
    """A case whose graded answer was made of its calls' texts by the steps that were handed in.

    ``answer_sha256`` covers it as if it were one more call; ``answer`` is None for a private suite.
    """

    answer_sha256: str
    answer: str | None = None

    @property
    def texts(self) -> tuple[str | None, ...]:
        return (*(call.answer for call in self.calls), self.answer)

    @property
    def text_hashes(self) -> tuple[str, ...]:
        return (*(call.answer_sha256 for call in self.calls), self.answer_sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """The device of a window and how it was set then, as ``scoring.energy.counter`` tells it.

    None: nobody can tell. ``range_mj`` and ``max_power_mw`` decide what a counter that began again had
    counted.
    """

    uuid: str
    name: str
    driver: str
    update_ms: int = 0
    range_mj: int | None = None
    max_power_mw: int | None = None
    idle_power_mw: int | None = None
    clocks_mhz: tuple[int, ...] | None = None
    power_limit_mw: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """What codecarbon says of a window: never ranked."""

    energy_mj: int | None
    co2_mg: int | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The energy of the ranked suite in one repetition, and what it follows from.

    ``basis`` "counter": interpolated between the edges of a counter; "calls": the sum of the calls'
    ``energy_mj``; "token-model": the record's coefficients over the calls' tokens. ``started_ns`` and
    ``ended_ns`` are the meter's monotonic nanoseconds, as text: after 104 days they are beyond 2^53.
    ``edges_sha256`` is that of ``scoring.energy.edges``, "" and 0 edges where there are none.
    """

    repetition: int
    window_id: str
    source: str
    basis: Basis
    grade: EvidenceGrade
    energy_mj: int
    seconds: str
    flags: tuple[str, ...]
    started_ns: str | None = None
    ended_ns: str | None = None
    edges_sha256: str = ""
    edges_count: int = 0
    hardware: Hardware | None = None
    witness: Witness | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceRun:
    """The reference workload, ``passes`` whole times, before or after the repetitions that were counted.

    ``idle_mj`` and ``idle_seconds`` are of the device with nothing to do right before it: reported, never
    subtracted; None where nobody looked. What the energy follows from is as in ``Window``.
    """

    place: Literal["before", "after"]
    window_id: str
    source: str
    passes: int
    energy_mj: int
    seconds: str
    flags: tuple[str, ...]
    idle_mj: int | None = None
    idle_seconds: str | None = None
    started_ns: str | None = None
    ended_ns: str | None = None
    edges_sha256: str = ""
    edges_count: int = 0
    hardware: Hardware | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The run of the reference workload that those of its day are held against."""

    passes: int
    energy_mj: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """What the measuring had to keep to, and the reference runs around it.

    At least so many ``repetitions``, which last ``window_seconds`` or more in all; the energy of a pass of
    ``workload`` may not drift by more than ``tolerance_percent`` from before to after, nor from the baseline.
    ``workload`` is "" where none was run. Percent and seconds have 3 decimals.
    """

    repetitions: int
    window_seconds: str
    workload: str
    tolerance_percent: str
    baseline: Baseline | None
    references: tuple[ReferenceRun, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The lengths of call that the coefficients were calibrated on."""

    min_prompt_tokens: int
    max_prompt_tokens: int
    min_completion_tokens: int
    max_completion_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficients:
    """The token model of grades D and E. ``calibration_sha256`` is "" where it never was calibrated."""

    version: str
    c0: str
    c1: str
    c2: str
    c3: str
    c4: str
    source: str
    grade: EvidenceGrade
    range: Range | None
    calibration_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The score as it was stored, and which repetitions it was taken from.

    Quality and tokens come from ``quality_repetitions``; the energy is the median of the windows of
    ``energy_repetitions``. ``value`` has 4 decimals, ``quality`` and ``green`` 6.
    """

    value: str
    quality: str
    green: str
    reaches_minimum: bool
    is_ranked: bool
    evidence_grade: EvidenceGrade
    energy_mj: int
    energy_rule: EnergyRule
    energy_repetitions: tuple[int, ...]
    quality_repetitions: tuple[int, ...]
    prompt_tokens: int
    completion_tokens: int
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """``environment`` names what else the figures may hang on: versions, container, backend's settings.

    ``created_at`` is RFC 3339 in UTC with microseconds. Runs are in the order of ``run_order``, windows in
    that of their repetitions.
    """

    chain: Chain
    created_at: str
    subject: Subject
    rules: Rules
    suite: SuiteVersion
    model: Model
    runs: tuple[Run, ...]
    windows: tuple[Window, ...]
    score: Outcome
    environment: Mapping[str, str | int]
    coefficients: Coefficients | None = None
    protocol: Protocol | None = None

    @property
    def format(self) -> str:
        """A record has one only: that in which all it tells can be told."""
        if self.runs and isinstance(self.runs[0], AnsweredRun):
            return FORMAT_WITH_ANSWERS
        return FORMAT_WITH_PROTOCOL if self.protocol else FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a chain looks at in a record."""

    challenge: str
    phase: str
    phase_id: int
    number: int
    previous_sha256: str

    @property
    def of_phase(self) -> PhaseIdentity:
        return self.challenge, self.phase, self.phase_id


def run_order(run: Run) -> tuple[int, str, str]:
    """Not the suite's own order, which would tell which private case is which from version to version."""
    return run.repetition, run.key, run.case_sha256


def write(record: Record) -> bytes:
    """The record's canonical bytes. Raises ``NotCanonical`` and ``RecordUnreadable``, as ``read`` would."""
    told = dataclasses.asdict(record) | {"format": record.format}
    if record.format == FORMAT:
        del told["protocol"]
        told |= NEVER_FILLED
    raw = canonical.dumps(told)
    read(raw)
    return raw


def read(raw: bytes) -> Record:
    """The record in these bytes, looked at as a whole; what follows from it is ``recompute``'s to say.

    Raises ``NotCanonical`` and ``RecordUnreadable`` with the path of what is wrong.
    """
    record = _read_quickly(raw)
    if record is None:
        value = canonical.loads_for_shape(raw, max_bytes=MAX_RECORD_BYTES)
        members = _members(value)
        shape = _RECORD_WITH_ANSWERS if value["format"] == FORMAT_WITH_ANSWERS else _RECORD
        record = shape(members)
    _check_order(record)
    if record.protocol:
        _check_protocol(record.protocol)
    return record


def _read_quickly(raw: bytes) -> Record | None:
    """The record where all its runs are of the usual kind, in a third of the time; None where they are not.

    Runs are nearly all of a record's bytes. A text that is made of ``_USUAL_RUN`` and commas alone is
    canonical, and its groups are its values; the rest is read as ever, with no runs in it. Whatever does not
    fit is left to the long way, which says what is wrong: more calls than one, an escape in an answer, a
    broken record.
    """
    try:
        text = raw.decode() if len(raw) <= MAX_RECORD_BYTES else ""
        begin = text.find(RUNS_BEGIN) + len(RUNS_BEGIN)
        end = text.find(RUNS_END, begin)
        runs = _usual_runs(text[begin:end])
        if runs is None:
            return None
        value = canonical.loads_for_shape((text[:begin] + text[end:]).encode())
        record = _RECORD_BUT_RUNS(_members(value))
    except (UnicodeDecodeError, NotCanonical, RecordUnreadable):
        return None
    return dataclasses.replace(record, runs=runs)


def _usual_runs(text: str) -> tuple[Run, ...] | None:
    written, runs = list[str](), list[Run]()
    for found in _USUAL_RUN.finditer(text):
        groups = found.groups()
        written.append(groups[0])
        runs.append(_run_of((_call_of(*groups[1:_FIRST_OF_RUN]),), *groups[_FIRST_OF_RUN:]))
    is_all = ",".join(written) == text and 0 < len(runs) <= MAX_RUNS
    return tuple(runs) if is_all else None


def place_of(raw: bytes) -> Place:
    """The chain's part of a record's bytes, without reading the rest: what ``chain`` needs of thousands.

    Canonical JSON puts it first and lets it come once. Raises ``RecordUnreadable``.
    """
    found = _PLACE.match(raw)
    if not found or raw.count(b'"chain":') != 1:
        raise RecordUnreadable("no empieza por su lugar en la cadena", where="chain")
    challenge, number, phase, phase_id, previous = (part.decode() for part in found.groups())
    return Place(
        challenge=challenge,
        phase=phase,
        phase_id=int(phase_id),
        number=int(number),
        previous_sha256=previous,
    )


def _members(value: Any) -> dict[str, Any]:
    """The record's own, from any format."""
    told = value.get("format") if type(value) is dict else None
    if told not in FORMATS:
        known = ", ".join(FORMATS)
        raise RecordUnreadable(f"es {told!r} y esta versión lee {known}", where="format")
    members = {name: member for name, member in value.items() if name != "format"}
    if told == FORMAT_WITH_ANSWERS:
        return members
    if told == FORMAT_WITH_PROTOCOL:
        if value.get("protocol", ...) is None:
            raise RecordUnreadable("falta el protocolo, que es lo que tiene este formato", where="protocol")
        return members
    if "protocol" in members:
        raise RecordUnreadable("nadie conoce esta clave", where="protocol")
    for name, empty in NEVER_FILLED.items():
        if members.pop(name, ...) != empty:
            raise RecordUnreadable("debe estar, y vacía: este formato no la usa", where=name)
    return dict(sorted((members | {"protocol": None}).items()))


def _check_order(record: Record) -> None:
    order = [run_order(run) for run in record.runs]
    if any(map(ge, order, order[1:])):
        raise RecordUnreadable("un caso está repetido o fuera de su orden", where="runs")
    repetitions = [window.repetition for window in record.windows]
    if repetitions != sorted(set(repetitions)):
        raise RecordUnreadable("una repetición está repetida o fuera de su orden", where="windows")
    is_public = record.suite.visibility == "public"
    for index, run in enumerate(record.runs):
        if bool(run.key) != is_public:
            raise RecordUnreadable("solo los casos públicos llevan clave", where=f"runs.{index}.key")
    runs = () if is_public else record.runs
    told = [place for place, run in enumerate(runs) for call in run.calls if call.answer is not None]
    if record.format == FORMAT_WITH_ANSWERS:
        told += [place for place, run in enumerate(runs) if run.texts[-1] is not None]
    for index in told:
        what = "las respuestas a casos privados no van en el registro"
        raise RecordUnreadable(what, where=f"runs.{index}.calls")


def _check_protocol(protocol: Protocol) -> None:
    places = [run.place for run in protocol.references]
    if places != sorted(places, key=("before", "after").index):
        raise RecordUnreadable("una de antes va detrás de una de después", where="protocol.references")
    if bool(protocol.workload) != bool(places):
        raise RecordUnreadable("carga de referencia y medidas van juntas", where="protocol.workload")
    for index, run in enumerate(protocol.references):
        if (run.idle_mj is None) != (run.idle_seconds is None):
            where = f"protocol.references.{index}.idle_mj"
            raise RecordUnreadable("la energía en reposo y su tiempo van juntos", where=where)


_PLACE = re.compile(
    rb'\{"chain":\{"challenge":"([A-Za-z0-9_-]{1,60})","number":([1-9][0-9]{0,15}),'
    rb'"phase":"([A-Za-z0-9_-]{1,60})","phase_id":([0-9]{1,16}),"previous_sha256":"([0-9a-f]{64})"\},'
)
_hash, _hash_or_none, _slug = matching(HASH), matching(HASH, or_empty=True), matching(SLUG)
_uuid, _name, _seconds = matching(UUID), matching(NAME), fraction(3, whole_digits=9)
_grade: Any = member_of(EvidenceGrade)
_coefficient = matching(re.compile(r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,20})?"))
_repetition = whole(1, LARGEST_REPETITION)
_text, _any_whole = text(), whole(-canonical.LARGEST_WHOLE)
_nanoseconds = matching(re.compile(r"(?:0|[1-9][0-9]{0,18})"))


def _repetitions(value: Any) -> tuple[int, ...]:
    found = list_of(_repetition, most=MAX_REPETITIONS, least=1)(value)
    if list(found) != sorted(set(found)):
        raise RecordUnreadable("debe estar en orden y sin repetir")
    return found


def _text_or_whole(value: Any) -> str | int:
    return _text(value) if type(value) is str else _any_whole(value)


_CALL = Shape(
    Call,
    prompt_tokens=whole(),
    completion_tokens=whole(),
    cached_tokens=whole(),
    first_token_us=whole(),
    duration_us=whole(),
    attempts=whole(1),
    finish_reason=text(most=32),
    answer_sha256=_hash,
    answer=or_none(text(most=MAX_ANSWER_CHARACTERS)),
    energy_mj=or_none(whole()),
)
_RUN = Shape(
    Run,
    case_sha256=_hash,
    key=text(most=40),
    repetition=_repetition,
    weight=whole(1, 10**6),
    grade=fraction(6),
    calls=list_of(_CALL, most=MAX_CALLS_OF_A_RUN, least=1),
)
_ANSWERED_RUN = Shape(
    AnsweredRun,
    case_sha256=_hash,
    key=text(most=40),
    repetition=_repetition,
    weight=whole(1, 10**6),
    grade=fraction(6),
    calls=list_of(_CALL, most=MAX_CALLS_OF_A_RUN, least=1),
    answer_sha256=_hash,
    answer=or_none(text(most=MAX_ANSWER_CHARACTERS)),
)
_USUAL_RUN = re.compile("(" + _RUN.pattern(calls=r"\[" + _CALL.pattern() + r"\]") + ")")
_FIRST_OF_RUN = 1 + len(dataclasses.fields(Call))
_call_of, _run_of = _CALL.of_groups(), _RUN.of_groups()
_HARDWARE = Shape(
    Hardware,
    uuid=text(most=120),
    name=text(most=200),
    driver=text(most=120),
    update_ms=whole(),
    range_mj=or_none(whole()),
    max_power_mw=or_none(whole()),
    idle_power_mw=or_none(whole()),
    clocks_mhz=or_none(list_of(whole(), most=20)),
    power_limit_mw=or_none(whole()),
)
# What the energy of a counter follows from.
_COUNTED: dict[str, Reader[Any]] = {
    "started_ns": or_none(_nanoseconds),
    "ended_ns": or_none(_nanoseconds),
    "edges_sha256": _hash_or_none,
    "edges_count": whole(),
    "hardware": or_none(_HARDWARE),
}
_WINDOW = Shape(
    Window,
    repetition=_repetition,
    window_id=text(most=80),
    source=text(most=120, least=1),
    basis=one_of("counter", "calls", "token-model"),
    grade=_grade,
    energy_mj=whole(),
    seconds=_seconds,
    flags=names(),
    witness=or_none(Shape(Witness, energy_mj=or_none(whole()), co2_mg=or_none(whole()), note=text(most=300))),
    **_COUNTED,
)
_REFERENCE_RUN = Shape(
    ReferenceRun,
    place=one_of("before", "after"),
    window_id=text(most=80),
    source=text(most=120, least=1),
    passes=whole(1),
    # Not 0: the drift is a part of it.
    energy_mj=whole(1),
    seconds=_seconds,
    flags=names(),
    idle_mj=or_none(whole()),
    idle_seconds=or_none(_seconds),
    **_COUNTED,
)
_PROTOCOL = Shape(
    Protocol,
    repetitions=whole(1, MAX_REPETITIONS),
    window_seconds=_seconds,
    workload=text(most=60),
    tolerance_percent=fraction(3, whole_digits=3),
    baseline=or_none(Shape(Baseline, passes=whole(1), energy_mj=whole(1))),
    references=list_of(_REFERENCE_RUN, most=2 * MAX_REPETITIONS),
)
_READERS: dict[str, Reader[Any]] = dict(
    chain=Shape(
        Chain, challenge=_slug, phase=_slug, phase_id=whole(), number=whole(1), previous_sha256=_hash
    ),
    created_at=matching(MOMENT),
    subject=Shape(
        Subject,
        evaluation=_name,
        submission=_uuid,
        participation=_uuid,
        kind=_slug,
        content_sha256=_hash,
    ),
    rules=Shape(Rules, policy=_slug, parameters=map_of(_text_or_whole, most=100), evidence_grade=_grade),
    suite=Shape(
        SuiteVersion,
        version=whole(1),
        visibility=one_of("public", "private"),
        sha256=_hash,
        cases=whole(1, MAX_CASES),
    ),
    model=Shape(Model, name=text(most=120), revision=text(most=120), file_sha256=_hash_or_none),
    runs=list_of(_RUN, most=MAX_RUNS, least=1),
    windows=list_of(_WINDOW, most=MAX_REPETITIONS, least=1),
    score=Shape(
        Outcome,
        value=fraction(4, whole_digits=3),
        quality=fraction(6),
        green=fraction(6),
        reaches_minimum=boolean,
        is_ranked=boolean,
        evidence_grade=_grade,
        energy_mj=whole(),
        energy_rule=one_of("median-of-repetitions"),
        energy_repetitions=_repetitions,
        quality_repetitions=_repetitions,
        prompt_tokens=whole(),
        completion_tokens=whole(),
        flags=names(),
    ),
    environment=map_of(_text_or_whole, most=100),
    coefficients=or_none(
        Shape(
            Coefficients,
            version=text(most=120, least=1),
            c0=_coefficient,
            c1=_coefficient,
            c2=_coefficient,
            c3=_coefficient,
            c4=_coefficient,
            source=text(),
            grade=_grade,
            range=or_none(
                Shape(
                    Range,
                    min_prompt_tokens=whole(),
                    max_prompt_tokens=whole(),
                    min_completion_tokens=whole(),
                    max_completion_tokens=whole(),
                )
            ),
            calibration_sha256=_hash_or_none,
        )
    ),
    protocol=or_none(_PROTOCOL),
)
_RECORD = Shape(Record, **_READERS)
_RECORD_WITH_ANSWERS = Shape(Record, **{**_READERS, "runs": list_of(_ANSWERED_RUN, most=MAX_RUNS, least=1)})
_RECORD_BUT_RUNS = Shape(Record, **{**_READERS, "runs": list_of(_RUN, most=0)})
