"""Private cases that are told to everybody: what was proposed and confirmed, and the page where it is done.

Rows are only looked at; ``publishing`` writes them. The page hangs on a suite and is reached from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

from django.contrib import admin, messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from challenges import dispatch, publishing
from challenges.admin.readonly import ReadOnlyAdmin
from challenges.models import CasePublication, Person, Phase, Score, Suite, Visibility
from challenges.publishing import Obstacle, PublicationRefused

# What is said of a refusal; ``publishing`` knows only its code.
REFUSED: Mapping[str, str | Promise] = {
    "not_allowed": _("Tu cuenta no puede publicar casos."),
    "not_private": _("Los casos de esta batería son públicos desde siempre."),
    "already_proposed": _("Ya estaba propuesta: falta que la confirme otra persona."),
    "already_published": _("Ya estaba publicada, y eso no se puede deshacer."),
    "nothing_proposed": _("Nadie la propone ahora: puede que la propuesta se retirara."),
    "same_person": _("La propusiste tú: tiene que confirmarla otra persona."),
    "cannot_be_told": _(
        "Estos casos no caben en un archivo, o ya no son los que se puntuaron: no se publican. "
        "Avisa a quien lleva la plataforma."
    ),
}


class Act(NamedTuple):
    """What a button does, what the suite's history keeps of it, and what is said to whoever pressed it."""

    do: Callable[[Suite, Person], object]
    kept: str | Promise
    said: str | Promise


ACTS: Mapping[str, Act] = {
    "propose": Act(
        publishing.propose,
        _("Propone publicar los casos."),
        _("Propuesta. Todavía no se ha publicado nada: tiene que confirmarla otra persona."),
    ),
    "withdraw": Act(
        publishing.withdraw,
        _("Retira la propuesta de publicar los casos."),
        _("Propuesta retirada. Los casos siguen en secreto."),
    ),
    "confirm": Act(
        publishing.confirm,
        _("Confirma la publicación de los casos."),
        _("Publicados: desde ahora los casos y las respuestas van dentro de los archivos de registros."),
    ),
}


@admin.register(CasePublication)
class CasePublicationAdmin(ReadOnlyAdmin):
    list_display = ["suite", "status", "proposed_by", "proposed_at", "confirmed_by", "confirmed_at"]
    list_select_related = ["suite__challenge", "proposed_by", "confirmed_by"]
    list_filter = [("confirmed_at", admin.EmptyFieldListFilter), "suite__challenge"]
    search_fields = ["suite__challenge__slug", "suite__sha256", "proposed_by__email", "confirmed_by__email"]
    date_hierarchy = "proposed_at"
    ordering = ["-proposed_at", "-pk"]

    @admin.display(description=_("estado"), ordering="confirmed_at")
    def status(self, publication: CasePublication) -> str:
        return str(_("publicada") if publication.confirmed_at else _("espera a otra persona"))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.publish)
        name = "challenges_casepublication_publish"
        return [path("bateria/<int:pk>/", view, name=name), *super().get_urls()]

    def publish(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What would become public and what stands against it; a POST proposes, withdraws or confirms."""
        person = cast(Person, request.user)
        if not publishing.may_publish(person):
            raise PermissionDenied
        suites = Suite.objects.select_related("challenge").filter(visibility=Visibility.PRIVATE)
        suite = get_object_or_404(suites, pk=pk)
        if request.method == "POST":
            self._act(request, suite, request.POST.get("act", ""))
            return HttpResponseRedirect(reverse("admin:challenges_casepublication_publish", args=[suite.pk]))
        rows = CasePublication.objects.select_related("proposed_by", "confirmed_by")
        publication = rows.filter(suite=suite).first()
        obstacle = publishing.obstacle(suite, at=dispatch.now())
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Publicar los casos"),
            "suite": suite,
            "case_count": suite.cases.count(),
            "phases": _phases_told_by(suite),
            "publication": publication,
            "is_own": publication is not None and publication.proposed_by_id == person.pk,
            "obstacle": _said(obstacle) if obstacle else "",
        }
        return TemplateResponse(request, "admin/challenges/casepublication/publish.html", context)

    def _act(self, request: HttpRequest, suite: Suite, name: str) -> None:
        act = ACTS.get(name)
        if act is None:
            raise BadRequest
        try:
            # What the history keeps is written with what was done, or neither is.
            with transaction.atomic():
                act.do(suite, cast(Person, request.user))
                self.log_change(request, suite, str(act.kept))
        except PublicationRefused as refused:
            words = _said(refused.obstacle) if refused.obstacle else str(REFUSED[refused.code])
            self.message_user(request, words, messages.ERROR)
        else:
            self.message_user(request, str(act.said), messages.SUCCESS)


def _phases_told_by(suite: Suite) -> list[Phase]:
    """Those whose files of records would tell these cases."""
    scored = Score.objects.filter(suite_sha256=suite.sha256).values("phase")
    rows = Phase.objects.filter(challenge=suite.challenge_id, pk__in=scored)
    return list(rows.select_related("challenge").order_by("pk"))


def _said(obstacle: Obstacle) -> str:
    if obstacle.until is None:
        frozen = _("La clasificación de %(phase)s sigue congelada: quita antes la congelación.")
        return str(frozen) % {"phase": obstacle.phase}
    judged = _("La fase %(phase)s puntúa con esos casos hasta el %(until)s: hasta entonces son secretos.")
    until = date_format(timezone.localtime(obstacle.until), "SHORT_DATETIME_FORMAT")
    return str(judged) % {"phase": obstacle.phase, "until": until}
