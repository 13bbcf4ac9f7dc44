"""Handing in: the form with its check and previews, the send itself, and the check while one writes.

Whatever is refused comes back with all that was typed; a draft of it waits for who must log in or join. Each
kind of submission has its own fields (``kind_form``); the way that they go is the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from challenges import dispatch, purse, submission
from challenges import preview as energy_preview
from challenges.errors import (
    ContestantError,
    IdempotencyConflict,
    InvalidContent,
    NotParticipating,
    PhaseClosed,
    PurseExhausted,
    QuotaExhausted,
)
from challenges.models import Case, Challenge, Kind, Participation, Person, Phase
from challenges.sentences import explain, sentence
from desafio.pages import cases, drafts, kind_form, phases, prompt_file, prompt_form
from desafio.pages.challenge import participation_of, published
from desafio.pages.prompt_form import PromptForm
from scoring.values import Message, Problem

_STATUS = {
    InvalidContent: 422,
    PhaseClosed: 409,
    QuotaExhausted: 409,
    PurseExhausted: 409,
    IdempotencyConflict: 409,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What the model would be sent for one public case."""

    case: cases.ShownCase
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """Nothing is wrong with what was written. ``reserves_mj`` is None where the phase has no energy purse."""

    reserves_mj: int | None
    expected: energy_preview.Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """Where the contestant stands: the challenge, its current phase, and whether they take part."""

    challenge: Challenge
    clock: phases.PhaseClock
    participation: Participation | None


@require_http_methods(["GET", "HEAD", "POST"])
def form(request: HttpRequest, slug: str) -> HttpResponse:
    desk = _desk(request, slug)
    if request.method == "POST":
        return _taken(request, desk)
    if not request.user.is_authenticated:
        return redirect_to_login(request.path)
    return _blank(request, desk)


@login_required
@require_POST
def lint(request: HttpRequest, slug: str) -> JsonResponse:
    """Problems of what is being written, as JSON: ``{"problems": [{"field", "text"}]}``. Spends nothing."""
    desk, kind = _desk(request, slug), _kind(request)
    content, problem = kind_form.of(kind).content_from(request.POST)
    problems = [problem] if problem else submission.check(desk.clock.phase, content, kind)
    checked = kind_form.of(kind).form(request.POST, phase=desk.clock.phase)
    checked.add_problems(problem for problem in problems if problem.code != "required")
    told = [{"field": field, "text": str(text)} for field, texts in checked.errors.items() for text in texts]
    return JsonResponse({"problems": told})


def _blank(request: HttpRequest, desk: _Desk) -> HttpResponse:
    """The form as it opens: with the draft, when there is one of the kind that was asked for."""
    phase, draft = desk.clock.phase, drafts.kept(request, desk.challenge.slug)
    kind = kind_form.chosen(request.GET.get("tipo") or draft.get("kind", ""), phase)
    if draft.get("kind", kind_form.PROMPT) != kind:
        draft = {}
    written = kind_form.of(kind)
    empty = written.fields_from(written.example(list(submission.slots_of(phase)), phase))
    # Steps begin as an example that can be handed in: nobody knows their shape by heart.
    begun = empty if kind == Kind.PIPELINE else {}
    opened = written.form(phase=phase, initial={**begun, **draft, "kind": kind})
    status = 200 if desk.participation else 403
    return _page(request, desk, opened, kind=kind, has_draft=bool(draft), status=status)


def _taken(request: HttpRequest, desk: _Desk) -> HttpResponse:
    """What was posted: kept, then checked or sent, or told why not."""
    kind = _kind(request)
    content, fields, problem = _posted(request, kind)
    has_draft = drafts.keep(request, desk.challenge.slug, fields)
    if not request.user.is_authenticated:
        return redirect_to_login(request.path)
    if problem is not None:
        return _refused(request, desk, fields, InvalidContent([problem]))
    if desk.participation is None:
        refusal = NotParticipating(slug=desk.challenge.slug)
        return _refused(request, desk, fields, refusal, has_draft=has_draft)
    if request.POST.get("action") in ("check", "expect"):
        return _checked(request, desk, fields, content, kind)
    if not prompt_form.has_valid_key(fields):
        fields["idempotency_key"] = prompt_form.new_key()
        stale = Problem(field="idempotency_key", code="stale")
        return _refused(request, desk, fields, InvalidContent([stale]))
    return _sent(request, desk, desk.participation, fields, content, kind)


def _kind(request: HttpRequest) -> str:
    return request.POST.get("kind") or kind_form.PROMPT


def _desk(request: HttpRequest, slug: str) -> _Desk:
    challenge = published(slug)
    clock = phases.current(phases.clocks(challenge, dispatch.now()))
    if clock is None:
        raise Http404
    person = cast(Person, request.user)
    return _Desk(challenge=challenge, clock=clock, participation=participation_of(person, challenge))


def _posted(request: HttpRequest, kind: str) -> tuple[Any, dict[str, str], Problem | None]:
    """Content, the form's fields that show it, and what no reader could make of it."""
    written = kind_form.of(kind)
    fields = {name: str(value) for name, value in request.POST.items()}
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile):
        content, problem = written.content_from(fields)
        return content, fields, problem
    content, problem = prompt_file.content_of(file)
    if content is None:
        return {}, fields, problem
    return content, fields | written.fields_from(content), None


def _checked(
    request: HttpRequest, desk: _Desk, fields: dict[str, str], content: dict[str, Any], kind: str
) -> HttpResponse:
    try:
        solution = submission.read(desk.clock.phase, content, kind)
    except InvalidContent as refused:
        return _refused(request, desk, fields, refused)
    public = cases.rows(desk.clock.phase)
    # Who only asks for the energy is led to it, and need not scroll past the messages.
    chosen = _chosen(public, fields.get("case", "")) if fields.get("action") == "check" else None
    preview = None
    if chosen is not None:
        sent = submission.preview(solution, chosen)
        preview = Preview(case=cases.shown(chosen), messages=sent)
    shown = kind_form.of(kind).form(fields, phase=desk.clock.phase)
    expected = energy_preview.expected(desk.clock.phase, solution)
    # What is set aside is what was just worked out.
    reserves_mj = None if desk.clock.phase.energy_purse_mj is None else expected.at_most_mj
    checked = _Checked(reserves_mj=reserves_mj, expected=expected)
    return _page(request, desk, shown, kind=kind, public=public, preview=preview, checked=checked)


def _sent(
    request: HttpRequest,
    desk: _Desk,
    participation: Participation,
    fields: dict[str, str],
    content: dict[str, Any],
    kind: str,
) -> HttpResponse:
    try:
        made = submission.submit(
            participation=participation,
            phase=desk.clock.phase,
            content=content,
            idempotency_key=fields["idempotency_key"],
            kind=kind,
        )
    except IdempotencyConflict as refused:
        return _refused(request, desk, fields | {"idempotency_key": prompt_form.new_key()}, refused)
    except (InvalidContent, PhaseClosed, QuotaExhausted, PurseExhausted) as refused:
        return _refused(request, desk, fields, refused)
    drafts.forget(request, desk.challenge.slug)
    messages.success(request, _("Envío recibido. Aquí verás cómo avanza."))
    return redirect("pages:submission", pk=made.pk)


def _refused(
    request: HttpRequest,
    desk: _Desk,
    fields: dict[str, str],
    refusal: ContestantError,
    *,
    has_draft: bool = False,
) -> HttpResponse:
    """The form again with everything that was typed, the reason, and nothing spent."""
    kind = fields.get("kind") or kind_form.PROMPT
    shown = kind_form.of(kind).form(fields, phase=desk.clock.phase)
    problems: list[str] = []
    if isinstance(refusal, InvalidContent):
        shown.add_problems(refusal.problems)
        problems = [sentence(problem) for problem in refusal.problems]
    else:
        problems = [explain(refusal)]
    status = _STATUS.get(type(refusal), 403)
    return _page(request, desk, shown, kind=kind, problems=problems, has_draft=has_draft, status=status)


def _chosen(public: Sequence[Case], key: str) -> Case | None:
    return next((case for case in public if case.key == key), public[0] if public else None)


def _page(
    request: HttpRequest,
    desk: _Desk,
    shown: PromptForm,
    *,
    kind: str,
    public: Sequence[Case] | None = None,
    problems: list[str] | None = None,
    preview: Preview | None = None,
    checked: _Checked | None = None,
    has_draft: bool = False,
    status: int = 200,
) -> HttpResponse:
    phase = desk.clock.phase
    slots = submission.slots_of(phase)
    context = {
        "challenge": desk.challenge,
        "clock": desk.clock,
        "phase": phase,
        "participation": desk.participation,
        "quota": submission.quota(desk.participation, phase) if desk.participation else None,
        "energy": purse.balance(desk.participation, phase) if desk.participation else None,
        "slots": slots,
        "example_file": _example(kind, list(slots), phase),
        "kind": kind,
        "output_slot": "{{paso_nombre}}",
        "kinds": kind_form.choices(phase),
        "cases": cases.rows(phase) if public is None else public,
        "form": shown,
        "problems": problems or [],
        "preview": preview,
        "checked": checked,
        "expected": checked.expected if checked else None,
        "has_draft": has_draft,
    }
    return render(request, "pages/submit.html", context, status=status)


def _example(kind: str, slots: list[str], phase: Phase) -> str:
    """A file that could be handed in as it is, to be shown beside the field."""
    made = kind_form.of(kind).example(slots, phase)
    return json.dumps(made, ensure_ascii=False, indent=2 if kind == Kind.PIPELINE else None)
