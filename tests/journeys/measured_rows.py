"""Rows of a measured contest, written by a process of its own into the database that its environment names.

``test_power_chart`` runs it before it starts the web: a test beside a browser may not ask the database
itself. It prints, as JSON, who may log in and where to look.
"""

from __future__ import annotations

import json
import math
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desafio.settings")

# Forty seconds of a board that works in waves, and twelve cases, three at a time.
WATTS = [round(300 + 120 * math.sin(step / 9)) for step in range(401)]
CASES = 12
MARKS = [
    [case, 3_000 * (case // 3) * 3 + 700 * (case % 3), 3_000 * (case // 3) * 3 + 8_500]
    for case in range(CASES)
]


def write() -> dict[str, str]:
    from allauth.account.models import EmailAddress
    from django.contrib.auth.models import Permission
    from django.core.management import call_command

    from challenges.models import Person, Review, Standing
    from tests.contest import a_secret_case, run_everything
    from tests.factories import (
        PASSWORD,
        a_measured_score,
        a_person,
        a_phase,
        a_reference_run,
        a_submission,
        a_window,
    )

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", "--noinput", verbosity=0)
    phase = a_phase(ranked_cases=[a_secret_case(number) for number in range(CASES)], evidence_grade="A")
    windows = [a_window(watts=[watts + 2 * number for watts in WATTS], marks=MARKS) for number in range(5)]
    score = a_measured_score(phase, windows=windows)
    run_everything(score)
    for number in range(6):
        place = "after" if number % 2 else "before"
        a_reference_run(score.evaluation, place=place, energy_mj=1_000_000 + 6_000 * number)
    held = a_measured_score(phase, participation=score.participation, windows=windows)
    Standing.objects.filter(score=held).delete()
    review = Review.objects.create(score=held, flags=["unlike-repetitions"])
    waiting = a_submission(phase, participation=score.participation)
    organizer = a_person(is_staff=True)
    organizer.user_permissions.set(Permission.objects.filter(content_type__app_label="challenges"))
    for person in (score.participation.person, organizer):
        EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    assert Person.objects.count() == 2
    return {
        "author": score.participation.person.email,
        "organizer": organizer.email,
        "password": PASSWORD,
        "submission": str(score.evaluation.submission_id),
        "held": str(held.evaluation.submission_id),
        "review": str(review.pk),
        "waiting": str(waiting.pk),
    }


if __name__ == "__main__":
    django.setup()
    print(json.dumps(write()))
