"""The rows of a demo without its programs: which folder is meant, and its settings for this process.

``./alia shell``, ``backup`` and ``restore`` begin with it, before Django reads its settings.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path

from desafio.demo import services
from desafio.demo.folder import DEFAULT, DataFolder
from desafio.demo.services import Places


def add_option(parser: ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=DEFAULT, metavar="CARPETA")


def use(folder: DataFolder) -> None:
    """Put the demo's settings into the environment. Raises CannotStart for a folder that cannot be one."""
    folder.prepare()
    # Nothing listens on these ports; what rings there is found by the sweeper.
    os.environ.update(services.settings_of(Places(folder=folder, port=8000, model_port=1)))
