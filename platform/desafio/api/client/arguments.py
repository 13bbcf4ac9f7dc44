"""What may be written on the command line."""

from __future__ import annotations

import argparse
import os
from typing import NoReturn

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_TIMEOUT_S = 1800.0


class _SpanishParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage()
        self.exit(2, f"{self.prog}: la orden está mal escrita ({message}). Con --help se ve la ayuda.\n")


def parser() -> argparse.ArgumentParser:
    whole = _SpanishParser(prog="alia", description="El Desafío ALIA desde un terminal.")
    commands = whole.add_subparsers(dest="command", required=True, metavar="ORDEN")
    login = commands.add_parser("login", help="entrar y guardar la ficha de acceso")
    logout = commands.add_parser("logout", help="anular la ficha guardada")
    check = commands.add_parser("check", help="revisar una propuesta sin gastar un intento")
    submit = commands.add_parser("submit", help="enviar una propuesta")
    for command in (login, logout, check, submit):
        command.add_argument(
            "--url",
            default=os.environ.get("ALIA_URL", DEFAULT_URL),
            help=f"dirección del sitio (variable ALIA_URL; si no, {DEFAULT_URL})",
        )
    for command in (login, check, submit):
        command.add_argument("--email", default="", help="tu correo; la contraseña se pide, o ALIA_PASSWORD")
    for command in (check, submit):
        _add_proposal(command)
    _add_submission(submit)
    return whole


def _add_proposal(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "file", metavar="FICHERO", help="JSON con system, user y sampling; «-» es la entrada"
    )
    command.add_argument("--token", default="", help="ficha de acceso (mejor en la variable ALIA_TOKEN)")
    command.add_argument("--challenge", default="", help="desafío; se puede omitir si solo hay uno")
    command.add_argument("--phase", default="", help="fase; se puede omitir si solo hay una abierta")
    command.add_argument("--json", action="store_true", help="el resultado en JSON por la salida")


def _add_submission(command: argparse.ArgumentParser) -> None:
    command.add_argument("--wait", action="store_true", help="esperar hasta la puntuación")
    command.add_argument(
        "--timeout",
        type=float,
        default=DEFAULT_TIMEOUT_S,
        metavar="S",
        help=f"segundos que se espera como máximo (si no se dice, {DEFAULT_TIMEOUT_S:g})",
    )
    command.add_argument("--attempt", default="", help="repetir un intento anterior sin gastar otro")
