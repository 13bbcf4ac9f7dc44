"""Claims on the bundle: same records, same bytes; and whatever else is made of it is refused."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoring.record import bundle, canonical, chain, stored_zip
from scoring.record.bundle import Bundle, Named, Published
from scoring.record.chain import EMPTY, seal
from scoring.record.errors import BundleRefused, BundleTooLarge, ChainBroken, EntryChanged, RecordError
from tests.scoring.records import PHASE, a_bundle, a_chain, a_record

LINKS = a_chain(4)
EVIDENCE = (b'{"edges":[[1,2]]}', b'{"edges":[]}')
ONCE_PER_FILE = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def refused(path: Path) -> RecordError:
    with pytest.raises(RecordError) as found, Bundle(path) as opened:
        opened.check()
    return found.value


def entries_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def written_again(path: Path, entries: Sequence[tuple[str, bytes]], *, is_told: bool = True) -> Path:
    """A zip of ours of other entries; ``is_told``: under a manifest that tells the truth about them."""
    writer, pieces = stored_zip.Writer(), []
    for name, content in entries:
        if name == "manifest.json" and is_told:
            manifest = json.loads(content)
            manifest["entries"] = [
                {"name": each, "sha256": hashlib.sha256(bytes_).hexdigest(), "size": len(bytes_)}
                for each, bytes_ in entries
                if each != name
            ]
            content = canonical.dumps(manifest)
        pieces.append(writer.entry(name, content))
    path.write_bytes(b"".join([*pieces, writer.tail()]))
    return path


def foreign_zip(path: Path, fill: Callable[[zipfile.ZipFile], Any]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        fill(file)
    return path


# --- writing -----------------------------------------------------------------------------------------------


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    first = a_bundle(tmp_path / "a.zip", LINKS, is_disclosed=True, evidence=EVIDENCE)
    second = a_bundle(tmp_path / "b.zip", a_chain(4), is_disclosed=True, evidence=EVIDENCE[::-1] * 2)
    assert first.read_bytes() == second.read_bytes()


def test_any_zip_program_opens_it_and_finds_what_the_names_promise(tmp_path: Path) -> None:
    path = a_bundle(tmp_path / "a.zip", LINKS, is_disclosed=True, evidence=EVIDENCE)
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        assert {each.date_time for each in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        names = file.namelist()
        assert names[0] == "LEEME.md"
        assert names[-2:] == ["disclosure.json", "manifest.json"]
        for link in LINKS:
            assert file.read(f"records/{link.number:08d}-{link.sha256}.json") == link.content
        manifest = json.loads(file.read("manifest.json"))
    assert manifest["count"] == 4
    assert manifest["head_sha256"] == LINKS[-1].sha256
    assert [line["name"] for line in manifest["entries"]] == names[:-1]


def test_a_bundle_checks_and_gives_back_what_was_put_in(tmp_path: Path) -> None:
    path = a_bundle(tmp_path / "a.zip", LINKS, is_disclosed=True, evidence=EVIDENCE)
    with Bundle(path) as opened:
        assert opened.check() == LINKS[-1].head
        assert [content for _, content in opened.records()] == [link.content for link in LINKS]
        assert opened.read(f"evidence/{hashlib.sha256(EVIDENCE[0]).hexdigest()}.json") == EVIDENCE[0]
        assert opened.read("records/none.json") is None


def test_a_phase_without_records_is_an_empty_chain(tmp_path: Path) -> None:
    with Bundle(a_bundle(tmp_path / "a.zip", [])) as opened:
        assert opened.check() == EMPTY


def test_a_part_of_a_chain_tells_what_it_stands_behind(tmp_path: Path) -> None:
    with Bundle(a_bundle(tmp_path / "a.zip", LINKS[2:], start=LINKS[1].head)) as opened:
        assert opened.manifest.first == 3
        assert opened.check() == LINKS[-1].head


def test_a_broken_chain_is_never_written() -> None:
    for links in (LINKS[1:], [LINKS[0], LINKS[2]], LINKS[:2] * 2):
        with pytest.raises(ChainBroken):
            list(bundle.chunks(phase=PHASE, records=[Published(content=link.content) for link in links]))
    other = replace(PHASE, phase="otra")
    with pytest.raises(ChainBroken, match="otra fase"):
        list(bundle.chunks(phase=other, records=[Published(content=LINKS[0].content)]))


@given(
    records=st.integers(0, 4),
    evidence=st.lists(st.binary(max_size=40), max_size=3),
    skipped=st.integers(0, 2),
)
def test_the_length_is_told_before_the_first_piece(records: int, evidence: list[bytes], skipped: int) -> None:
    start = LINKS[skipped - 1].head if skipped else EMPTY
    links = LINKS[skipped : skipped + records]
    files = {chain.sha256_of(content): content for content in evidence}
    told = bundle.length(
        phase=PHASE,
        records=[Named(sha256=link.sha256, size=len(link.content), number=link.number) for link in links],
        start=start,
        evidence=[Named(sha256=sha256, size=len(files[sha256])) for sha256 in sorted(files)],
    )
    pieces = bundle.chunks(
        phase=PHASE,
        records=[Published(content=link.content) for link in links],
        start=start,
        evidence=list(files),
        evidence_of=files.__getitem__,
    )
    assert told == len(b"".join(pieces))


def test_one_record_at_a_time_is_asked_for() -> None:
    asked: list[int] = []

    def records() -> Any:
        for link in LINKS:
            asked.append(link.number)
            yield Published(content=link.content)

    pieces = bundle.chunks(phase=PHASE, records=records())
    assert [len(asked) for _ in zip(range(4), pieces, strict=False)] == [0, 1, 2, 3]


def test_more_than_a_zip_of_ours_can_hold_is_said_before_it_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stored_zip, "MAX_ENTRIES", 3)
    with pytest.raises(BundleTooLarge, match="en varios archivos"):
        list(bundle.chunks(phase=PHASE, records=[Published(content=link.content) for link in LINKS]))


# --- one byte ----------------------------------------------------------------------------------------------


@given(where=st.integers(0), change=st.integers(1, 255))
@settings(ONCE_PER_FILE, max_examples=300)
def test_one_byte_changed_anywhere_is_always_found(tmp_path: Path, where: int, change: int) -> None:
    path = a_bundle(tmp_path / "a.zip", LINKS[:2], is_disclosed=True, evidence=EVIDENCE)
    content = bytearray(path.read_bytes())
    content[where % len(content)] ^= change
    path.write_bytes(content)
    assert str(refused(path))


def test_each_single_byte_of_the_headers_and_of_the_end_is_looked_at(tmp_path: Path) -> None:
    """All of them, where hypothesis may not come by: what lies outside of the entries' own bytes."""
    path = a_bundle(tmp_path / "a.zip", LINKS[:1])
    whole = path.read_bytes()
    with stored_zip.Archive(path) as archive:
        headers = [range(e.offset, e.offset + 30 + len(e.name)) for e in archive.entries]
        tail = range(
            archive.entries[-1].offset + 30 + len("manifest.json") + archive.entries[-1].size, len(whole)
        )
    for place in (place for part in (*headers, tail) for place in part):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        assert str(refused(path)), place


@given(length=st.integers(0))
@settings(ONCE_PER_FILE, max_examples=60)
def test_a_file_that_was_cut_short_is_refused(tmp_path: Path, length: int) -> None:
    path = a_bundle(tmp_path / "a.zip", LINKS[:2])
    whole = path.read_bytes()
    path.write_bytes(whole[: length % len(whole)])
    assert isinstance(refused(path), BundleRefused)


@pytest.mark.parametrize("more", [b"\0", b"PK", b"x" * 100])
def test_a_file_with_something_before_or_behind_it_is_refused(tmp_path: Path, more: bytes) -> None:
    path = a_bundle(tmp_path / "a.zip", LINKS[:2])
    whole = path.read_bytes()
    for changed in (more + whole, whole + more):
        path.write_bytes(changed)
        assert isinstance(refused(path), BundleRefused)


def test_a_changed_record_is_named_even_under_its_new_checksum(tmp_path: Path) -> None:
    path = a_bundle(tmp_path / "a.zip", LINKS)
    entries = entries_of(path)
    name = next(name for name in entries if name.startswith("records/00000003"))
    entries[name] = entries[name].replace(b'"quality":"0.750000"', b'"quality":"0.850000"')
    found = refused(written_again(path, list(entries.items()), is_told=False))
    assert (type(found), found.where) == (EntryChanged, name)
    # And under a manifest that was changed with it, its name still tells its hash.
    found = refused(written_again(path, list(entries.items())))
    assert (type(found), found.where) == (BundleRefused, name)


# --- entries -----------------------------------------------------------------------------------------------


def test_a_missing_and_an_extra_entry_are_named(tmp_path: Path) -> None:
    path = a_bundle(tmp_path / "a.zip", LINKS, is_disclosed=True)
    entries = entries_of(path)
    for name in [name for name in entries if name != "manifest.json"]:
        without = [(each, content) for each, content in entries.items() if each != name]
        found = refused(written_again(path, without, is_told=False))
        assert found.where == name
        assert "falta" in found.what
    more = [("records/00000009-" + "a" * 64 + ".json", b"{}"), *entries.items()]
    found = refused(written_again(path, more, is_told=False))
    assert (found.where, found.what) == (more[0][0], "sobra: no está en el manifiesto")


def test_a_record_that_was_taken_out_with_its_line_breaks_the_chain(tmp_path: Path) -> None:
    path = a_bundle(tmp_path / "a.zip", LINKS)
    without = [(n, c) for n, c in entries_of(path).items() if not n.startswith("records/00000002")]
    found = refused(written_again(path, without))
    assert isinstance(found, ChainBroken)
    assert (found.number, found.problem) == (2, "missing")


def test_the_last_record_taken_out_with_its_line_is_missed_too(tmp_path: Path) -> None:
    path = a_bundle(tmp_path / "a.zip", LINKS)
    without = [(n, c) for n, c in entries_of(path).items() if not n.startswith("records/00000004")]
    found = refused(written_again(path, without))
    assert isinstance(found, ChainBroken)
    assert LINKS[-1].sha256 in found.expected


def test_records_in_another_order_break_the_chain(tmp_path: Path) -> None:
    path = a_bundle(tmp_path / "a.zip", LINKS)
    readme, first, second, *others = entries_of(path).items()
    found = refused(written_again(path, [readme, second, first, *others]))
    assert isinstance(found, ChainBroken)
    assert (found.number, found.problem) == (1, "reordered")


def test_a_record_resealed_with_all_that_follow_has_another_head(tmp_path: Path) -> None:
    """Nothing inside can show it: the head is what must be compared with the one that was published."""
    forged = [LINKS[0]]
    for number in (2, 3, 4):
        forged.append(seal(a_record(number=number, environment={"python": "9"}), forged[-1].head))
    with Bundle(a_bundle(tmp_path / "a.zip", forged)) as opened:
        assert opened.check() != LINKS[-1].head


@pytest.mark.parametrize(
    ("field", "lie"),
    [
        ("count", 3),
        ("count", 5),
        ("first", 2),
        ("head_sha256", "0" * 64),
        ("previous_sha256", "1" * 64),
        ("phase", {"challenge": "energia", "phase": "otra", "phase_id": 1}),
        ("phase", {"challenge": "energia", "phase": "primera", "phase_id": 2}),
        ("format", "desafio-bundle/2"),
        ("more", 1),
    ],
)
def test_a_manifest_that_lies_is_found(tmp_path: Path, field: str, lie: Any) -> None:
    path = a_bundle(tmp_path / "a.zip", LINKS)
    entries = entries_of(path)
    manifest = {**json.loads(entries["manifest.json"]), field: lie}
    entries["manifest.json"] = canonical.dumps(manifest)
    assert str(refused(written_again(path, list(entries.items()), is_told=False)))


@pytest.mark.parametrize("field", ["sha256", "size", "name"])
def test_a_manifest_that_lies_about_an_entry_is_found(tmp_path: Path, field: str) -> None:
    path = a_bundle(tmp_path / "a.zip", LINKS, is_disclosed=True, evidence=EVIDENCE)
    whole = entries_of(path)
    lies: dict[str, Any] = {"sha256": "0" * 64, "size": 1, "name": "otro.json"}
    for at in range(len(whole) - 1):
        manifest = json.loads(whole["manifest.json"])
        manifest["entries"][at][field] = lies[field]
        lying = {**whole, "manifest.json": canonical.dumps(manifest)}
        assert str(refused(written_again(path, list(lying.items()), is_told=False)))


@pytest.mark.parametrize(
    "more",
    [
        "LEEME.md/x",
        "records/otro.json",
        "records/00000001-" + "a" * 63 + ".json",
        "otro.json",
        "evidence/x.json",
    ],
)
def test_an_entry_that_nobody_knows_is_refused_though_the_manifest_tells_it(
    tmp_path: Path, more: str
) -> None:
    path = a_bundle(tmp_path / "a.zip", LINKS)
    *entries, manifest = entries_of(path).items()
    try:
        found = refused(written_again(path, [*entries, (more, b"{}"), manifest]))
    except ValueError:
        return  # a name that cannot even be written
    assert found.where == more


def test_answers_stand_behind_their_own_record(tmp_path: Path) -> None:
    path = a_bundle(tmp_path / "a.zip", LINKS[:2], is_disclosed=True)
    readme, first, answers, second, *others = entries_of(path).items()
    found = refused(written_again(path, [readme, first, second, answers, *others]))
    assert found.where == answers[0]


def test_the_manifest_comes_last_and_once(tmp_path: Path) -> None:
    path = a_bundle(tmp_path / "a.zip", LINKS)
    *entries, manifest = entries_of(path).items()
    assert refused(written_again(path, [manifest, *entries])).where == "manifest.json"
    assert refused(written_again(path, entries)).where == "manifest.json"


def test_evidence_comes_behind_the_records(tmp_path: Path) -> None:
    path = a_bundle(tmp_path / "a.zip", LINKS[:1], evidence=EVIDENCE[:1])
    readme, record, evidence, manifest = entries_of(path).items()
    found = refused(written_again(path, [readme, evidence, record, manifest]))
    assert (found.where, found.what) == (record[0], "está fuera de su sitio")


# --- zips that others make ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("../manifest.json", "sale de su carpeta"),
        ("records/../../x.json", "sale de su carpeta"),
        ("..\\x.json", "sale de su carpeta"),
        ("/etc/passwd", "ruta absoluta"),
        ("\\x.json", "ruta absoluta"),
        ("C:\\x.json", "ruta absoluta"),
        ("registros/ñ.json", "no es un nombre de los nuestros"),
        ("records/\x01.json", "no es un nombre de los nuestros"),
    ],
)
def test_a_name_that_leaves_its_folder_is_refused(tmp_path: Path, name: str, what: str) -> None:
    def fill(file: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo("placeholder")
        info.filename = name
        file.writestr(info, b"{}")

    found = refused(foreign_zip(tmp_path / "a.zip", fill))
    assert isinstance(found, BundleRefused)
    assert what in found.what
    assert found.where


def test_a_name_longer_than_any_of_ours_is_refused(tmp_path: Path) -> None:
    for name in ("a" * 121, "a" * 200, "a" * 60_000):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
            file.writestr(name, b"")
        assert isinstance(refused(tmp_path / "a.zip"), BundleRefused)


def test_a_link_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("records/enlace.json")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    found = refused(foreign_zip(tmp_path / "a.zip", lambda file: file.writestr(info, "/etc/passwd")))
    assert (found.where, found.what) == ("records/enlace.json", "es un enlace")


def test_a_zip_bomb_is_refused_before_a_byte_of_it_is_unpacked(tmp_path: Path) -> None:
    path = foreign_zip(
        tmp_path / "a.zip",
        lambda file: file.writestr("manifest.json", b"0" * 50_000_000, zipfile.ZIP_DEFLATED),
    )
    assert path.stat().st_size < 100_000
    assert (refused(path).where, refused(path).what[:16]) == ("manifest.json", "está comprimida,")


def test_an_entry_larger_than_any_of_ours_is_refused(tmp_path: Path) -> None:
    content = b"0" * (stored_zip.MAX_ENTRY_BYTES + 1)
    path = foreign_zip(tmp_path / "a.zip", lambda file: file.writestr("manifest.json", content))
    assert "el máximo es" in refused(path).what


def test_a_zip_of_more_entries_than_it_may_have_is_refused(tmp_path: Path) -> None:
    end = stored_zip.END.pack(stored_zip.END_SIGNATURE, 0, 0, 65_535, 65_535, 10**7, 0, 0)
    (tmp_path / "a.zip").write_bytes(end)
    assert "su índice es más grande" in refused(tmp_path / "a.zip").what


def test_entries_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    """The overlapping bomb: many names, each said to lie at the same place."""
    content, names = b"{}" * 1000, ("a.json", "b.json", "c.json")
    writer = stored_zip.Writer()
    first = writer.entry(names[0], content)
    headers = b"".join(
        stored_zip._central_header(stored_zip.Entry(name, len(content), zlib.crc32(content), 0))
        for name in names
    )
    end = stored_zip.END.pack(stored_zip.END_SIGNATURE, 0, 0, 3, 3, len(headers), len(first), 0)
    (tmp_path / "a.zip").write_bytes(first + headers + end)
    found = refused(tmp_path / "a.zip")
    assert (found.where, found.what) == ("b.json", "no empieza donde acaba la anterior")


def test_bytes_that_no_entry_holds_are_refused_wherever_they_hide(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    writer = stored_zip.Writer()
    first, hidden = writer.entry("a.json", b"{}"), b"escondido"
    tail = writer.tail()
    directory = tail[: -stored_zip.END.size]

    def end(directory_at: int) -> bytes:
        return stored_zip.END.pack(stored_zip.END_SIGNATURE, 0, 0, 1, 1, len(directory), directory_at, 0)

    for content, what in (
        (first + hidden + directory + end(len(first + hidden)), "falta o sobra algo"),
        (first + directory + hidden + end(len(first)), "su índice no está donde debe"),
        (hidden + first + directory + end(len(hidden + first)), "falta o sobra algo"),
    ):
        path.write_bytes(content)
        assert what in refused(path).what


def test_an_entry_whose_bytes_are_not_those_of_its_checksum_is_not_handed_out(tmp_path: Path) -> None:
    writer = stored_zip.Writer()
    whole = writer.entry("a.json", b"{}") + writer.tail()
    (tmp_path / "a.zip").write_bytes(whole.replace(b"{}", b"[]"))
    with stored_zip.Archive(tmp_path / "a.zip") as archive, pytest.raises(EntryChanged):
        archive.read(archive.entries[0])


def test_an_entry_twice_is_refused(tmp_path: Path) -> None:
    writer = stored_zip.Writer()
    pieces = [writer.entry("LEEME.md", b"1"), writer.entry("LEEME.md", b"2")]
    (tmp_path / "a.zip").write_bytes(b"".join([*pieces, writer.tail()]))
    assert (refused(tmp_path / "a.zip").where, refused(tmp_path / "a.zip").what) == (
        "LEEME.md",
        "está dos veces",
    )


def test_an_encrypted_entry_is_refused(tmp_path: Path) -> None:
    path = a_bundle(tmp_path / "a.zip", LINKS[:1])
    content = bytearray(path.read_bytes())
    flags = content.index(struct.pack("<I", stored_zip.CENTRAL_SIGNATURE)) + 8
    content[flags] |= 1
    path.write_bytes(content)
    assert refused(path).what == "está cifrada"


@pytest.mark.parametrize("content", [b"", b"PK", b"no es un zip" * 10, b"\0" * 1000])
def test_what_is_no_zip_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    assert "zip de registros" in refused(tmp_path / "a.zip").what


def test_an_ordinary_zip_of_the_same_files_is_refused(tmp_path: Path) -> None:
    entries = entries_of(a_bundle(tmp_path / "a.zip", LINKS))

    def fill(file: zipfile.ZipFile) -> None:
        for name, content in entries.items():
            file.writestr(name, content)

    assert isinstance(refused(foreign_zip(tmp_path / "b.zip", fill)), BundleRefused)
