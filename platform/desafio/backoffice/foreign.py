"""Models of others (Django, knox, allauth) as organizers see them: no secret shown, nothing made by hand."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress, EmailConfirmation
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from knox.models import AuthToken

from challenges.admin.readonly import ReadOnlyAdmin, RowAdmin

for foreign in (AuthToken, EmailAddress, EmailConfirmation):
    if admin.site.is_registered(foreign):
        admin.site.unregister(foreign)


@admin.register(AuthToken)
class TokenAdmin(RowAdmin):
    """Whose tokens there are; they can be revoked. A token is never shown: not even we have it."""

    list_display = ["user", "created", "expiry"]
    list_select_related = ["user"]
    list_filter = ["expiry"]
    search_fields = ["user__email", "user__board_name"]
    date_hierarchy = "created"
    fields = ["user", "created", "expiry"]
    readonly_fields = ["user", "created", "expiry"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return False


@admin.register(EmailAddress)
class AddressAdmin(RowAdmin):
    """Addresses of accounts. When a message was lost, an organizer may confirm an address; nothing else."""

    list_display = ["email", "user", "primary", "verified"]
    list_select_related = ["user"]
    list_filter = ["verified", "primary"]
    search_fields = ["email", "user__board_name"]
    fields = ["email", "user", "primary", "verified"]
    readonly_fields = ["email", "user", "primary"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return False


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    """Who changed what in this admin; read only, and never deleted here."""

    list_display = ["action_time", "user", "content_type", "object_repr", "action_flag", "message"]
    list_select_related = ["user", "content_type"]
    list_filter = ["action_flag", "content_type"]
    search_fields = ["object_repr", "change_message", "user__email"]
    date_hierarchy = "action_time"

    @admin.display(description=_("mensaje"))
    def message(self, entry: LogEntry) -> str:
        return entry.get_change_message()
