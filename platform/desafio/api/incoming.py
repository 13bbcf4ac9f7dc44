"""The shapes of requests: what is read of a body before a use case sees it, and what the OpenAPI page shows.

What a submission's content may hold is judged by the use cases alone, so here it passes through unread.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from scoring.solutions.characters import shown

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


class Sampling(serializers.Serializer[Any]):
    temperature = serializers.FloatField(required=False, default=0.0)
    top_p = serializers.FloatField(required=False, default=1.0)
    max_output_tokens = serializers.IntegerField(required=False, default=64)
    stop = serializers.ListField(child=serializers.CharField(), required=False)
    seed = serializers.IntegerField(required=False, default=0)


class PromptContent(serializers.Serializer[Any]):
    system = serializers.CharField(required=False, allow_blank=True, help_text="Instrucciones del sistema.")
    user = serializers.CharField(help_text="Plantilla con huecos {{nombre}}.")
    sampling = Sampling(required=False)


@extend_schema_field(PromptContent)
class RawContent(serializers.Field[Any, Any, Any, Any]):
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
    content = RawContent(allow_null=True)
