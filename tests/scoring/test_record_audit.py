"""Claims on ``python -m scoring``: what it prints and how it ends, run as an auditor runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from scoring.record import audit
from scoring.record.chain import Sealed, seal
from scoring.record.store import Store
from tests.scoring.records import a_bundle, a_chain, a_record, a_sealed, the_answers
from tests.scoring.test_record_bundle import entries_of, written_again

ROOT = Path(__file__).parents[2]
LINKS = a_chain(4)
# Nothing but the standard library and ``scoring``: whoever else is asked for is an error.
ALONE = """
import sys
allowed = set(sys.stdlib_module_names) | {"scoring"}
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed:
            raise ImportError(f"{name} is not for auditors")
sys.meta_path.insert(0, Blocker())
from scoring.record.audit import main
code = main(sys.argv[1:])
foreign = {name.partition(".")[0] for name in sys.modules} - allowed - {"__main__", "__mp_main__"}
sys.exit(code if not {name for name in foreign if not name.startswith("_")} else f"loaded: {foreign}")
"""


def asked(*arguments: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = audit.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def a_file(tmp_path: Path, link: Sealed) -> Path:
    path = tmp_path / f"{link.number:08d}-{link.sha256}.json"
    path.write_bytes(link.content)
    return path


def a_forged_bundle(tmp_path: Path, links: Sequence[Sealed]) -> Path:
    """A whole chain in which the third score claims more than it is worth."""
    third = a_record(number=3)
    richer = replace(third, score=replace(third.score, value="99.0000"))
    forged = [*links[:2], seal(richer, links[1].head)]
    return a_bundle(tmp_path / "forged.zip", [*forged, seal(a_record(number=4), forged[-1].head)])


# --- as an auditor runs it ---------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["verify", "recompute"])
def test_it_needs_nothing_but_the_standard_library_and_no_settings(tmp_path: Path, verb: str) -> None:
    path = a_bundle(tmp_path / "a.zip", LINKS, is_disclosed=True)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", ALONE, verb, str(path)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert LINKS[-1].sha256 in ran.stdout


def test_the_command_itself_starts_and_ends_with_the_code(tmp_path: Path) -> None:
    for path, code in ((a_bundle(tmp_path / "a.zip", LINKS), 0), (tmp_path / "none.zip", 2)):
        ran = subprocess.run(
            [sys.executable, "-m", "scoring", "verify", str(path)], cwd=ROOT, capture_output=True, check=False
        )
        assert ran.returncode == code


# --- verify ------------------------------------------------------------------------------------------------


def test_a_whole_chain_is_told_with_its_head(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = asked("verify", a_bundle(tmp_path / "a.zip", LINKS), capsys=capsys)
    assert told == (
        0,
        f"energia/primera: cadena íntegra: 4 registros, cabeza {LINKS[-1].sha256}\n",
        "",
    )


def test_the_first_broken_link_is_told_with_what_stands_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = a_bundle(tmp_path / "a.zip", LINKS)
    without = [(n, c) for n, c in entries_of(path).items() if not n.startswith("records/00000002")]
    code, out, _ = asked("verify", written_again(path, without), capsys=capsys)
    assert code == 1
    assert out == "registro 2: falta: se esperaba el número 2 y se encontró el número 3.\n"


def test_a_store_is_verified_as_it_lies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path)
    other = replace(a_record().chain, phase="segunda", phase_id=2)
    for content in [link.content for link in LINKS] + [a_sealed(a_record(chain=other)).content]:
        store.write(content)
    code, out, _ = asked("verify", tmp_path, capsys=capsys)
    assert code == 0
    assert [line.split(",")[0] for line in out.splitlines()] == [
        "energia/primera: cadena íntegra: 4 registros",
        "energia/segunda: cadena íntegra: 1 registro",
    ]
    store.path(LINKS[2].sha256).unlink()
    code, out, _ = asked("verify", tmp_path, capsys=capsys)
    assert (code, out.split(":")[0]) == (1, "registro 3")


def test_the_parts_of_a_chain_are_followed_from_one_to_the_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    links = a_chain(5)
    first = a_bundle(tmp_path / "1.zip", links[:2])
    second = a_bundle(tmp_path / "2.zip", links[2:], start=links[1].head)
    code, told, _ = asked("verify", first, second, capsys=capsys)
    assert code == 0
    assert told.splitlines()[-1].endswith(f"cadena íntegra: 5 registros, cabeza {links[-1].sha256}")
    code, told, _ = asked("verify", second, capsys=capsys)
    assert (code, "tramo íntegro: 3 registros desde el 3" in told, "cadena" in told) == (0, True, False)
    assert asked("recompute", first, second, capsys=capsys)[0] == 0


def test_parts_that_do_not_go_on_from_one_another_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    links = a_chain(5)
    first = a_bundle(tmp_path / "1.zip", links[:2])
    later = a_bundle(tmp_path / "3.zip", links[3:], start=links[2].head)
    for parts in ((first, later), (later, first)):
        code, told, _ = asked("verify", *parts, capsys=capsys)
        assert (code, "no enlaza con el anterior" in told) == (1, True)


def test_an_unpacked_bundle_is_verified_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile(a_bundle(tmp_path / "a.zip", LINKS, is_disclosed=True)) as file:
        file.extractall(tmp_path / "unpacked")
    assert asked("verify", tmp_path / "unpacked", capsys=capsys)[0] == 0


def test_a_file_whose_bytes_are_not_those_of_its_name_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for link in LINKS:
        path = a_file(tmp_path, link)
    path.write_bytes(path.read_bytes().replace(b"0.750000", b"0.850000"))
    for verb, asked_for in (("verify", tmp_path), ("recompute", path)):
        code, out, _ = asked(verb, asked_for, capsys=capsys)
        assert (code, out) == (1, f"{path.name}: sus bytes no son los del hash de su nombre\n")


# --- recompute ---------------------------------------------------------------------------------------------


def test_one_record_prints_its_score(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "registro.json"
    path.write_bytes(LINKS[0].content)
    code, out, err = asked("recompute", path, capsys=capsys)
    assert (code, err) == (0, "")
    assert out == (
        "registro 1 (00000000-0000-0000-0000-000000000001): puntuación 61.0316, calidad 0.750000, "
        "ahorro 0.627510, energía 6180 mJ: idéntica\n"
    )


@pytest.mark.parametrize("is_disclosed", [False, True])
def test_a_bundle_prints_every_score(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], is_disclosed: bool
) -> None:
    code, out, _ = asked(
        "recompute", a_bundle(tmp_path / "a.zip", LINKS, is_disclosed=is_disclosed), capsys=capsys
    )
    assert code == 0
    assert [line.split(" (")[0] for line in out.splitlines()[:4]] == [f"registro {n}" for n in range(1, 5)]
    assert out.splitlines()[4].startswith("4 registros: todas las puntuaciones salen idénticas")


def test_a_score_that_does_not_follow_names_record_and_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = a_forged_bundle(tmp_path, LINKS)
    assert asked("verify", path, capsys=capsys)[0] == 0
    code, out, _ = asked("recompute", path, capsys=capsys)
    assert code == 1
    assert out.splitlines()[-1] == (
        "registro 3 (00000000-0000-0000-0000-000000000003): score.value: "
        "el registro dice 99.0000 y sale 61.0316"
    )


def test_a_grade_that_the_disclosed_answer_did_not_earn_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = a_record()
    generous = a_record(runs=tuple(replace(run, grade="1.000000") for run in record.runs))
    link = a_sealed(generous)
    assert asked("recompute", a_bundle(tmp_path / "a.zip", [link]), capsys=capsys)[0] == 0
    code, out, _ = asked("recompute", a_bundle(tmp_path / "b.zip", [link], is_disclosed=True), capsys=capsys)
    assert code == 1
    assert "grade: el registro dice 1.000000 y sale 0.000000" in out


def test_many_processes_tell_the_same_as_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [a_bundle(tmp_path / "a.zip", LINKS, is_disclosed=True), a_forged_bundle(tmp_path, LINKS)]
    alone = [asked("recompute", path, capsys=capsys) for path in paths]
    monkeypatch.setattr(audit, "WORTH_A_PROCESS", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert [asked("recompute", path, capsys=capsys) for path in paths] == alone


@pytest.mark.parametrize("processors", [1, 2, 3, 64])
@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 30_000])
def test_every_record_is_in_just_one_part(count: int, processors: int) -> None:
    parts = audit._parts(count, processors)
    assert [place for part in parts for place in part] == list(range(count))
    assert 1 <= len(parts) <= processors


@pytest.mark.parametrize("verb", ["verify", "recompute"])
def test_a_broken_link_between_two_parts_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr(audit, "WORTH_A_PROCESS", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    stranger = seal(a_record(number=3), a_chain(2)[0].head)
    assert stranger.number == 2
    path = a_bundle(tmp_path / "a.zip", LINKS)
    entries = entries_of(path)
    names = [name for name in entries if name.startswith("records/")]
    changed = {name.replace("00000003", "00000009"): content for name, content in entries.items()}
    assert asked(verb, written_again(path, list(changed.items())), capsys=capsys)[0] != 0
    forged = a_record(number=3, environment={"python": "9"})
    third = seal(forged, LINKS[1].head)
    entries = {
        (f"records/00000003-{third.sha256}.json" if name == names[2] else name): (
            third.content if name == names[2] else content
        )
        for name, content in entries.items()
    }
    code, out, _ = asked(verb, written_again(path, list(entries.items())), capsys=capsys)
    assert code == 1
    assert "registro 4: no enlaza con el anterior" in out


# --- what cannot be done -----------------------------------------------------------------------------------


def test_bad_input_ends_with_2_and_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.json").write_text("hola")
    (tmp_path / "other.json").write_text('{"format":"otro"}')
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04")
    whole = LINKS[0].content
    (tmp_path / "policy.json").write_bytes(whole.replace(b'"policy":"verde"', b'"policy":"otra"'))
    for arguments in (
        [],
        ["recompute"],
        ["otra", "x"],
        ["verify", tmp_path / "none.zip"],
        ["recompute", tmp_path / "none.json"],
        ["recompute", tmp_path],
        ["verify", tmp_path / "empty"],
        ["verify", tmp_path / "text.json"],
        ["recompute", tmp_path / "text.json"],
        ["recompute", tmp_path / "other.json"],
        ["recompute", tmp_path / "policy.json"],
        ["recompute", tmp_path / "cut.zip"],
        ["verify", tmp_path / "cut.zip"],
    ):
        code, out, err = asked(*arguments, capsys=capsys)
        assert (code, out) == (2, ""), arguments
        assert len(err.splitlines()) == 1
        assert "Traceback" not in err


def test_answers_of_another_record_are_refused_with_the_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = a_bundle(tmp_path / "a.zip", LINKS, is_disclosed=True)
    entries = entries_of(path)
    name = next(name for name in entries if name.startswith("answers/00000002"))
    entries[name] = the_answers(LINKS[0])
    code, _, err = asked("recompute", written_again(path, list(entries.items())), capsys=capsys)
    assert code == 2
    assert "registro 2" in err
    assert "otro registro" in err


def test_links_in_a_folder_are_not_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for link in LINKS:
        a_file(tmp_path, link)
    (tmp_path / ("f" * 64 + ".json")).symlink_to("/etc/passwd")
    assert asked("verify", tmp_path, capsys=capsys)[0] == 0


def test_the_readme_in_a_bundle_names_commands_that_there_are(tmp_path: Path) -> None:
    readme = entries_of(a_bundle(tmp_path / "a.zip", LINKS[:1]))["LEEME.md"].decode()
    for verb in ("verify", "recompute"):
        assert f"python -m scoring {verb} ARCHIVO.zip" in readme
    assert json.loads(LINKS[0].content)["score"].keys() >= {"quality_repetitions", "energy_repetitions"}
