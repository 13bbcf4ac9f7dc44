"""The shapes of requests: what is read of a body before a use case sees it, and what the OpenAPI page shows.

What a submission's content may hold is judged by the use cases alone, so here it passes through unread.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from scoring.solutions.characters import shown
from scoring.solutions.kinds import KINDS

MAX_PASSWORD_CHARACTERS = 1_000


class Incoming(serializers.Serializer[Any]):
    """A request's body. Fields that do not exist are refused: a mistyped name would be ignored in silence."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := sorted(set(data) - set(self.fields))):
            known = ", ".join(self.fields)
            text = _("este campo no existe. Los que existen son: %(known)s.") % {"known": known}
            raise serializers.ValidationError(
                {shown(name): [serializers.ErrorDetail(text, code="unknown_field")] for name in unknown[:20]}
            )
        return super().to_internal_value(data)


def _inside(schema: dict[str, Any]) -> dict[str, Any]:
    """A document of its own names its dialect; inside OpenAPI's it has OpenAPI's."""
    return {name: value for name, value in schema.items() if name != "$schema"}


# One of the kinds' own shapes, as ``kinds/<kind>/schema/`` publishes them.
_CONTENT = {"anyOf": [_inside(kind.schema()) for kind in KINDS.values()]}


@extend_schema_field(_CONTENT)
class Content(serializers.Field[Any, Any, Any, Any]):
    """Any JSON, as it came."""

    def to_internal_value(self, data: Any) -> Any:
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class Credentials(Incoming):
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(
        max_length=MAX_PASSWORD_CHARACTERS, trim_whitespace=False, style={"input_type": "password"}
    )


class JoinRequest(Incoming):
    consents = serializers.ListField(
        child=serializers.CharField(max_length=32),
        required=False,
        max_length=20,
        help_text="Finalidades que se aceptan, una por una: rules, publish_name, publish_prompt, news.",
    )


class NewSubmission(Incoming):
    challenge = serializers.SlugField(max_length=60)
    phase = serializers.SlugField(max_length=60)
    kind = serializers.CharField(
        max_length=16, required=False, default="prompt", help_text="prompt, fewshot o pipeline."
    )
    content = Content(allow_null=True)
