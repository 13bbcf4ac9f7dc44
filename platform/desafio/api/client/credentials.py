"""The token between two commands: one per site, in a file that only its owner can read."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from desafio.api.client.outcome import usage


def path(environ: Mapping[str, str] = os.environ) -> Path:
    base = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".config")
    return Path(base) / "desafio" / "token.json"


def stored(url: str) -> str:
    """The token for this site and no other; "" when there is none."""
    return _read().get(url, "")


def store(url: str, token: str) -> Path:
    return _write({**_read(), url: token})


def forget(url: str) -> None:
    kept = {site: token for site, token in _read().items() if site != url}
    if path().exists():
        _write(kept)


def _read() -> dict[str, str]:
    file = path()
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, OSError) as fault:
        raise usage(f"No se puede leer {file} ({fault}). Bórralo y entra otra vez.") from fault
    if not isinstance(content, dict):
        raise usage(f"{file} no tiene la forma esperada. Bórralo y entra otra vez.")
    return {str(site): str(token) for site, token in content.items()}


def _write(tokens: Mapping[str, str]) -> Path:
    """Whole or not at all, and never readable by others, not even for a moment."""
    file = path()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent)  # made with mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as written:
            json.dump(tokens, written)
        Path(name).replace(file)
    except OSError as fault:
        raise usage(f"No se puede guardar la ficha en {file} ({fault}).") from fault
    return file
