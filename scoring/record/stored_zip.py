"""A zip of entries that are stored, not compressed, written in one way only: same entries, same bytes.

``bundle`` writes and reads through here. Compression would make the bytes hang on whose zlib wrote them, and
would let a small file claim a huge one. What is read is held against what would have been written, so that
each byte of a file is accounted for; any ordinary zip program opens it too. Format: PKWARE APPNOTE 6.3.10.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, NoReturn, Self

from scoring.record.errors import BundleRefused, BundleTooLarge, EntryChanged

LOCAL = struct.Struct("<IHHHHHIIIHH")
CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
END = struct.Struct("<IHHHHIIH")
LOCAL_SIGNATURE, CENTRAL_SIGNATURE, END_SIGNATURE = 0x04034B50, 0x02014B50, 0x06054B50
VERSION, MADE_BY_UNIX, FLAGS, STORED = 10, 3 << 8 | 20, 0, 0
# The first day that the format knows: no file tells when it was made.
TIME, DATE = 0, 1 << 5 | 1
REGULAR_FILE = 0o100644 << 16
FILE_TYPE, SYMBOLIC_LINK = 0o170000, 0o120000
ENCRYPTED = 1
# Beyond these a zip needs the fields of ZIP64, which we do not write.
MAX_ENTRIES, MAX_FILE_BYTES = 2**16 - 2, 2**32 - 2
MAX_ENTRY_BYTES = 16 * 2**20
TOO_LARGE = "no cabe: exporta la fase en varios archivos, cada uno con un tramo de la cadena"
NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[a-z]+)?(?:/[A-Za-z0-9_-]+(?:\.[a-z]+)?)?")
MAX_NAME_BYTES = 120


class Entry(NamedTuple):
    """One file of the zip; ``offset`` is where its header begins."""

    name: str
    size: int
    crc32: int
    offset: int


class Writer:
    """Hands out the bytes of a zip, one entry after the other, to wherever they are wanted."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._offset = 0

    def entry(self, name: str, content: bytes) -> bytes:
        """The next piece. Raises ``BundleTooLarge``, and ``ValueError`` for a name that none of ours has."""
        if not NAME.fullmatch(name) or len(name) > MAX_NAME_BYTES:
            raise ValueError(f"not a name of an entry: {name!r}")
        if len(content) > MAX_ENTRY_BYTES:
            raise BundleTooLarge(f"tiene más de {MAX_ENTRY_BYTES} bytes", where=name)
        entry = Entry(name, len(content), zlib.crc32(content), self._offset)
        self._entries.append(entry)
        piece = _local_header(entry) + content
        self._offset += len(piece)
        if len(self._entries) > MAX_ENTRIES or self._offset > MAX_FILE_BYTES:
            raise BundleTooLarge(TOO_LARGE, where=name)
        return piece

    def tail(self) -> bytes:
        """The last piece."""
        return _tail(self._entries, self._offset)


def zip_bytes(name: str | None = None, size: int = 0) -> int:
    """How much of a zip is one entry, with its line of the index; without a name, what ends every zip."""
    if name is None:
        return END.size
    return LOCAL.size + CENTRAL.size + 2 * len(name.encode()) + size


class Archive:
    """A zip that ``Writer`` made; use it in a ``with``.

    Raises ``BundleRefused`` with the entry's name for anything that ``Writer`` does not write, and
    ``OSError`` where the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("rb")
        try:
            self.entries: Sequence[Entry] = _entries_of(self._file)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def read(self, entry: Entry) -> bytes:
        """The entry's content. Raises ``EntryChanged`` where it or its header was changed."""
        header = _local_header(entry)
        self._file.seek(entry.offset)
        piece = self._file.read(len(header) + entry.size)
        if not piece.startswith(header):
            raise EntryChanged("su cabecera no es la que dice el índice", where=entry.name)
        content = piece[len(header) :]
        if len(content) != entry.size or zlib.crc32(content) != entry.crc32:
            raise EntryChanged("sus bytes no son los que dice el índice", where=entry.name)
        return content


def _local_header(entry: Entry) -> bytes:
    return LOCAL.pack(LOCAL_SIGNATURE, *_in_both_headers(entry)) + entry.name.encode()


def _in_both_headers(entry: Entry) -> tuple[int, ...]:
    """From the version that is needed to the length of the extra field, of which there is none."""
    length = len(entry.name.encode())
    return VERSION, FLAGS, STORED, TIME, DATE, entry.crc32, entry.size, entry.size, length, 0


def _tail(entries: Sequence[Entry], offset: int) -> bytes:
    directory = b"".join(_central_header(entry) for entry in entries)
    return directory + _end(len(entries), len(directory), offset)


def _end(count: int, directory_size: int, directory_at: int) -> bytes:
    return END.pack(END_SIGNATURE, 0, 0, count, count, directory_size, directory_at, 0)


def _central_header(entry: Entry) -> bytes:
    fields = (MADE_BY_UNIX, *_in_both_headers(entry), 0, 0, 0, REGULAR_FILE, entry.offset)
    return CENTRAL.pack(CENTRAL_SIGNATURE, *fields) + entry.name.encode()


def _entries_of(file: BinaryIO) -> Sequence[Entry]:
    size = file.seek(0, 2)
    if not END.size <= size <= MAX_FILE_BYTES:
        raise BundleRefused("no es un zip de registros: es demasiado corto o demasiado largo")
    file.seek(size - END.size)
    signature, _, _, _, count, directory_size, directory_at, _ = END.unpack(file.read(END.size))
    if signature != END_SIGNATURE:
        raise BundleRefused("no termina como un zip de registros: está cortado, o le sobra algo al final")
    if count > MAX_ENTRIES or directory_size > count * (CENTRAL.size + MAX_NAME_BYTES):
        raise BundleRefused("su índice es más grande de lo que puede ser el de uno de estos archivos")
    if directory_at + directory_size + END.size != size:
        raise BundleRefused("su índice no está donde debe: al archivo le falta o le sobra algo")
    file.seek(directory_at)
    directory, end = file.read(directory_size), file.read()
    entries = list(_central_entries(directory, count))
    _check_layout(entries, directory_at)
    if end != _end(count, directory_size, directory_at):
        raise BundleRefused("su final no es el que escribe este programa")
    return entries


def _central_entries(directory: bytes, count: int) -> Iterator[Entry]:
    at = 0
    for number in range(count):
        if at + CENTRAL.size > len(directory):
            raise BundleRefused(f"su índice acaba antes de la entrada {number + 1}")
        fields = CENTRAL.unpack_from(directory, at)
        end = at + CENTRAL.size + fields[10]
        name = directory[at + CENTRAL.size : end].decode("latin-1")
        entry = Entry(name, fields[9], fields[7], fields[16])
        is_ours = NAME.fullmatch(name) and len(name) <= MAX_NAME_BYTES and entry.size <= MAX_ENTRY_BYTES
        if not is_ours or directory[at:end] != _central_header(entry):
            _refuse_entry(fields, name)
        yield entry
        at = end
    if at != len(directory):
        raise BundleRefused("su índice tiene más de lo que dice")


def _refuse_entry(fields: tuple[int, ...], name: str) -> NoReturn:
    """Say what keeps it from being an entry that ``Writer`` wrote; the worst first."""
    signature, flags, method, packed, size, attributes = (fields[i] for i in (0, 3, 4, 8, 9, 15))
    shown = name[:MAX_NAME_BYTES].encode("unicode_escape").decode()
    reasons = (
        (signature != CENTRAL_SIGNATURE, "no es una entrada de un índice"),
        (name.startswith(("/", "\\")) or ":" in name, "es una ruta absoluta"),
        (".." in re.split(r"[/\\]", name), "sale de su carpeta"),
        (attributes >> 16 & FILE_TYPE == SYMBOLIC_LINK, "es un enlace"),
        (flags & ENCRYPTED, "está cifrada"),
        (method != STORED, "está comprimida, y estos archivos no se comprimen"),
        (packed != size, "dice dos tamaños distintos"),
        (size > MAX_ENTRY_BYTES, f"dice tener {size} bytes, y el máximo es {MAX_ENTRY_BYTES}"),
        (not NAME.fullmatch(name) or len(name) > MAX_NAME_BYTES, "no es un nombre de los nuestros"),
    )
    what = next((what for is_so, what in reasons if is_so), "su cabecera no es la que escribe este programa")
    raise BundleRefused(what, where=shown)


def _check_layout(entries: Sequence[Entry], directory_at: int) -> None:
    """Each entry begins where the one before it ends: nothing lies between them, under them or twice."""
    offset, seen = 0, set()
    for entry in entries:
        if entry.name in seen:
            raise BundleRefused("está dos veces", where=entry.name)
        if entry.offset != offset:
            raise BundleRefused("no empieza donde acaba la anterior", where=entry.name)
        seen.add(entry.name)
        offset += LOCAL.size + len(entry.name) + entry.size
    if offset != directory_at:
        raise BundleRefused("entre la última entrada y el índice falta o sobra algo")
