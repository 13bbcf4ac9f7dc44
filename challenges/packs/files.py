"""The files of a pack as lines of text: nothing outside the folder, nothing huge, nothing but UTF-8.

Called by the readers of each file. It knows no format; what is wrong with a file goes into the findings.
"""

from __future__ import annotations

from pathlib import Path

from django.utils.translation import gettext as _

from challenges.packs.problems import Findings

MAX_FILE_BYTES = 10 * 2**20
# A case is a question, not a book; a longer line is most often a file whose line breaks were lost.
MAX_LINE_BYTES = 64 * 2**10
BOM = b"\xef\xbb\xbf"


def check_folder(folder: Path, findings: Findings) -> None:
    if not folder.exists():
        findings.add(str(folder), None, _("no existe esta carpeta. Revisa la ruta."))
    elif not folder.is_dir():
        findings.add(
            str(folder), None, _("no es una carpeta. Da la carpeta del paquete, no un fichero suyo.")
        )


def read_lines(folder: Path, name: str, findings: Findings) -> list[str | None] | None:
    """The file's lines without their ends, or None where there is no file that may be read.

    A line is None where it cannot be read as text; that has been reported.
    """
    path = _inside(folder, name, findings)
    content = None if path is None else _bytes(path, name, findings)
    if content is None:
        return None
    if content.startswith(BOM):
        content = content.removeprefix(BOM)
        findings.add(
            name, 1, _("empieza con una marca BOM, que no se ve. Guarda el fichero como UTF-8 sin BOM.")
        )
    # By line feeds alone: in JSON a text may hold the other characters that Python takes for line ends.
    return [_text(raw, name, number, findings) for number, raw in enumerate(content.split(b"\n"), start=1)]


def _inside(folder: Path, name: str, findings: Findings) -> Path | None:
    """Where the file really lies, if that is in the pack."""
    try:
        root = folder.resolve(strict=True)
        path = (folder / name).resolve(strict=True)
    except FileNotFoundError:
        findings.add(name, None, _("falta este fichero en el paquete. Créalo."))
        return None
    except (OSError, RuntimeError):  # a loop of links, a folder that may not be entered
        findings.add(name, None, _("no se puede llegar a este fichero. Revisa los enlaces y los permisos."))
        return None
    if not path.is_relative_to(root):
        # A pack from somebody else must not make a challenge out of files of this machine.
        findings.add(name, None, _("es un enlace que sale del paquete. Copia el fichero dentro."))
        return None
    if not path.is_file():
        findings.add(name, None, _("no es un fichero. Pon en su lugar un fichero de texto."))
        return None
    return path


def _bytes(path: Path, name: str, findings: Findings) -> bytes | None:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError:
        findings.add(name, None, _("no se puede leer. Revisa los permisos del fichero."))
        return None
    if len(content) > MAX_FILE_BYTES:
        findings.add(name, None, _("pesa más de 10 MB, el máximo. Hazlo más pequeño."))
        return None
    return content


def _text(raw: bytes, name: str, number: int, findings: Findings) -> str | None:
    if len(raw) > MAX_LINE_BYTES:
        findings.add(name, number, _("la línea pasa de 64 KB, el máximo. Acórtala."))
        return None
    try:
        return raw.removesuffix(b"\r").decode()
    except UnicodeDecodeError as wrong:
        column = len(raw[: wrong.start].decode()) + 1
        params = {"byte": f"{raw[wrong.start]:02X}", "column": column}
        findings.add(
            name,
            number,
            _("el byte 0x%(byte)s de la columna %(column)d no es UTF-8. Guarda el fichero en UTF-8.")
            % params,
        )
        return None
