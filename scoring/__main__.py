"""``python -m scoring``: check and recompute sealed records, with nothing but the files.

    python -m scoring recompute REGISTRO.json | ARCHIVO.zip …
    python -m scoring verify ARCHIVO.zip … | CARPETA

Auditors call it. Ends with 0 where all is as it should be, 1 where a record or a link is not, and 2 where it
was asked for something that it cannot do. Standard library only: no Django and no database.
"""

from __future__ import annotations

import sys

from scoring.record.audit import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
