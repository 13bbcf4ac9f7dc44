"""Pages for the organizer's eye: what the rules of integrity found, and nearly equal prompts side by side.

``ReviewAdmin`` hangs them below the list of held scores. They show private cases and contestants' prompts, so
that each asks for the permissions to see those, beside the one to decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from fractions import Fraction
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from challenges import integrity, outcome, reviewing
from challenges.admin.readonly import HiddenWhileFrozen
from challenges.integrity import HoldRefused
from challenges.models import Person, Phase, Review, Score, Submission
from scoring.integrity.values import Finding, Rule, Where

# What a page can wait for: all of a small phase, the newest of a large one. ``manage.py near_duplicates``
# takes them all.
MOST_ON_A_PAGE = 3_000

RULE_WORDS: Mapping[str, Promise] = {
    Rule.CANARY: _("Contiene el canario de casos privados: alguien tiene el fichero."),
    Rule.PRIVATE_TEXT: _("Contiene texto literal de casos privados."),
    Rule.ANSWERS: _("Contiene respuestas de casos privados."),
    Rule.ANSWERS_IN_ORDER: _("Contiene las respuestas de los casos privados, seguidas y en su orden."),
    Rule.INJECTION: _("Tiene frases dirigidas a quien corrige."),
}
WHERE_WORDS: Mapping[str, Promise] = {
    Where.PROMPT: _("en lo que se envió"),
    Where.ANSWER: _("en las respuestas del modelo"),
}
REFUSED: Mapping[str, Promise] = {
    "not_allowed": _("Tu cuenta no puede apartar puntuaciones."),
    "own_score": _("Es tu propia puntuación: tiene que apartarla otra persona."),
    "frozen": _("La clasificación está congelada y lo que enseña no puede cambiar: apártala cuando termine."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Words of one side; ``is_same`` where the other side has them too."""

    text: str
    is_same: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of two prompts. ``review`` is the review of its score that this reader may see, if there is one;
    ``can_hold`` is whether there is a score that could be set aside."""

    submission: Submission
    pieces: list[Piece]
    review: Review | None
    can_hold: bool


class IntegrityPages(HiddenWhileFrozen):
    """The pages of this module, for the admin of held scores."""

    def integrity_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/hallazgos/", view(self.findings), name="challenges_review_findings"),
            path("parecidos/", view(self.near_duplicates), name="challenges_review_near_duplicates"),
            path("comparar/", view(self.compare), name="challenges_review_compare"),
        ]

    def findings(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What the rules say now of a held score's submission."""
        self._check_may_look(request, "challenges.view_case", "challenges.view_submission")
        review = self.get_object(request, str(pk))
        if review is None:
            raise Http404
        score = review.score
        found = integrity.findings(score.evaluation, score.phase)
        context = {
            "title": _("Lo que encontraron las reglas"),
            "review": review,
            "submission_id": score.evaluation.submission_id,
            "findings": [_row(each) for each in found],
        }
        return self._page(request, "findings", context)

    def near_duplicates(self, request: HttpRequest) -> HttpResponse:
        """The pairs of one phase, without their texts: those are shown two at a time."""
        self._check_may_look(request, "challenges.view_submission")
        phases = list(Phase.objects.select_related("challenge").order_by("-opens_at", "pk"))
        chosen = request.GET.get("fase", "")
        phase = next((each for each in phases if str(each.pk) == chosen), None)
        context: dict[str, Any] = {"title": _("Envíos parecidos"), "phases": phases, "phase": phase}
        if phase is not None:
            pairs = integrity.near_duplicates(phase, most=MOST_ON_A_PAGE)
            ids = [each.id for pair in pairs for each in (pair.earlier, pair.later)]
            rows = Submission.objects.select_related("participation__person").in_bulk(ids)
            context |= {
                "most": MOST_ON_A_PAGE,
                "is_cut": Submission.objects.filter(phase=phase).count() > MOST_ON_A_PAGE,
                "pairs": [
                    {
                        "earlier": rows[UUID(pair.earlier.id)],
                        "later": rows[UUID(pair.later.id)],
                        "percent": _percent(pair.likeness),
                        "count": pair.pairs,
                    }
                    for pair in pairs
                ],
            }
        return self._page(request, "near_duplicates", context)

    def compare(self, request: HttpRequest) -> HttpResponse:
        """Two prompts of one phase side by side; a POST sets the score of one aside."""
        self._check_may_look(request, "challenges.view_submission")
        earlier, later = self._chosen(request)
        if request.method == "POST":
            return self._held(request, earlier, later)
        texts = [integrity.prompt_text(each) for each in (earlier, later)]
        left, right = pieces(*texts)
        context = {
            "title": _("Dos envíos, uno junto al otro"),
            "sides": [self._side(request, earlier, left), self._side(request, later, right)],
        }
        return self._page(request, "compare", context)

    def _check_may_look(self, request: HttpRequest, *permissions: str) -> None:
        person = cast(Person, request.user)
        if not (
            self.has_view_permission(request)
            and reviewing.may_decide(person)
            and person.has_perms(permissions)
        ):
            raise PermissionDenied

    def _page(self, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
        every = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        return TemplateResponse(request, f"admin/challenges/review/{name}.html", every)

    def _chosen(self, request: HttpRequest) -> tuple[Submission, Submission]:
        """The two named in the address, the one that was handed in first before the other."""
        try:
            ids = {UUID(request.GET.get(name, "")) for name in ("a", "b")}
        except ValueError as wrong:
            raise Http404 from wrong
        rows = Submission.objects.filter(pk__in=ids).select_related("participation__person", "phase")
        found = list(rows.prefetch_related(outcome.evaluations()).order_by("created_at", "pk"))
        if len(found) != 2 or found[0].phase_id != found[1].phase_id:
            raise Http404
        return found[0], found[1]

    def _side(self, request: HttpRequest, submission: Submission, shown: list[Piece]) -> Side:
        score = _score(submission)
        # As the list shows it: a freeze hides what came after.
        review = self.get_queryset(request).filter(score=score).first() if score else None
        can_hold = score is not None and not hasattr(score, "review")
        return Side(submission=submission, pieces=shown, review=review, can_hold=can_hold)

    def _held(self, request: HttpRequest, *both: Submission) -> HttpResponse:
        submission = next((each for each in both if str(each.pk) == request.POST.get("hold")), None)
        score = _score(submission) if submission else None
        if score is None:
            raise Http404
        try:
            review = integrity.hold(score, cast(Person, request.user))
        except HoldRefused as refused:
            self.message_user(request, str(REFUSED[refused.code]), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        self.log_change(request, review, str(_("Apartada a mano por un envío parecido.")))
        self.message_user(
            request, _("Apartada: no cuenta hasta que alguien lo decida aquí."), messages.SUCCESS
        )
        return HttpResponseRedirect(reverse("admin:challenges_review_decide", args=[review.pk]))


def pieces(one: str, other: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts cut into words that they share and words that they do not, nothing left out.

    >>> [each.text for each in pieces("Piensa bien y responde", "Piensa y responde")[0] if not each.is_same]
    ['bien ']
    """
    left, right = list(_words(one)), list(_words(other))
    cut: tuple[list[Piece], list[Piece]] = ([], [])
    for kind, from_left, to_left, from_right, to_right in SequenceMatcher(
        None, left, right, autojunk=False
    ).get_opcodes():
        for side, words in ((cut[0], left[from_left:to_left]), (cut[1], right[from_right:to_right])):
            if words:
                side.append(Piece(text="".join(words), is_same=kind == "equal"))
    return cut


def _words(text: str) -> Iterator[str]:
    """Each word with the white space after it."""
    word = ""
    for each in text:
        if word and word[-1].isspace() and not each.isspace():
            yield word
            word = ""
        word += each
    if word:
        yield word


def _score(submission: Submission) -> Score | None:
    return outcome.score_of(outcome.current(submission)) if submission.evaluations.all() else None


def _row(finding: Finding) -> dict[str, Any]:
    return {
        "rule": RULE_WORDS[finding.rule],
        "where": WHERE_WORDS[finding.where],
        "reading": "" if finding.reading == "plain" else finding.reading,
        "keys": finding.keys,
        "what": finding.what,
    }


def _percent(likeness: Fraction) -> str:
    # Down, so that 100 % is said of equal ones alone.
    return number_format(int(likeness * 1000) / 10, decimal_pos=1)
