"""The Celery application. A message is only a doorbell: the queue itself is the evaluation rows."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desafio.settings")

app = Celery("desafio")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
