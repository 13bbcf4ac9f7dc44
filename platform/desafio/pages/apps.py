from django.apps import AppConfig


class PagesConfig(AppConfig):
    name = "desafio.pages"
    label = "pages"
    verbose_name = "Páginas"
