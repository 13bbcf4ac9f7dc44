"""Who asks: a token in the Authorization header."""

from __future__ import annotations

import re
from typing import Any

from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

# Anything else was not made by us: it never reaches the database, nor a decoder that could stumble over it.
_TOKEN = re.compile(rb"[0-9A-Za-z_-]{16,200}")


class BearerToken(TokenAuthentication):  # type: ignore[misc]  # knox has no types
    """knox's tokens: only their SHA-512 is stored, and they expire."""

    def authenticate_credentials(self, token: bytes) -> tuple[Any, Any]:
        if not _TOKEN.fullmatch(token):
            raise AuthenticationFailed
        found: tuple[Any, Any] = super().authenticate_credentials(token)
        return found
