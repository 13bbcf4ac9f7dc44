"""The file of a backup: a zip of the manifest and the dump, sealed, so that one changed byte anywhere shows.

The seal is the zip's comment, its last bytes: the SHA-256 of everything before it. Whoever gets such a file
can look into it with any zip tool. Nothing is ever unpacked under a name that the file itself gives.
"""

from __future__ import annotations

import errno
import hashlib
import os
import zipfile
import zlib
from pathlib import Path
from typing import IO

from challenges.backups import manifest as manifests
from challenges.backups.errors import Damaged, FileExists, FileFault, NotABackup, TooNew
from challenges.backups.manifest import FORMAT, Manifest

MANIFEST, DUMP = "manifest.json", "dump"
MARK = b"desafio-backup sha256:"
DIGEST_BYTES = 64
# How each begins: a zip's first entry, and its name at byte 30.
HEAD = b"PK\x03\x04"
NAME_AT = 30
# Some hundred tables and migrations; more is no manifest of ours.
LONGEST_MANIFEST = 2**20
PIECE = 2**20
# What reading a zip raises when its inside is not as it should be.
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    KeyError,
    OverflowError,
)
# Filesystems without links, as those of memory sticks.
CANNOT_LINK = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)


def write(target: Path, *, manifest: Manifest, dump: Path, overwrite: bool) -> None:
    """Write the backup, whole or not at all, for its owner alone; ``dump``'s folder takes the draft.

    That folder must lie beside ``target``. Raises FileExists and OSError.
    """
    draft = dump.with_name("draft")
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w+b") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.comment = MARK + b"0" * DIGEST_BYTES
            archive.writestr(MANIFEST, manifests.to_json(manifest))
            # PostgreSQL's own dump is compressed already.
            kind = zipfile.ZIP_DEFLATED if manifest.database == "sqlite" else zipfile.ZIP_STORED
            archive.write(dump, DUMP, compress_type=kind)
        digest = _digest_before_seal(file)
        file.seek(-DIGEST_BYTES, os.SEEK_END)
        file.write(digest)
        file.flush()
        os.fsync(file.fileno())
    _put_in_place(draft, target, overwrite=overwrite)


def _put_in_place(draft: Path, target: Path, *, overwrite: bool) -> None:
    if overwrite:
        draft.replace(target)
    else:
        try:
            # Unlike a rename, this fails when the name is taken, even if that happened a moment ago.
            target.hardlink_to(draft)
        except FileExistsError as fault:
            raise FileExists(target) from fault
        except OSError as fault:
            if fault.errno not in CANNOT_LINK:
                raise
            if target.exists():
                raise FileExists(target) from fault
            draft.rename(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(path: Path, *, into: Path) -> tuple[Manifest, Path]:
    """Check the file whole, and unpack its dump into the folder ``into``; returns where it lies.

    Raises FileFault, NotABackup, Damaged, and TooNew for a format that is not known here.
    """
    try:
        file = path.open("rb")
    except OSError as fault:
        raise FileFault(path, reason=fault.strerror or str(fault)) from fault
    with file:
        try:
            _check_seal(path, file)
        except OSError as fault:
            raise FileFault(path, reason=fault.strerror or str(fault)) from fault
        return _unpack(path, file, into)


def _check_seal(path: Path, file: IO[bytes]) -> None:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - DIGEST_BYTES - len(MARK)))
    tail = file.read()
    if not tail.startswith(MARK):
        file.seek(0)
        head = file.read(NAME_AT + len(MANIFEST))
        begins_well = head.startswith(HEAD) and head.endswith(MANIFEST.encode())
        raise Damaged(path, how="cut") if begins_well else NotABackup(path)
    if _digest_before_seal(file) != tail[len(MARK) :]:
        raise Damaged(path, how="changed")


def _digest_before_seal(file: IO[bytes]) -> bytes:
    left = file.seek(0, os.SEEK_END) - DIGEST_BYTES
    file.seek(0)
    digest = hashlib.sha256()
    while left > 0 and (piece := file.read(min(PIECE, left))):
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest().encode()


def _unpack(path: Path, file: IO[bytes], into: Path) -> tuple[Manifest, Path]:
    """What comes after the seal was found good: the file is as it was written, by whomever."""
    dump = into / DUMP
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = _manifest_of(path, archive)
            digest, count = _copy(archive, dump, limit=manifest.dump_bytes)
    except UNREADABLE as fault:
        raise Damaged(path, how="contents") from fault
    if (digest, count) != (manifest.dump_sha256, manifest.dump_bytes):
        raise Damaged(path, how="contents")
    return manifest, dump


def _manifest_of(path: Path, archive: zipfile.ZipFile) -> Manifest:
    if archive.getinfo(MANIFEST).file_size > LONGEST_MANIFEST:
        raise Damaged(path, how="contents")
    written = archive.read(MANIFEST)
    if (found := manifests.format_of(written)) > FORMAT:
        raise TooNew(what="format", found=str(found), ours=str(FORMAT))
    if sorted(archive.namelist()) != [DUMP, MANIFEST]:
        raise Damaged(path, how="contents")
    return manifests.from_json(written)


def _copy(archive: zipfile.ZipFile, target: Path, *, limit: int) -> tuple[str, int]:
    """Unpack at most ``limit`` bytes: a few may be packed so that they fill any disk."""
    digest, count = hashlib.sha256(), 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with archive.open(DUMP) as source, os.fdopen(descriptor, "wb") as file:
        while count <= limit and (piece := source.read(PIECE)):
            digest.update(piece)
            count += len(piece)
            file.write(piece)
    return digest.hexdigest(), count
