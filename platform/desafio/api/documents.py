"""The OpenAPI document, the page that shows it, and the answer for addresses that lead nowhere."""

from __future__ import annotations

from typing import Any

from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from desafio.api.problems import NoSuchAddress


class Document(SpectacularAPIView):
    """The same for everybody, so that a browser need not ask for it again at once."""

    authentication_classes = ()


class DocumentPage(SpectacularSwaggerSplitView):
    url_name = "api:schema"
    template_name = "api/docs.html"
    title = "API del Desafío ALIA"

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        finished = super().finalize_response(request, response, *args, **kwargs)
        # Its script holds this reader's CSRF token: no other site may load it.
        finished.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        finished.headers["Cache-Control"] = "private, no-store"
        return finished


class Nowhere(APIView):
    """Addresses below /api/ that lead to no view, whatever the method."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NoSuchAddress(path=request.path)
