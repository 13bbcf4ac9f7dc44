"""Scores, and what is derived from them. A frozen phase hides here too what came after the freeze."""

from __future__ import annotations

from django.contrib import admin

from challenges.admin.readonly import HiddenWhileFrozen
from challenges.models import Leaderboard, Record, Score, Standing


@admin.register(Score)
class ScoreAdmin(HiddenWhileFrozen):
    phase_path = "phase"
    moment_path = "created_at"

    list_display = [
        "value",
        "participation",
        "phase",
        "quality",
        "energy_mj",
        "evidence_grade",
        "is_ranked",
        "created_at",
    ]
    list_select_related = ["participation__person", "participation__challenge", "phase__challenge"]
    list_filter = ["phase", "is_ranked", "reaches_minimum", "evidence_grade", "policy"]
    search_fields = [
        "participation__person__email",
        "participation__person__board_name",
        "evaluation__submission__id",
    ]
    date_hierarchy = "created_at"


@admin.register(Standing)
class StandingAdmin(HiddenWhileFrozen):
    phase_path = "phase"
    moment_path = "updated_at"

    list_display = ["participation", "phase", "score", "attempts", "updated_at"]
    list_select_related = ["participation__person", "participation__challenge", "phase__challenge", "score"]
    list_filter = ["phase"]
    search_fields = ["participation__person__email", "participation__person__board_name"]
    date_hierarchy = "updated_at"
    ordering = ["-score__value"]


@admin.register(Leaderboard)
class LeaderboardAdmin(HiddenWhileFrozen):
    phase_path = "phase"
    moment_path = "updated_at"

    list_display = ["phase", "version", "updated_at"]
    list_select_related = ["phase__challenge"]
    search_fields = ["phase__title", "phase__challenge__title"]
    date_hierarchy = "updated_at"


@admin.register(Record)
class RecordAdmin(HiddenWhileFrozen):
    phase_path = "phase"
    moment_path = "created_at"

    list_display = ["number", "phase", "score", "sha256", "size", "created_at"]
    list_select_related = ["phase__challenge", "score"]
    list_filter = ["phase"]
    search_fields = ["sha256", "score__evaluation__submission__id"]
    date_hierarchy = "created_at"
