"""``./alia backup`` and ``./alia restore``: the commands of that name, on the database that is meant.

That is the one of ``DATABASE_URL``; without it, a demo's. A demo that runs keeps its folder locked, so that
nothing is put back under it.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import unquote, urlsplit

from desafio.demo import at_rest
from desafio.demo.folder import DataFolder
from desafio.demo.reasons import CannotStart


def main(arguments: Sequence[str]) -> int:
    """``arguments``: "backup" or "restore" and what that command takes; ``--data`` names a demo's folder."""
    verb, *others = arguments
    parser = ArgumentParser(prog=f"./alia {verb}", add_help=False)
    at_rest.add_option(parser)
    options, others = parser.parse_known_args(others)
    os.environ["DJANGO_SETTINGS_MODULE"] = "desafio.settings"
    # One line of each thing is told by the command itself.
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    with ExitStack() as stack:
        try:
            folder = _demo_folder(options.data, must_be_there=verb == "backup")
            if folder is not None and verb == "restore":
                stack.enter_context(folder.take())
        except CannotStart as reason:
            print(f"alia {verb}: {reason}", file=sys.stderr)
            return 1
        from django.core.management import execute_from_command_line

        execute_from_command_line(["./alia", verb, *others])
    return 0


def _demo_folder(data: Path, *, must_be_there: bool) -> DataFolder | None:
    """The demo whose database is meant, if it is a demo's. Raises CannotStart.

    Without ``DATABASE_URL`` the demo's settings are in the environment after it.
    """
    written = os.environ.get("DATABASE_URL", "")
    if written:
        url = urlsplit(written)
        near = Path(unquote(url.path)[1:]).resolve().parent
        folder = DataFolder(near)
        is_demos = url.scheme == "sqlite" and (near / "demo.lock").exists()
        return folder if is_demos else None
    folder = DataFolder(data.expanduser().resolve())
    if must_be_there and not folder.database.exists():
        raise CannotStart(
            f"En {folder.root} no hay ninguna demostración. Di su carpeta con --data, o en DATABASE_URL qué "
            "base de datos es."
        )
    at_rest.use(folder)
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
