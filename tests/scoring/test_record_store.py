"""Claims on the store: bytes under their own hash, whole or not at all, and never others in their place."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from scoring.record.errors import NotStored, StoreConflict, StoreError, StoreFull
from scoring.record.store import Store

CONTENT = b'{"a":1}'
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "records")


def files(store: Store) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file()]


def test_what_is_written_lies_under_its_hash_and_reads_back(store: Store) -> None:
    assert store.write(CONTENT) == SHA256
    assert files(store) == [store.root / SHA256[:2] / SHA256[2:4] / f"{SHA256}.json"]
    assert store.read(SHA256) == CONTENT
    assert store.holds(SHA256)


def test_the_same_bytes_again_change_nothing(store: Store) -> None:
    store.write(CONTENT)
    before = store.path(SHA256).stat()
    assert store.write(CONTENT) == SHA256
    after = store.path(SHA256).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(files(store)) == 1


def test_other_bytes_under_the_same_name_are_refused_and_left_alone(store: Store) -> None:
    path = store.path(store.write(CONTENT))
    path.chmod(0o644)
    path.write_bytes(b'{"a":2}')
    with pytest.raises(StoreConflict) as written:
        store.write(CONTENT)
    with pytest.raises(StoreConflict) as read:
        store.read(SHA256)
    assert written.value.where == read.value.where == SHA256
    assert path.read_bytes() == b'{"a":2}'


@pytest.mark.parametrize("length", range(len(CONTENT)))
def test_a_file_that_was_cut_short_is_never_read_as_a_record(store: Store, length: int) -> None:
    path = store.path(store.write(CONTENT))
    path.chmod(0o644)
    path.write_bytes(CONTENT[:length])
    with pytest.raises(StoreConflict):
        store.read(SHA256)


def test_what_is_not_there_is_said_to_be_not_there(store: Store) -> None:
    with pytest.raises(NotStored, match=SHA256):
        store.read(SHA256)
    assert not store.holds(SHA256)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "a" * 63, "A" * 64, "a" * 64 + "\n", "g" * 64])
def test_a_name_that_is_no_hash_is_no_path(store: Store, name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        store.read(name)


def refusing(call: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk refuses this step, as the system would say it."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, refuse)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["fsync", "fchmod"])
def test_a_full_disk_is_said_to_be_full_and_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, code: int, call: str
) -> None:
    store.write(b"another")
    store.path(SHA256).parent.mkdir(parents=True, exist_ok=True)
    before = files(store)
    with monkeypatch.context() as patched:
        refusing(call, code, patched)
        with pytest.raises(StoreFull, match="disco está lleno") as full:
            store.write(CONTENT)
    assert full.value.where == SHA256
    assert files(store) == before
    assert store.write(CONTENT) == SHA256
    assert store.read(SHA256) == CONTENT


def test_a_disk_that_refuses_for_another_reason_is_no_full_disk(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing("fsync", errno.EIO, monkeypatch)
    with pytest.raises(StoreError) as refused:
        store.write(CONTENT)
    assert not isinstance(refused.value, StoreFull)


def test_a_folder_that_is_a_file_is_a_fault_of_ours_and_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "records").write_text("")
    with pytest.raises(StoreError):
        Store(tmp_path / "records").write(CONTENT)


def test_nothing_is_seen_under_its_name_before_it_lies_whole_on_disk(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First its bytes are synced, then it is renamed, then the folder is synced: a cut loses nothing."""
    seen: list[tuple[bool, bool]] = []
    really = os.fsync

    def watch(descriptor: int) -> None:
        is_file = (
            os.fstat(descriptor).st_size == len(CONTENT) and not Path(f"/proc/self/fd/{descriptor}").is_dir()
        )
        seen.append((is_file, store.holds(SHA256)))
        really(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    store.write(CONTENT)
    assert seen[-2:] == [(True, False), (False, True)]


def test_many_writers_of_the_same_bytes_leave_one_file(store: Store) -> None:
    start = threading.Barrier(8)
    written: list[str] = []

    def write() -> None:
        start.wait()
        written.append(store.write(CONTENT))

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert written == [SHA256] * 8
    assert len(files(store)) == 1
