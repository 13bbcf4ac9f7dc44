"""The WSGI application that gunicorn serves: pages, API, jury and back office."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desafio.settings")

application = get_wsgi_application()
