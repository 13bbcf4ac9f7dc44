"""What the machine must offer before a demo starts anything: free ports, memory and disk.

Each check raises CannotStart with a sentence; none changes the machine.
"""

from __future__ import annotations

import errno
import shutil
import socket
from pathlib import Path

from desafio.demo.folder import disk_full
from desafio.demo.reasons import CannotStart

HOST = "127.0.0.1"
LAST_PORT = 65_535
# Measured: model 510 MB with four slots, web and worker 180 each, live and sweeper 80 each, this process 100.
MEMORY_MB = 1_200
WEIGHTS_MB = 270
ROWS_MB = 100


def check_ports(port: int) -> None:
    """The web's port and the one after it, for the live process."""
    if not 1 <= port < LAST_PORT:
        raise CannotStart(
            f"El puerto {port} no existe. Elige uno entre 1024 y 65534: ./alia demo --port 8000"
        )
    for wanted in (port, port + 1):
        _check_port(wanted, chosen=port)


def _check_port(wanted: int, *, chosen: int) -> None:
    with socket.socket() as probe:
        # As the servers themselves do: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except PermissionError as fault:
            raise CannotStart(
                f"El sistema no deja usar el puerto {wanted}. Elige otro más alto: ./alia demo --port 8000"
            ) from fault
        except OSError as fault:
            if fault.errno != errno.EADDRINUSE:
                raise
            what = "la web" if wanted == chosen else "la clasificación en directo"
            another = chosen + 10 if chosen + 11 <= LAST_PORT else 8010
            raise CannotStart(
                f"El puerto {wanted}, que hace falta para {what}, lo está usando otro programa. "
                f"Elige otro: ./alia demo --port {another}"
            ) from fault


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def check_memory(*, meminfo: Path = Path("/proc/meminfo"), cgroup: Path = Path("/sys/fs/cgroup")) -> None:
    available = available_memory_mb(meminfo=meminfo, cgroup=cgroup)
    if available is not None and available < MEMORY_MB:
        raise CannotStart(
            f"Hacen falta {MEMORY_MB} MB de memoria libre y quedan {available} MB. Cierra otros programas (o "
            "da más memoria al contenedor) y repite la orden."
        )


def available_memory_mb(*, meminfo: Path, cgroup: Path) -> int | None:
    """The lesser of what the machine and its control group have left; None where neither tells."""
    figures = [figure for figure in (_of_machine(meminfo), _of_cgroup(cgroup)) if figure is not None]
    return min(figures, default=None)


def _of_machine(meminfo: Path) -> int | None:
    try:
        lines = meminfo.read_text().splitlines()
    except OSError:
        return None
    available = next((line for line in lines if line.startswith("MemAvailable:")), None)
    return int(available.split()[1]) // 1024 if available else None


def _of_cgroup(cgroup: Path) -> int | None:
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        used = int((cgroup / "memory.current").read_text())
        statistics = (cgroup / "memory.stat").read_text().splitlines()
    except OSError:
        return None
    if limit == "max":
        return None
    # File pages are given back under pressure, as MemAvailable counts them for the machine.
    cache = next((int(line.split()[1]) for line in statistics if line.startswith("inactive_file ")), 0)
    return max(int(limit) - used + cache, 0) // 2**20


def check_disk(folder: Path, *, has_weights: bool) -> None:
    needed = ROWS_MB if has_weights else ROWS_MB + WEIGHTS_MB
    if shutil.disk_usage(folder).free < needed * 2**20:
        raise CannotStart(disk_full(folder))
