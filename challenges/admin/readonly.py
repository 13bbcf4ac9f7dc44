"""What most of these admins share: rows that are evidence, or derived from it, can only be looked at."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from challenges import dispatch

# Generic for the type checker alone: at run time Django's classes take no parameters.
if TYPE_CHECKING:
    RowAdmin = admin.ModelAdmin[Any]
    RowInline = admin.TabularInline[Any, Any]
    RowForm = forms.ModelForm[Any]
else:
    RowAdmin = admin.ModelAdmin
    RowInline = admin.TabularInline
    RowForm = forms.ModelForm


class ReadOnlyAdmin(RowAdmin):
    """Nobody adds, changes or deletes here, whatever their permissions; viewing needs the view permission."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return False


class ReadOnlyInline(RowInline):
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return False


class HiddenWhileFrozen(ReadOnlyAdmin):
    """Rows that tell what went on after a freeze: while the phase is frozen only judges see them.

    ``phase_path`` and ``moment_path`` lead from the row to its phase and to when it was made.
    """

    phase_path: ClassVar[str]
    moment_path: ClassVar[str]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        freeze = f"{self.phase_path}__freeze_at"
        return without_hidden(rows, request, freeze=freeze, is_from_before=self.is_from_before(freeze))

    def is_from_before(self, freeze: str) -> Q:
        """Whether a row tells nothing that happened after the moment in the column ``freeze``."""
        return Q(**{f"{self.moment_path}__lt": F(freeze)})


def without_hidden(
    rows: QuerySet[Any], request: HttpRequest, *, freeze: str, is_from_before: Q
) -> QuerySet[Any]:
    """The rows but for those that a freeze hides from this reader: all of them for judges."""
    if request.user.has_perm("challenges.export_ranking"):
        return rows
    return rows.filter(Q(**{freeze: None}) | Q(**{f"{freeze}__gt": dispatch.now()}) | is_from_before)


def shown_json(value: Any) -> SafeString:
    """JSON as people read it, in a block that keeps its line breaks."""
    return format_html("<pre>{}</pre>", json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True))
