"""The Django project: settings and the doors through which people and programs come in."""

from desafio.celery import app as celery_app

__all__ = ["celery_app"]
