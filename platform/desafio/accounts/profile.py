"""A person's own page: name on the board, consents one by one, and the ways to change e-mail and password."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from challenges import registration
from challenges.errors import BoardNameRefused
from challenges.models import Person, Purpose
from challenges.sentences import what
from desafio.accounts.forms import BoardNameForm


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentLine:
    """One purpose, and since when the person consents to it (None: does not).

    ``is_bound``: whoever participates has accepted it and cannot take it back by a button.
    """

    purpose: str
    text: str
    given_at: datetime | None
    is_bound: bool


@login_required
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    person = cast(Person, request.user)
    return _page(request, BoardNameForm(initial={"board_name": person.board_name}))


@login_required
def rename(request: HttpRequest) -> HttpResponse:
    """Whoever comes back here from the login has only an address: the form is on the profile."""
    if request.method != "POST":
        return redirect("accounts:profile")
    person = cast(Person, request.user)
    form = BoardNameForm(request.POST)
    if form.is_valid():
        try:
            registration.set_board_name(person=person, name=form.cleaned_data["board_name"])
        except BoardNameRefused as refused:
            form.add_error("board_name", capfirst(what(refused.problem)))
        else:
            messages.success(request, _("Nombre cambiado. Así te verá el público a partir de ahora."))
            return redirect("accounts:profile")
    person.refresh_from_db()
    return _page(request, form, status=422)


@login_required
def consent(request: HttpRequest, purpose: str) -> HttpResponse:
    """Give or withdraw one consent, by the button that was pressed; without a button nothing is consented."""
    if purpose not in Purpose.values:
        raise Http404
    person, action = cast(Person, request.user), request.POST.get("action")
    if action == "withdraw" and Purpose(purpose) in _bound(person):
        messages.error(
            request, _("Mientras participas en un desafío no puedes retirar la aceptación de sus bases.")
        )
    elif action == "withdraw":
        registration.withdraw_consent(person=person, purpose=Purpose(purpose))
        messages.success(request, _("Consentimiento retirado."))
    elif action == "give":
        registration.give_consent(person=person, purpose=Purpose(purpose))
        messages.success(request, _("Consentimiento guardado."))
    return redirect("accounts:profile")


def _page(request: HttpRequest, form: BoardNameForm, *, status: int = 200) -> HttpResponse:
    person = cast(Person, request.user)
    return render(
        request, "accounts/profile.html", {"form": form, "consents": _consents(person)}, status=status
    )


def _consents(person: Person) -> list[ConsentLine]:
    bound = _bound(person)
    given = dict(person.consents.filter(withdrawn_at=None).values_list("purpose", "given_at"))
    return [
        ConsentLine(
            purpose=purpose.value,
            text=str(purpose.label),
            given_at=given.get(purpose.value),
            is_bound=purpose in bound,
        )
        for purpose in Purpose
    ]


def _bound(person: Person) -> frozenset[Purpose]:
    participates = person.participations.exists()
    return frozenset(registration.REQUIRED_TO_JOIN) if participates else frozenset()
