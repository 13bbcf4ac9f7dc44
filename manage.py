#!/usr/bin/env python
"""Django's command line for a checkout. An installed wheel uses ``python -m django``."""

import os
import sys
from pathlib import Path


def main() -> None:
    sys.path[:0] = [str(Path(__file__).resolve().parent / "platform")]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desafio.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
