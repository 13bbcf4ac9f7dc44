"""What judges took away, by its hash."""

from __future__ import annotations

from django.contrib import admin

from challenges.admin.readonly import ReadOnlyAdmin
from challenges.models import RankingExport


@admin.register(RankingExport)
class RankingExportAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "person", "phase", "board_version", "rows", "sha256"]
    list_select_related = ["person", "phase__challenge"]
    list_filter = ["phase"]
    search_fields = ["sha256", "person__email"]
    date_hierarchy = "created_at"
