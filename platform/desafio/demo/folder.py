"""The data folder of a demo: everything that it keeps, private to its owner, used by one demo at a time.

Holds the database, the weights, Valkey's files, logs, the secret key and the accounts. Deleting it starts
afresh. It never writes outside of itself.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from desafio.demo.reasons import CannotStart

# Where a demo keeps itself unless somebody says otherwise: in the checkout.
DEFAULT = Path(__file__).resolve().parents[3] / ".alia" / "demo"
# sun_path of sockaddr_un holds 108 bytes, the last of which is 0.
LONGEST_SOCKET_PATH = 107


@dataclass(frozen=True, slots=True)
class DataFolder:
    root: Path

    @property
    def socket(self) -> Path:
        return self.root / "valkey.sock"

    @property
    def database(self) -> Path:
        return self.root / "desafio.sqlite3"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    @property
    def accounts(self) -> Path:
        return self.root / "accounts.json"

    def prepare(self) -> None:
        """Make the folder, readable by its owner alone. Raises CannotStart."""
        length = len(os.fsencode(self.socket))
        if length > LONGEST_SOCKET_PATH:
            raise CannotStart(
                f"La ruta de la carpeta de datos es demasiado larga: {self.socket} ocupa {length} bytes, "
                f"y un socket admite {LONGEST_SOCKET_PATH}. Elige otra más corta, como --data /tmp/desafio"
            )
        try:
            self._refuse_what_is_not_ours()
            for folder in (self.root, self.logs, self.valkey):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
            self._lock.touch()
        except OSError as fault:
            raise CannotStart(self._sentence(fault)) from fault

    @property
    def _lock(self) -> Path:
        return self.root / "demo.lock"

    def _refuse_what_is_not_ours(self) -> None:
        """Somebody's home or /tmp must not be closed to everybody else because it was named here."""
        if self.root.is_dir() and any(self.root.iterdir()) and not self._lock.exists():
            raise CannotStart(
                f"La carpeta {self.root} no está vacía y no es de ninguna demostración. Elige una vacía o "
                "que no exista: ./alia demo --data CARPETA"
            )

    def take(self) -> IO[str]:
        """Lock the folder until the file is closed. Raises CannotStart when another demo runs in it."""
        lock = self._lock.open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            lock.close()
            raise CannotStart(
                f"Ya hay una demostración en marcha con la carpeta {self.root}. Párala con Ctrl-C, o usa "
                "otra carpeta y otro puerto: ./alia demo --data CARPETA --port 8010"
            ) from fault
        return lock

    def secret_key(self) -> str:
        """The key of this folder: made once, at random."""
        path = self.root / "secret_key"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(50))
        return path.read_text().strip()

    def log_of(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def _sentence(self, fault: OSError) -> str:
        if fault.errno == errno.ENOSPC:
            return disk_full(self.root)
        return (
            f"No se puede escribir en la carpeta de datos {self.root} ({fault.strerror}). "
            "Dale permiso de escritura o elige otra: ./alia demo --data CARPETA"
        )


def disk_full(where: Path) -> str:
    return (
        f"No queda sitio en el disco de {where}. Libera espacio (la primera vez hacen falta unos 500 MB), o "
        "elige una carpeta de otro disco: ./alia demo --data CARPETA"
    )


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read, whole or not at all."""
    draft = path.with_suffix(".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)
