"""Where the records lie: files named by the hash of what they hold, written whole or not at all.

``challenges`` writes a record before it commits the row that names it: a file without a row is harmless, a
row without a file is not. Nothing is ever overwritten or removed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from scoring.record.errors import NotStored, StoreConflict, StoreError, StoreFull

SHA256 = re.compile(r"[0-9a-f]{64}")
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
FOLDER_MODE, FILE_MODE = 0o755, 0o444


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of records: ``root``/ab/cd/abcd….json."""

    root: Path

    def path(self, sha256: str) -> Path:
        """Where it lies or would lie. Raises ``ValueError`` for what is no hash: it would be any path."""
        if not SHA256.fullmatch(sha256):
            raise ValueError(f"not a SHA-256 in lower-case hexadecimal: {sha256[:80]!r}")
        return self.root / sha256[:2] / sha256[2:4] / f"{sha256}.json"

    def write(self, content: bytes) -> str:
        """Keep the bytes, and return the hash that names them. Once it returns, they outlive a power cut.

        The same bytes again change nothing. Raises ``StoreFull``, ``StoreConflict`` where other bytes lie
        under their name, ``StoreError`` for any other refusal of the disk.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.path(sha256)
        try:
            _make_folder(path.parent, self.root)
            if not _holds(path, content, sha256):
                _publish(path, content)
            # Even where it was there: whoever wrote it may have died before this.
            _settle(path.parent)
        except OSError as error:
            raise _refused(error, sha256) from error
        return sha256

    def read(self, sha256: str) -> bytes:
        """The bytes of this name. Raises ``NotStored``, and ``StoreConflict`` where they are not the ones."""
        path = self.path(sha256)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise NotStored("no está en el almacén", where=sha256) from None
        except OSError as error:
            raise _refused(error, sha256) from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise StoreConflict("los bytes guardados no son los de su nombre", where=sha256)
        return content

    def holds(self, sha256: str) -> bool:
        return self.path(sha256).is_file()


def _make_folder(folder: Path, root: Path) -> None:
    """The folder and those above it, each entered for good in the one that holds it."""
    if folder.is_dir():
        return
    if folder != root:
        _make_folder(folder.parent, root)
    folder.mkdir(mode=FOLDER_MODE, parents=folder == root, exist_ok=True)
    _settle(folder.parent)


def _holds(path: Path, content: bytes, sha256: str) -> bool:
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return False
    if found != content:
        raise StoreConflict("ya hay otros bytes con este nombre", where=sha256)
    return True


def _publish(path: Path, content: bytes) -> None:
    # Beside its name, for a rename is one step only within a file system; no two writers share it.
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), FILE_MODE)
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _settle(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refused(error: OSError, sha256: str) -> StoreError:
    if error.errno in FULL:
        return StoreFull("el disco está lleno: libera espacio y se volverá a intentar", where=sha256)
    return StoreError(f"el disco no lo admite ({error.strerror})", where=sha256)
