"""Handing in and taking back, checking without handing in, and looking up what one has and has left."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from challenges import cancelling, preview, purse, submission
from challenges.errors import NotParticipating
from challenges.models import Participation, Phase, Submission
from desafio.api import answers, incoming, report
from desafio.api.pages import NewestFirst
from desafio.api.people import asker
from desafio.api.problems import MissingIdempotencyKey, problem_error

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="Una clave tuya por envío, de 80 caracteres como máximo: repetirla no gasta otro intento.",
)


class Submissions(APIView):
    """Los envíos propios."""

    @property
    def throttle_scope(self) -> str:
        return "submit" if self.request.method == "POST" else ""

    @extend_schema(
        operation_id="submissions",
        summary="Mis envíos",
        parameters=[OpenApiParameter("cursor", str, description="Lo dan «next» y «previous».")],
        responses={200: answers.SubmissionPage},
    )
    def get(self, request: Request) -> Response:
        """Del más reciente al más antiguo."""
        pages = NewestFirst()
        page = pages.paginate_queryset(report.own(asker(request)), request, view=self)
        return pages.get_paginated_response([report.summary(each) for each in page or []])

    @extend_schema(
        operation_id="submit",
        summary="Enviar",
        parameters=[IDEMPOTENCY_KEY],
        request=incoming.NewSubmission,
        responses={201: answers.SubmissionDetail, 200: answers.SubmissionDetail},
    )
    def post(self, request: Request) -> Response:
        """Guarda el envío, gasta un intento y pide su evaluación. La misma clave da el mismo envío (200)."""
        key = _idempotency_key(request)
        phase, content, kind = _read(request)
        participation = _participation(request, phase)
        # Advisory, for the header alone: what makes one attempt of two requests is the use case.
        is_replay = Submission.objects.filter(participation=participation, idempotency_key=key).exists()
        made = submission.submit(
            participation=participation, phase=phase, content=content, idempotency_key=key, kind=kind
        )
        shown = report.detail(report.own(asker(request)).get(pk=made.pk))
        headers = {"Location": reverse("api:submission", args=[made.pk])}
        if is_replay:
            headers["Idempotent-Replayed"] = "true"
        created = status.HTTP_200_OK if is_replay else status.HTTP_201_CREATED
        return Response(shown, status=created, headers=headers)


class CheckSubmission(APIView):
    """Revisar una propuesta sin enviarla."""

    @extend_schema(
        operation_id="check",
        summary="Revisar",
        request=incoming.NewSubmission,
        responses={200: answers.Check},
    )
    def post(self, request: Request) -> Response:
        """Todo lo que hay que corregir, sin gastar ningún intento."""
        phase, content, kind = _read(request)
        problems = submission.check(phase, content, kind)
        return Response(
            {
                "ok": not problems,
                "errors": [problem_error(each) for each in problems],
                "reserves_mj": None if problems else submission.reserves_mj(phase, content, kind),
            }
        )


class ExpectSubmission(APIView):
    """Cuánta energía se espera que gaste una propuesta."""

    @extend_schema(
        operation_id="expect",
        summary="Energía que se espera",
        request=incoming.NewSubmission,
        responses={200: answers.Expected},
    )
    def post(self, request: Request) -> Response:
        """Lo que gastaría una vuelta a los casos de la clasificación, sin enviar nada ni gastar un intento.

        Se calcula con los casos públicos, nunca con los privados.
        """
        phase, content, kind = _read(request)
        return Response(report.expected(preview.expected(phase, submission.read(phase, content, kind))))


class OneSubmission(APIView):
    """Un envío propio."""

    @extend_schema(operation_id="submission", summary="Un envío", responses={200: answers.SubmissionDetail})
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """Estado, progreso, puntuación y, de los casos públicos, cada respuesta."""
        return Response(report.detail(get_object_or_404(report.own(asker(request)), pk=pk)))


class Withdrawal(APIView):
    """Retirar un envío propio que todavía no ha empezado."""

    @extend_schema(
        operation_id="withdraw", summary="Retirar", request=None, responses={200: answers.SubmissionDetail}
    )
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Devuelve el intento y la energía reservada. Lo que ya ha empezado sigue su curso: 409."""
        mine = report.own(asker(request))
        cancelling.withdraw(get_object_or_404(mine, pk=pk))
        return Response(report.detail(mine.get(pk=pk)))


class PhaseQuota(APIView):
    """Lo que le queda a uno en una fase."""

    @extend_schema(operation_id="quota", summary="Lo que me queda", responses={200: answers.Quota})
    def get(self, request: Request, slug: str, phase: str) -> Response:
        """Intentos de hoy y de la fase, y la energía si la fase la limita."""
        found = get_object_or_404(
            Phase.objects.select_related("challenge"),
            challenge__slug=slug,
            challenge__is_published=True,
            slug=phase,
        )
        mine = _participation(request, found)
        return Response(report.quota(submission.quota(mine, found), purse.balance(mine, found)))


def _idempotency_key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key:
        raise MissingIdempotencyKey(
            _(
                "Falta la cabecera «Idempotency-Key»: un texto tuyo, distinto en cada envío (por ejemplo un "
                "UUID). Si se corta la red, repite la petición con la misma y no gastarás otro intento."
            )
        )
    return key


def _read(request: Request) -> tuple[Phase, Any, str]:
    given = incoming.NewSubmission(data=request.data)
    given.is_valid(raise_exception=True)
    challenge, slug = given.validated_data["challenge"], given.validated_data["phase"]
    phase = (
        Phase.objects.select_related("challenge", "ranked_suite", "feedback_suite")
        .filter(challenge__slug=challenge, challenge__is_published=True, slug=slug)
        .first()
    )
    if phase is None:
        known = _("no existe esa fase en ese desafío. GET /api/v1/challenges/ dice las que hay.")
        raise ValidationError({"phase": [known]}, code="not_found")
    return phase, given.validated_data["content"], given.validated_data["kind"]


def _participation(request: Request, phase: Phase) -> Participation:
    found = Participation.objects.filter(person=asker(request), challenge=phase.challenge).first()
    if found is None:
        raise NotParticipating(slug=phase.challenge.slug)
    return found
