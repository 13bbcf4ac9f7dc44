from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "desafio.accounts"
    label = "accounts"
    verbose_name = "Cuentas"
