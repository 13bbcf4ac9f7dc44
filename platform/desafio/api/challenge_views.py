"""Challenges, joining one, and the board of a phase."""

from __future__ import annotations

from typing import Any, cast

from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from challenges import board, dispatch, registration
from challenges.models import Phase
from desafio.api import answers, catalogue, incoming
from desafio.api.people import asker
from scoring.solutions.kinds import KINDS


class Challenges(APIView):
    """Los desafíos publicados, con el reloj de sus fases."""

    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="challenges", summary="Desafíos", responses={200: answers.ChallengeSummary(many=True)}
    )
    def get(self, request: Request) -> Response:
        now = dispatch.now()
        return Response([catalogue.summary(challenge, now) for challenge in catalogue.published()])


class Challenge(APIView):
    """Un desafío: enunciado, fases, límites, huecos, política y casos públicos."""

    permission_classes = (AllowAny,)

    @extend_schema(operation_id="challenge", summary="Un desafío", responses={200: answers.ChallengeDetail})
    def get(self, request: Request, slug: str) -> Response:
        challenge = get_object_or_404(catalogue.published(), slug=slug)
        return Response(catalogue.detail(challenge, dispatch.now()))


class Join(APIView):
    """Unirse a un desafío; repetirlo no cambia nada."""

    @extend_schema(
        operation_id="join",
        summary="Unirse",
        request=incoming.JoinRequest,
        responses={200: answers.Participation},
    )
    def post(self, request: Request, slug: str) -> Response:
        challenge = get_object_or_404(catalogue.published(), slug=slug)
        given = incoming.JoinRequest(data=request.data)
        given.is_valid(raise_exception=True)
        made = registration.join(
            person=asker(request), challenge=challenge, consents=given.validated_data.get("consents", [])
        )
        made.refresh_from_db(fields=["joined_at"])
        return Response(
            {"challenge": challenge.slug, "participation": made.public_id, "joined_at": made.joined_at}
        )


class KindSchema(APIView):
    """El esquema JSON de un tipo de envío (prompt, fewshot o pipeline)."""

    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="kind_schema", summary="Esquema de un tipo", responses={200: OpenApiTypes.OBJECT}
    )
    def get(self, request: Request, kind: str) -> Response:
        """La forma de su contenido; lo que cada fase limita lo dice «submissions/check/»."""
        if kind not in KINDS:
            raise Http404
        return Response(KINDS[kind].schema())


class PhaseBoard(APIView):
    """La clasificación de una fase, como la ve el público. Con ETag: «If-None-Match» ahorra la descarga."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="board",
        summary="Clasificación",
        parameters=[
            OpenApiParameter(
                "If-None-Match", str, OpenApiParameter.HEADER, description="La ETag que ya tienes."
            )
        ],
        responses={200: answers.Board, 304: None},
    )
    def get(self, request: Request, slug: str, phase: str) -> HttpResponseBase:
        found = get_object_or_404(
            Phase.objects.select_related("challenge", "ranked_suite"),
            challenge__slug=slug,
            challenge__is_published=True,
            slug=phase,
        )
        built = board.build(found)
        answer = HttpResponse(built.body, content_type="application/json")
        answer.headers["ETag"] = built.etag
        answer.headers["Cache-Control"] = "public, no-cache"
        conditional: Any = get_conditional_response(request._request, etag=built.etag, response=answer)
        return cast(HttpResponseBase, conditional)
