from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "desafio.demo"
    label = "demo"
    verbose_name = "Demostración"
