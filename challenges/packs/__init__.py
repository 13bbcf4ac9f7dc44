"""A challenge as a folder: reading it, saying everything that is wrong with it, and storing it as rows.

``manage.py load_pack`` and the demo come in through ``load`` and ``store``; docs/packs.md has the format.
``load`` opens no database; ``store`` reads no file.
"""

from challenges.packs.loading import load
from challenges.packs.problems import PackError, PackProblem
from challenges.packs.storing import Stored, store
from challenges.packs.telling import notes
from challenges.packs.values import Pack, PackCase, PackPhase, PackSuite

__all__ = [
    "Pack",
    "PackCase",
    "PackError",
    "PackPhase",
    "PackProblem",
    "PackSuite",
    "Stored",
    "load",
    "notes",
    "store",
]
