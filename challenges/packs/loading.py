"""A folder read and checked as a whole, without a database: the one way in to a ``Pack``."""

from __future__ import annotations

from pathlib import Path

from django.utils.translation import gettext as _

from challenges.models import Visibility
from challenges.packs import cases, manifest
from challenges.packs.files import check_folder, read_lines
from challenges.packs.problems import Findings
from challenges.packs.texts import unseen
from challenges.packs.values import Pack, PackSuite
from scoring.solutions.characters import find_unseen

STATEMENT = "statement.md"


def load(folder: Path) -> Pack:
    """The pack in ``folder``. Raises PackError with everything that is wrong with it, up to 50 problems."""
    findings = Findings()
    check_folder(folder, findings)
    if findings:
        raise findings.error()
    described = manifest.read(folder, findings)
    statement = _statement(folder, findings)
    slots = described.slots if described is not None else None
    public = cases.read(folder, cases.PUBLIC, slots=slots, findings=findings)
    private = cases.read(folder, cases.PRIVATE, slots=slots, findings=findings)
    cases.check_twins(public, private, findings)
    if findings or described is None or slots is None:
        raise findings.error()
    return Pack(
        slug=described.slug,
        title=described.title,
        summary=described.summary,
        statement=statement,
        language=described.language,
        licence=described.licence,
        phases=described.phases,
        public=PackSuite(
            visibility=Visibility.PUBLIC, slots=slots, cases=tuple(found.case for found in public)
        ),
        private=PackSuite(
            visibility=Visibility.PRIVATE, slots=slots, cases=tuple(found.case for found in private)
        ),
    )


def _statement(folder: Path, findings: Findings) -> str:
    lines = read_lines(folder, STATEMENT, findings)
    if lines is None or None in lines:
        return ""
    statement = "\n".join(line for line in lines if line is not None)
    if not statement.strip():
        findings.add(STATEMENT, None, _("está vacío. Escribe el enunciado."))
    for problem in find_unseen(statement, field=STATEMENT):
        params = {"what": unseen(problem), "column": problem.params["column"]}
        sentence = _("hay %(what)s en la columna %(column)d. Bórralo.") % params
        findings.add(STATEMENT, problem.line, sentence)
    return statement
