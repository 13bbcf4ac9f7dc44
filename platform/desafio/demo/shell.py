"""``./alia shell``: Django's own shell over the rows of a demo, whether it runs or not."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from desafio.demo import at_rest
from desafio.demo.folder import DataFolder
from desafio.demo.reasons import CannotStart


def main(arguments: Sequence[str]) -> int:
    """Options that are not ours go to Django's ``shell`` command."""
    parser = argparse.ArgumentParser(prog="./alia shell", description="El intérprete sobre una demostración.")
    at_rest.add_option(parser)
    options, others = parser.parse_known_args(arguments)
    folder = DataFolder(options.data.expanduser().resolve())
    if not folder.database.exists():
        print(f"En {folder.root} no hay ninguna demostración: empieza con ./alia demo", file=sys.stderr)
        return 1
    try:
        at_rest.use(folder)
    except CannotStart as reason:
        print(reason, file=sys.stderr)
        return 1
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", "shell", *others])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
