"""How the OpenAPI document tells that every operation may be refused, and how one identifies oneself.

Named in the settings and imported by the framework: nothing here may import a view.
"""

from __future__ import annotations

from typing import Any, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from desafio.api.answers import ProblemDocument
from desafio.api.problems import MEDIA_TYPE

REQUEST_BODIES = ("Credentials", "JoinRequest", "NewSubmission")

_Direction = Literal["request", "response"]


class BearerTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # its metaclass
    target_class = "desafio.api.tokens.BearerToken"
    name = "bearerToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer"}


def refuse_unknown_fields(
    result: dict[str, Any], generator: Any, request: Any, public: bool
) -> dict[str, Any]:
    """Say that a body takes no other fields: a mistyped one is refused, not ignored."""
    schemas = result["components"]["schemas"]
    for name in REQUEST_BODIES:
        schemas[name]["additionalProperties"] = False
    return result


class ProblemAwareSchema(AutoSchema):
    """Every operation answers with a problem document when it does not do what was asked."""

    def _get_response_bodies(self, direction: _Direction = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        bodies["default"] = self._get_response_for_code(  # type: ignore[no-untyped-call]
            ProblemDocument, "default", media_types=[MEDIA_TYPE]
        )
        return bodies
