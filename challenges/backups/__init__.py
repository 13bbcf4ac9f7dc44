"""The whole database in one file that can be checked, and back again; docs/backups.md tells how it is used.

The commands ``backup`` and ``restore`` call ``take`` and ``restore``. A new kind of database is one more file
like ``sqlite`` and ``postgres``, behind the Protocol of ``stores``.
"""

from challenges.backups.errors import BackupError
from challenges.backups.manifest import Manifest
from challenges.backups.restoring import restore
from challenges.backups.taking import take

__all__ = ["BackupError", "Manifest", "restore", "take"]
