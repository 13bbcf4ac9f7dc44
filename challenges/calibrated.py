"""The calibrated token model that ``TOKEN_MODEL`` names: read and fitted again once, until its file changes.

``energy_window`` scores phases of grade D with it, ``preview`` foretells with it and ``judging`` holds
measured figures against it. To read the file is to do its fit again, which is too much for each request.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from scoring.energy import calibration_file
from scoring.energy.calibration import Calibration, Prediction, predict
from scoring.energy.token_model import TokenModel
from scoring.errors import CalibrationUnavailable, SpecError
from scoring.values import TokenUse

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """A calibration with what follows from it; ``sha256`` is that of its file's content."""

    calibration: Calibration
    model: TokenModel
    sha256: str

    def holds_for(self, in_flight: int) -> bool:
        """Whether it was made with so many calls at a time: else its figures are those of another load."""
        return self.calibration.subject.in_flight == in_flight


@dataclass(frozen=True, slots=True)
class _Version:
    """One state of a file. A copy that keeps the times of the original is another inode, or changed later."""

    path: str
    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, path: str) -> _Version:
        found = Path(path).stat()
        return cls(path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class CalibrationCache:
    """The last calibration that was read, or why it cannot be used. For threads: one reads, others wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version: _Version | None = None
        self._found: Calibrated | SpecError | None = None

    def read(self, path: str) -> Calibrated:
        """The calibration in a file as it is now. Raises ``SpecError`` and ``OSError``."""
        with self._lock:
            # Looked at before it is read: if it changes in between, what was read counts as the older one's,
            # and the next look finds that it has changed.
            version = _Version.of(path)
            if version != self._version or self._found is None:
                self._found = _read(path)
                self._version = version
            found = self._found
        if isinstance(found, SpecError):
            # A new one: an error that is raised again and again gathers its tracebacks.
            raise SpecError(field=found.field, fix=found.fix)
        return found


_CACHE = CalibrationCache()


def current() -> Calibrated | None:
    """The calibration that the settings name, None where they name none. Raises CalibrationUnavailable."""
    if not settings.TOKEN_MODEL:
        return None
    try:
        return _CACHE.read(settings.TOKEN_MODEL)
    except (OSError, SpecError) as fault:
        raise CalibrationUnavailable(f"El modelo de tokens calibrado no se puede usar: {fault}") from fault


def current_or_none() -> Calibrated | None:
    """The same where nothing depends on it: one that cannot be read is noted, and there is none."""
    try:
        return current()
    except CalibrationUnavailable as fault:
        logger.warning("calibration unusable: %s", fault)
        return None


def expected_of(calls: Iterable[TokenUse], *, in_flight: int | None = None) -> Prediction | None:
    """What the calibrated model expects of these calls; None where there is no model. Never raises.

    ``in_flight`` is how many ran at a time. Where it is given and the calibration was made with another
    number there is no expectation either: a token written alone may cost thirty times one among 64, and
    every honest figure would stand out.
    """
    found = current_or_none()
    if found is None or (in_flight is not None and not found.holds_for(in_flight)):
        return None
    try:
        return predict(found.calibration, calls)
    except ValueError as fault:
        logger.warning("no prediction: %s", fault)
        return None


def _read(path: str) -> Calibrated | SpecError:
    try:
        calibration = calibration_file.read(Path(path))
    except SpecError as refused:
        return refused
    return Calibrated(
        calibration=calibration,
        model=calibration_file.to_token_model(calibration),
        sha256=calibration_file.sha256_of(calibration),
    )
