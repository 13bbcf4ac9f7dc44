"""Pages of a list by cursor: stable while new rows come in, and no counting."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request


class NewestFirst(CursorPagination):
    ordering = ("-created_at", "-id")
    page_size = 50

    def decode_cursor(self, request: Request) -> Cursor | None:
        """The framework hands whatever a cursor holds to the database; ours holds a moment or is refused."""
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None:
            try:
                moment = datetime.fromisoformat(str(cursor.position))
            except ValueError:
                moment = None
            if moment is None or moment.tzinfo is None:
                text = _("no es un cursor nuestro. Usa los de «next» y «previous», o quítalo.")
                raise ValidationError({"cursor": [text]}, code="bad_cursor")
        return cursor
