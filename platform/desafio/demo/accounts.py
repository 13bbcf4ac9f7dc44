"""The accounts of a demo: an organizer, a judge and three contestants.

The passwords are random, kept in ``accounts.json`` (readable by the owner of the folder alone) and printed at
every start. Called by the demo after the database is there; an account that exists is only made right again.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass

from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.db import transaction

from challenges import registration
from challenges.models import Challenge, Participation, Person, Purpose
from desafio.demo.folder import DataFolder, write_private

JUDGES = "jueces"
PASSWORD_BYTES = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    role: str
    email: str
    name: str
    password: str

    @property
    def is_contestant(self) -> bool:
        return self.role == CONTESTANT


ORGANIZER, JUDGE, CONTESTANT = "organización", "jurado", "participante"
# example.org belongs to nobody (RFC 2606), so no mail of a demo can ever reach a person.
WHO = (
    (ORGANIZER, "organizacion@example.org", ""),
    (JUDGE, "jurado@example.org", ""),
    (CONTESTANT, "ana@example.org", "Ana"),
    (CONTESTANT, "bruno@example.org", "Bruno"),
    (CONTESTANT, "carmen@example.org", "Carmen"),
)


def kept_in(folder: DataFolder) -> list[Account]:
    """The folder's accounts; made with new passwords where it has none."""
    try:
        kept = {entry["email"]: entry["password"] for entry in json.loads(folder.accounts.read_text())}
    except FileNotFoundError:
        kept = {}
    accounts = [
        Account(
            role=role,
            email=email,
            name=name,
            password=kept.get(email) or secrets.token_urlsafe(PASSWORD_BYTES),
        )
        for role, email, name in WHO
    ]
    write_private(
        folder.accounts,
        json.dumps([asdict(account) for account in accounts], ensure_ascii=False, indent=2),
    )
    return accounts


def store(account: Account) -> Person:
    """The account's row, with a verified address, its password and what its role may do."""
    with transaction.atomic():
        person = Person.objects.filter(email=account.email).first()
        if person is None:
            person = Person.objects.create_user(account.email, account.password)
        elif not person.check_password(account.password):
            person.set_password(account.password)
        person.is_staff = person.is_superuser = account.role == ORGANIZER
        person.save()
        EmailAddress.objects.update_or_create(
            user=person, email=account.email, defaults={"verified": True, "primary": True}
        )
        if account.role == JUDGE:
            person.groups.add(Group.objects.get(name=JUDGES))
    return person


def join(account: Account, person: Person, challenge: Challenge) -> Participation:
    """Put a contestant into the challenge under a public name. Raises ChallengeClosed, BoardNameRefused."""
    registration.set_board_name(person, account.name)
    return registration.join(
        person=person, challenge=challenge, consents=[Purpose.RULES.value, Purpose.PUBLISH_NAME.value]
    )
