"""What an auditor may ask of published records, and the words of the answer.

``python -m scoring`` calls ``main``; the doors of the platform do not. Everything printed is Spanish: the
outcome on standard output, why it cannot be told on standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain as chained
from pathlib import Path
from typing import NoReturn

from scoring.record import chain, counted, disclosure, recompute, sealed
from scoring.record.bundle import DISCLOSURE_NAME, RECORD_NAME, Bundle
from scoring.record.chain import Head
from scoring.record.counted import EdgesOf
from scoring.record.difference import Difference
from scoring.record.disclosure import Disclosure
from scoring.record.errors import ChainBroken, EntryChanged, RecordError
from scoring.record.protocol import void_repetitions
from scoring.record.recompute import Recomputed
from scoring.record.sealed import MAX_RECORD_BYTES, PhaseIdentity, Record
from scoring.record.shapes import HASH

WELL, DIFFERS, CANNOT = 0, 1, 2
# Some 0.3 s of work: about what a process takes to start and open the bundle.
WORTH_A_PROCESS = 500
HASH_DIGITS = 64
MOST_SHOWN = 20
TAKEN_ON_TRUST = ", con la energía que dice el registro, porque no están los flancos de su contador"


def main(arguments: Sequence[str]) -> int:
    """Do what is asked and return the exit code."""
    try:
        asked = _parser().parse_args(arguments)
        answer: Callable[[Sequence[Path]], int] = asked.answer
        return answer(asked.paths)
    except (ChainBroken, EntryChanged) as broken:
        print(broken)
        return DIFFERS
    except RecordError as wrong:
        print(f"No se puede comprobar: {wrong}", file=sys.stderr)
    except _Asked as wrong:
        print(wrong, file=sys.stderr)
    except OSError as error:
        print(_refused(error), file=sys.stderr)
    return CANNOT


def verify(paths: Sequence[Path]) -> int:
    """Follow the chain of a bundle, or those of all phases whose records lie in a folder.

    Of several bundles, each has to begin where the one before it of the same phase ended.
    """
    reached: dict[PhaseIdentity, Head] = {}
    for path in paths:
        if path.is_dir():
            for phase, count, head in _heads_of_folder(path):
                print(f"{phase}: cadena íntegra: {_records(count)}, cabeza {head.sha256}")
        else:
            print(_verified(path, reached))
    return WELL


def _verified(path: Path, reached: dict[PhaseIdentity, Head]) -> str:
    """What became of a bundle, in words; ``reached`` is how far the ones before it went, and is kept up."""
    with Bundle(path) as opened:
        told, head = opened.manifest, opened.check()
    phase, before = f"{told.phase.challenge}/{told.phase.phase}", reached.get(told.phase.identity)
    if before is not None and before != told.start:
        raise ChainBroken(
            number=told.first,
            problem="previous",
            expected=f"detrás del {before.number} con {before.sha256}",
            found=f"detrás del {told.start.number} con {told.start.sha256}, en {path.name}",
        )
    reached[told.phase.identity] = head
    if before is None and told.start != chain.EMPTY:
        # What stands before it is not at hand: no word of a whole chain.
        return (
            f"{phase}: tramo íntegro: {_records(told.count)} desde el {told.first}, "
            f"detrás de {told.previous_sha256}, cabeza {head.sha256}"
        )
    return f"{phase}: cadena íntegra: {_records(head.number)}, cabeza {head.sha256}"


def recompute_files(paths: Sequence[Path]) -> int:
    """Work out the score of one record, or of each in a bundle; stops at the first that differs."""
    for path in paths:
        code = _recompute_bundle(path) if _is_zip(path) else _recompute_record(path)
        if code:
            return code
    return WELL


def _recompute_record(path: Path) -> int:
    return _print([_recomputed(_content_of(path), _Beside(suites={}, edges_of=_no_edges))])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beside:
    """What a bundle tells beside a record."""

    suites: Disclosure
    edges_of: EdgesOf
    answers: bytes | None = None


def _no_edges(sha256: str) -> None:
    """A record alone has none beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What became of one record, in words, and the exit code that it deserves."""

    words: str
    code: int = WELL


def _recompute_bundle(path: Path) -> int:
    """On all processors, as each record is worked out by itself; told in the order of the chain."""
    with Bundle(path) as opened:
        names = list(opened.names(RECORD_NAME))
        head = _named_head(names[-1]) if names else opened.manifest.start
        opened.check_rest(head)
    parts = _parts(len(names), os.cpu_count() or 1)
    if len(parts) == 1:
        code = _print(_recompute_part(path, parts[0]))
    else:
        with ProcessPoolExecutor(len(parts)) as pool:
            code = _print(chained.from_iterable(pool.map(partial(_recompute_part, path), parts)))
    if code == WELL:
        print(f"{_records(len(names))}: todas las puntuaciones salen idénticas, cabeza {head.sha256}")
    return code


def _parts(count: int, processors: int) -> list[range]:
    """The records' places, in as many stretches as it is worth to start processes for."""
    size = max(-(-count // processors), WORTH_A_PROCESS)
    return [range(at, min(at + size, count)) for at in range(0, count, size)] or [range(0)]


def _recompute_part(path: Path, part: range) -> list[_Told]:
    """The records at these places of the bundle, as far as they are well, each behind the one before it.

    Runs in a process of its own, so it opens the bundle for itself.
    """
    with Bundle(path) as opened:
        told: list[_Told] = []
        names = list(opened.names(RECORD_NAME))
        before = _named_head(names[part.start - 1]) if part.start else opened.manifest.start
        follower = chain.Follower(before, phase=opened.manifest.phase.identity)
        suites = _disclosed(opened)
        for name, content in opened.records(names[place] for place in part):
            try:
                # Nothing is handed out that does not have the hash that its name tells.
                follower.follow(content, sha256=_named_head(name).sha256)
            except ChainBroken as broken:
                return [*told, _Told(words=str(broken), code=DIFFERS)]
            answers = opened.read(name.replace("records/", "answers/"))
            beside = _Beside(suites=suites, edges_of=opened.evidence, answers=answers)
            told.append(_recomputed(content, beside))
            if told[-1].code:
                break
    return told


def _named_head(name: str) -> Head:
    """The link that a record's name tells; that it tells the truth is seen where that record is read."""
    number, sha256 = name.removeprefix("records/").removesuffix(".json").split("-")
    return Head(number=int(number), sha256=sha256)


def _disclosed(opened: Bundle) -> Disclosure:
    told = opened.read(DISCLOSURE_NAME)
    return disclosure.read(told) if told is not None else {}


def _print(told: Iterable[_Told]) -> int:
    """Each in its turn, until one is not well; returns its code."""
    for each in told:
        print(each.words)
        if each.code:
            return each.code
    return WELL


def _recomputed(content: bytes, beside: _Beside) -> _Told:
    """What becomes of one record. Raises ``RecordError`` where it is none."""
    record = sealed.read(content)
    place = f"registro {record.chain.number} ({record.subject.submission})"
    try:
        computed = recompute.recompute(record)
        differences = chained(
            recompute.differences(record, computed),
            counted.window_differences(record, beside.edges_of),
            _regraded(record, content, beside),
        )
        different = next(differences, None)
    except RecordError as error:
        raise error.inside(place) from None
    if different is not None:
        return _Told(words=f"{place}: {_said(different)}", code=DIFFERS)
    trust = "" if counted.all_counted(record, beside.edges_of) else TAKEN_ON_TRUST
    return _Told(words=f"{place}: {_score(computed)}: idéntica{trust}{_left_out(record)}")


def _left_out(record: Record) -> str:
    """The repetitions that were begun and do not count; mostly there are none."""
    numbers = [str(number) for number in void_repetitions(record)]
    if not numbers:
        return ""
    shown = ", ".join(numbers[:MOST_SHOWN]) + ("…" if len(numbers) > MOST_SHOWN else "")
    return f"; repeticiones nulas, que no cuentan: {shown}"


def _regraded(record: Record, content: bytes, beside: _Beside) -> Iterator[Difference]:
    suite = beside.suites.get(record.suite.sha256)
    if suite is None:
        return iter(())
    answers = None
    if beside.answers is not None:
        sha256 = chain.sha256_of(content)
        answers = disclosure.read_answers(beside.answers, record=record, record_sha256=sha256)
    return recompute.grading_differences(record, suite, answers)


def _heads_of_folder(path: Path) -> list[tuple[str, int, Head]]:
    """The records of a store, of an unpacked bundle or of any folder, phase by phase and in their order."""
    found: dict[tuple[str, str, int], list[tuple[int, str, Path]]] = defaultdict(list)
    for file in sorted(_record_files(path)):
        place = sealed.place_of(_content_of(file))
        found[place.of_phase].append((place.number, file.name, file))
    if not found:
        raise _Asked(f"No hay ningún registro en {path}.")
    heads = []
    for phase, files in sorted(found.items()):
        files.sort()
        head = chain.verify(_content_of(file) for _, _, file in files)
        heads.append(("/".join(phase[:2]), len(files), head))
    return heads


def _record_files(path: Path) -> Iterator[Path]:
    """Files that a record's hash names, links left out."""
    for file in path.rglob("*.json"):
        if file.is_file() and not file.is_symlink() and _named_hash(file) and file.parent.name not in OTHERS:
            yield file


OTHERS = ("answers", "evidence")


def _content_of(path: Path) -> bytes:
    """A record's bytes; where its name tells its hash, they are the ones."""
    with path.open("rb") as file:
        content = file.read(MAX_RECORD_BYTES + 1)
    if (named := _named_hash(path)) and chain.sha256_of(content) != named:
        raise EntryChanged("sus bytes no son los del hash de su nombre", where=path.name)
    return content


def _named_hash(path: Path) -> str:
    """The hash at the end of the name, "" where there is none."""
    last = path.stem[-HASH_DIGITS:]
    return last if HASH.fullmatch(last) else ""


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def _records(count: int) -> str:
    return "1 registro" if count == 1 else f"{count} registros"


def _score(computed: Recomputed) -> str:
    return (
        f"puntuación {computed.value}, calidad {computed.quality}, ahorro {computed.green}, "
        f"energía {computed.energy_mj} mJ"
    )


def _said(different: Difference) -> str:
    return f"{different.field}: el registro dice {different.claimed} y sale {different.computed or 'nada'}"


def _refused(error: OSError) -> str:
    reasons = (
        (FileNotFoundError, "no existe"),
        (IsADirectoryError, "es una carpeta, y hace falta un archivo"),
        (PermissionError, "no hay permiso para leerlo"),
    )
    reason = next((words for kind, words in reasons if isinstance(error, kind)), error.strerror)
    return f"No se puede leer {error.filename}: {reason}."


class _Asked(Exception):
    """Something that we cannot do was asked for; ``str`` is the sentence."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Asked("Escribe python -m scoring recompute ARCHIVO, o python -m scoring verify ARCHIVO.")


def _parser() -> _Parser:
    parser = _Parser(prog="python -m scoring", description="Comprueba registros sellados, sin base de datos.")
    verbs = parser.add_subparsers(required=True, metavar="recompute|verify")
    for name, answer, help_text in (
        ("recompute", recompute_files, "vuelve a calcular la puntuación de un registro o de un archivo"),
        ("verify", verify, "sigue la cadena de un archivo o de una carpeta"),
    ):
        verb = verbs.add_parser(name, help=help_text)
        verb.add_argument("paths", type=Path, metavar="ARCHIVO", nargs="+")
        verb.set_defaults(answer=answer)
    return parser
