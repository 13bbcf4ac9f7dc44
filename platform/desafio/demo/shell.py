"""``./alia shell``: Django's own shell over the rows of a demo, whether it runs or not."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import desafio
from desafio.demo import services
from desafio.demo.folder import DataFolder
from desafio.demo.reasons import CannotStart
from desafio.demo.services import Places


def main(arguments: Sequence[str]) -> int:
    """Options that are not ours go to Django's ``shell`` command."""
    root = Path(desafio.__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(prog="./alia shell", description="El intérprete sobre una demostración.")
    parser.add_argument("--data", type=Path, default=root / ".alia" / "demo", metavar="CARPETA")
    options, others = parser.parse_known_args(arguments)
    folder = DataFolder(options.data.expanduser().resolve())
    if not folder.database.exists():
        print(f"En {folder.root} no hay ninguna demostración: empieza con ./alia demo", file=sys.stderr)
        return 1
    try:
        folder.prepare()
    except CannotStart as reason:
        print(reason, file=sys.stderr)
        return 1
    # Nothing listens on these ports for the shell; what rings there is found by the sweeper.
    os.environ.update(services.settings_of(Places(folder=folder, port=8000, model_port=1)))
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", "shell", *others])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
