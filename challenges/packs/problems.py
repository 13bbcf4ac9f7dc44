"""What is wrong with a pack: file, line and a sentence, gathered until there are too many to read.

Every module that reads a part of a pack adds to one ``Findings``; ``load`` raises what came together.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from challenges.errors import ContestError

# More than anybody mends before trying again.
MAX_PROBLEMS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class PackProblem:
    """One thing to mend.

    ``file`` is relative to the pack (the pack's own path where there is no such folder), ``line`` 1-based or
    None where no line is to blame, ``sentence`` says in Spanish what is wrong and how to mend it.
    """

    file: str
    line: int | None
    sentence: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.sentence}"


class PackError(ContestError):
    """A pack that cannot be used: the organizer's to mend. ``str`` is one line for each problem.

    ``has_more`` says that reading stopped at ``MAX_PROBLEMS``; then a last line says so too.
    """

    def __init__(self, problems: tuple[PackProblem, ...], *, has_more: bool = False) -> None:
        self.problems = problems
        self.has_more = has_more
        lines = [str(problem) for problem in problems]
        if has_more:
            lines.append(_("Y hay más: corrige estos problemas y vuelve a cargarlo."))
        super().__init__("\n".join(lines))


class Findings:
    """The problems found so far, in the order of reading. Readers stop once it ``has_more`` than are told."""

    def __init__(self) -> None:
        self._problems: list[PackProblem] = []
        self.has_more = False

    def add(self, file: str, line: int | None, sentence: str) -> None:
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(PackProblem(file=file, line=line, sentence=sentence))
        else:
            self.has_more = True

    def __bool__(self) -> bool:
        return bool(self._problems)

    def error(self) -> PackError:
        return PackError(tuple(self._problems), has_more=self.has_more)
