"""What the engine writes beside the evaluations: their steps, circuits, purses, workers and counters."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from challenges.admin.readonly import HiddenWhileFrozen, ReadOnlyAdmin
from challenges.models import Circuit, Engine, Purse, Reservation, StateChange, Tally, WorkerProcess


@admin.register(StateChange)
class StateChangeAdmin(HiddenWhileFrozen):
    phase_path = "evaluation__submission__phase"
    moment_path = "at"

    list_display = ["at", "evaluation", "number", "before", "after", "reason", "by", "who", "detail"]
    list_select_related = ["evaluation"]
    list_filter = ["reason", "by", "after", "evaluation__submission__phase"]
    search_fields = ["evaluation__submission__id", "who", "detail"]
    date_hierarchy = "at"
    ordering = ["-at", "-pk"]


@admin.register(Circuit)
class CircuitAdmin(ReadOnlyAdmin):
    list_display = ["name", "opened_at", "reason", "trial", "next_trial_at", "pause_s", "held_seconds"]
    list_select_related = ["trial"]


@admin.register(Purse)
class PurseAdmin(HiddenWhileFrozen):
    phase_path = "phase"

    list_display = ["participation", "phase", "limit_mj", "reserved_mj", "spent_mj"]
    list_select_related = ["participation__person", "participation__challenge", "phase__challenge"]
    list_filter = ["phase"]
    search_fields = ["participation__person__email", "participation__person__board_name"]

    @admin.display(description=_("límite (mJ)"), ordering="phase__energy_purse_mj")
    def limit_mj(self, purse: Purse) -> int | None:
        return purse.phase.energy_purse_mj

    def is_from_before(self, freeze: str) -> Q:
        # A sum is written over: nothing in it tells what it was at the freeze.
        return Q(pk__in=[])


@admin.register(Reservation)
class ReservationAdmin(HiddenWhileFrozen):
    phase_path = "purse__phase"

    list_display = ["evaluation", "purse", "reserved_mj", "settled_mj", "settled_at"]
    list_select_related = [
        "evaluation",
        "purse__participation__person",
        "purse__participation__challenge",
    ]
    list_filter = ["purse__phase"]
    search_fields = ["evaluation__submission__id", "purse__participation__person__email"]
    date_hierarchy = "settled_at"

    def is_from_before(self, freeze: str) -> Q:
        # What it was settled at is the energy that was measured.
        is_made_before = Q(evaluation__created_at__lt=F(freeze))
        return is_made_before & (Q(settled_at=None) | Q(settled_at__lt=F(freeze)))


@admin.register(WorkerProcess)
class WorkerProcessAdmin(ReadOnlyAdmin):
    list_display = [
        "name",
        "code_version",
        "engine",
        "started_at",
        "seen_at",
        "stopped_at",
        "clock_ahead_s",
    ]
    list_filter = ["engine", "code_version"]
    search_fields = ["name"]
    date_hierarchy = "started_at"


@admin.register(Engine)
class EngineAdmin(ReadOnlyAdmin):
    list_display = ["version", "migrated_at"]


@admin.register(Tally)
class TallyAdmin(ReadOnlyAdmin):
    list_display = ["name", "label", "value"]
    list_filter = ["name"]
    search_fields = ["name", "label"]
    ordering = ["name", "label"]
