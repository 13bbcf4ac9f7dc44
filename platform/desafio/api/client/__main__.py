import sys

from desafio.api.client.commands import main

sys.exit(main())
