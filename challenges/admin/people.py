"""People, what they consented to, and where they take part. Nobody's password is shown, not even its hash."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import Group, Permission
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from challenges.admin.readonly import ReadOnlyAdmin, ReadOnlyInline, RowAdmin
from challenges.models import Consent, Participation, Person

JUDGES = "jueces"


class ConsentInline(ReadOnlyInline):
    model = Consent
    fields = ["purpose", "given_at", "withdrawn_at"]


class ParticipationInline(ReadOnlyInline):
    model = Participation
    fields = ["challenge", "public_id", "joined_at"]
    readonly_fields = ["public_id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Participation]:
        return super().get_queryset(request).select_related("challenge", "person")


@admin.register(Person)
class PersonAdmin(RowAdmin):
    """Accounts are made by signing up and are never deleted here: they are deactivated."""

    list_display = ["email", "board_name", "is_active", "is_judge", "is_staff", "date_joined", "last_login"]
    list_filter = ["is_active", "is_staff", "groups"]
    search_fields = ["email", "board_name"]
    date_hierarchy = "date_joined"
    ordering = ["-date_joined"]
    filter_horizontal = ["groups", "user_permissions"]
    actions = ["appoint_judges", "dismiss_judges"]
    inlines = [ParticipationInline, ConsentInline]
    fieldsets = [
        (None, {"fields": ["email", "board_name", "is_active"]}),
        (_("Derechos"), {"fields": ["groups", "is_staff", "is_superuser", "user_permissions"]}),
        (_("Fechas"), {"fields": ["date_joined", "last_login"]}),
    ]
    # E-mail and name have their own rules (confirmation, one name each): people change them on their profile.
    readonly_fields = ["email", "board_name", "date_joined", "last_login"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Person]:
        return super().get_queryset(request).prefetch_related("groups")

    def get_readonly_fields(self, request: HttpRequest, obj: Person | None = None) -> list[str]:
        rights = ["groups", "is_staff", "is_superuser", "user_permissions"]
        # Whoever could hand out rights could take them all.
        return [*self.readonly_fields, *([] if _is_superuser(request) else rights)]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Person | None = None) -> bool:
        if obj is not None and obj.is_superuser and not _is_superuser(request):
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Person | None = None) -> bool:
        return False

    def has_appoint_permission(self, request: HttpRequest) -> bool:
        """Judges see what is frozen: appointing them takes the right to change groups."""
        return request.user.has_perm("auth.change_group")

    @admin.display(description=_("jurado"), boolean=True)
    def is_judge(self, person: Person) -> bool:
        return any(group.name == JUDGES for group in person.groups.all())

    @admin.action(description=_("Nombrar miembros del jurado"), permissions=["appoint"])
    def appoint_judges(self, request: HttpRequest, people: QuerySet[Person]) -> None:
        group, _created = Group.objects.get_or_create(name=JUDGES)
        group.permissions.add(
            Permission.objects.get(content_type__app_label="challenges", codename="export_ranking")
        )
        appointed = list(people.exclude(groups=group))
        for person in appointed:
            person.groups.add(group)
            self.log_change(request, person, str(_("Nombrado miembro del jurado.")))
        count = len(appointed)
        told = ngettext("%(count)d persona nombrada.", "%(count)d personas nombradas.", count)
        self.message_user(request, told % {"count": count}, messages.SUCCESS)

    @admin.action(description=_("Retirar del jurado"), permissions=["appoint"])
    def dismiss_judges(self, request: HttpRequest, people: QuerySet[Person]) -> None:
        dismissed = list(people.filter(groups__name=JUDGES))
        for person in dismissed:
            person.groups.remove(Group.objects.get(name=JUDGES))
            self.log_change(request, person, str(_("Retirado del jurado.")))
        count = len(dismissed)
        told = ngettext("%(count)d persona retirada.", "%(count)d personas retiradas.", count)
        self.message_user(request, told % {"count": count}, messages.SUCCESS)


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    list_display = ["person", "purpose", "given_at", "withdrawn_at"]
    list_select_related = ["person"]
    list_filter = ["purpose", ("withdrawn_at", admin.EmptyFieldListFilter)]
    search_fields = ["person__email", "person__board_name"]
    date_hierarchy = "given_at"


@admin.register(Participation)
class ParticipationAdmin(ReadOnlyAdmin):
    list_display = ["person", "challenge", "public_id", "joined_at"]
    list_select_related = ["person", "challenge"]
    list_filter = ["challenge"]
    search_fields = ["person__email", "person__board_name", "public_id"]
    date_hierarchy = "joined_at"


def _is_superuser(request: HttpRequest) -> bool:
    user: Any = request.user
    return bool(user.is_superuser)
