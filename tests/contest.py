"""A whole contest in rows, and every page of a contestant's doors: for claims about all pages at once.

``a_contest()`` has a submission in each state of an evaluation, somebody else's work, and secrets planted in
everything that is private. ``pages_of(contest)`` fetches each page as each kind of reader may meet it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.tokens import default_token_generator
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings
from django.utils import timezone

from challenges.models import Participation, Person, Phase, Score, State, Submission, Suite
from tests.factories import (
    a_challenge,
    a_participation,
    a_person,
    a_phase,
    a_run,
    a_standing,
    a_submission,
    an_evaluation,
)

# Stands in every text of a private case and of its runs. No page may ever show it.
SECRET = "CANARIO"
PUBLIC = "«visible»"
PASSWORD = "un-paraguas-verde-7"
# What Django's test client gives back: a response with the request beside it.
Answer = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    phase: Phase
    participation: Participation
    submissions: dict[str, Submission]
    foreign: Submission

    @property
    def person(self) -> Person:
        return self.participation.person

    @property
    def slug(self) -> str:
        return self.phase.challenge.slug


def as_(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def a_secret_case(number: int) -> dict[str, Any]:
    return {
        "key": f"{SECRET}-clave-{number}",
        "group": "consumo",
        "inputs": {"pregunta": f"{SECRET}-pregunta-{number}"},
        "expected": f"{SECRET}-esperada-{number}",
        "grader": {"name": "exact", "accept": [f"{SECRET}-aceptada-{number}"]},
    }


def a_public_case(number: int) -> dict[str, Any]:
    return {
        "group": "aparatos",
        "inputs": {"pregunta": f"¿Pregunta pública {number}? <b>&"},
        "expected": "sí",
    }


def a_contest(*, submissions_each: int = 1, **phase_fields: Any) -> Contest:
    """One contestant with a submission in every state, and another with one, in an open phase."""
    challenge = a_challenge(statement="# Enunciado\n\nResponde bien.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    phase = a_phase(
        challenge,
        ranked_cases=[a_secret_case(number) for number in range(3)],
        feedback_cases=[a_public_case(number) for number in range(7)],
        **phase_fields,
    )
    mine = a_participation(phase, person=a_person(board_name="Ana"))
    submissions = {
        state.value: _one(phase, mine, state) for state in State for _time in range(submissions_each)
    }
    theirs = a_participation(phase, person=a_person(board_name="Luis & <b>Eva</b>"))
    foreign = a_standing(phase, participation=theirs, value="55").score.evaluation.submission
    return Contest(phase=phase, participation=mine, submissions=submissions, foreign=foreign)


def _one(phase: Phase, participation: Participation, state: State) -> Submission:
    if state == State.SCORED:
        score = a_standing(phase, participation=participation, value="71.2345").score
        run_everything(score)
        return score.evaluation.submission
    submission = a_submission(phase, participation=participation, state=None)
    fault = {"fault_code": "backend_away", "fault_detail": f"{SECRET}-detalle"}
    if state == State.REJECTED:
        fault = {"fault_code": "exceed_context_size_error", "fault_detail": f"{SECRET}-clave-0"}
    evaluation = an_evaluation(submission, state=state, **(fault if state in FAULTY else {}))
    if state in (State.RUNNING, State.GRADING):
        _run(evaluation, phase.ranked_suite.cases.all()[0])
    return submission


FAULTY = (State.REJECTED, State.ERRORED, State.CANCELLED)


def run_everything(score: Score) -> None:
    """A run of each case, private ones with secrets in whatever a worker writes down."""
    evaluation = score.evaluation
    for case in evaluation.submission.phase.ranked_suite.cases.all():
        _run(evaluation, case)
    suite = evaluation.submission.phase.feedback_suite
    assert suite is not None
    for case in suite.cases.all():
        a_run(
            evaluation, case, answer=f"{PUBLIC} {case.key}", grade=Decimal("0.5"), reason=f"{PUBLIC} motivo"
        )


def _run(evaluation: Any, case: Any) -> None:
    a_run(
        evaluation,
        case,
        answer=f"{SECRET}-respuesta",
        reason=f"{SECRET}-motivo",
        evidence=f"{SECRET}-indicio",
        grade=Decimal("0.25"),
    )


def pages_of(contest: Contest) -> dict[str, Answer]:
    """Every page of the contestant's doors by a name, answers to mistakes included."""
    fetched = {f"visitor {url}": Client().get(url) for url in _for_visitors(contest)}
    fetched |= {f"newcomer {url}": as_(a_person()).get(url) for url in _for_newcomers(contest)}
    fetched |= {f"contestant {url}": as_(contest.person).get(url) for url in _for_contestants(contest)}
    return fetched | {name: make(contest) for name, make in MISTAKES.items()}


def _for_visitors(contest: Contest) -> list[str]:
    person = contest.person
    key = default_token_generator.make_token(person)
    return [
        "/",
        f"/desafios/{contest.slug}/",
        f"/desafios/{contest.slug}/clasificacion/",
        "/registro/",
        "/registro/correo-enviado/",
        "/entrar/",
        "/contrasena/",
        "/contrasena/enviada/",
        "/contrasena/cambiada/",
        f"/contrasena/nueva/1-{key}/",
        "/confirmar/MQ:no-vale/",
        "/cuenta-desactivada/",
        "/no-existe/",
    ]


def _for_newcomers(contest: Contest) -> list[str]:
    return [
        "/envios/",
        f"/desafios/{contest.slug}/",
        f"/desafios/{contest.slug}/enviar/",
        f"/envios/{contest.foreign.pk}/",
        "/jurado/",
    ]


def _for_contestants(contest: Contest) -> list[str]:
    own = [f"/envios/{submission.pk}/" for submission in contest.submissions.values()]
    return [
        "/",
        f"/desafios/{contest.slug}/",
        f"/desafios/{contest.slug}/enviar/",
        f"/desafios/{contest.slug}/clasificacion/",
        "/envios/",
        *own,
        f"/envios/{contest.submissions['PENDING'].pk}/retirar/",
        "/perfil/",
        "/perfil/correo/",
        "/perfil/contrasena/",
        "/salir/",
        "/entrar/otra-vez/",
    ]


def submit_fields(**changes: Any) -> dict[str, Any]:
    """What a browser posts for a good proposal to any phase of the factories."""
    fields = {
        "user": "Responde en una palabra: {{pregunta}}",
        "system": "",
        "max_output_tokens": "8",
        "temperature": "0",
        "top_p": "1",
        "stop": "",
        "seed": "0",
        "idempotency_key": "0123456789abcdef" * 2,
        "action": "send",
    }
    return {**fields, **changes}


def sign_up_fields(**changes: Any) -> dict[str, Any]:
    """What a browser posts for a good sign-up with every box ticked."""
    fields = {
        "email": "lucia@example.org",
        "password1": PASSWORD,
        "password2": PASSWORD,
        "board_name": "Lucía",
        "consent_rules": "on",
        "consent_publish_name": "on",
        "consent_publish_prompt": "on",
        "consent_news": "on",
    }
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def _submit(contest: Contest, person: Person, **changes: Any) -> Answer:
    return as_(person).post(f"/desafios/{contest.slug}/enviar/", submit_fields(**changes))


def _old_phase(contest: Contest) -> Phase:
    long_ago = timezone.now() - timedelta(days=9)
    return a_phase(opens_at=long_ago, closes_at=long_ago + timedelta(days=1), freeze_at=long_ago)


def _board_of(phase: Phase) -> Answer:
    a_standing(phase)
    return Client().get(f"/desafios/{phase.challenge.slug}/clasificacion/?fase={phase.slug}")


def _without_a_token(contest: Contest) -> Answer:
    client = Client(enforce_csrf_checks=True)
    client.force_login(contest.person)
    return client.post("/perfil/nombre/", {"board_name": "Otra"})


def _too_often(_contest: Contest) -> Answer:
    client = Client()
    with override_settings(ACCOUNT_RATE_LIMITS={"login": "1/m/ip"}):
        answers = [client.post("/entrar/", {"login": "a@b.es", "password": "no"}) for _time in range(2)]
    return answers[-1]


def a_broken_phase() -> Phase:
    """Its slots are no mapping, which no pack and no form can bring about."""
    challenge = a_challenge()
    slots: Any = "pregunta"
    suite = Suite.objects.create(challenge=challenge, version=1, visibility="private", slots=slots)
    return a_phase(challenge, ranked_suite=suite)


def _broken(_contest: Contest) -> Answer:
    """A row that no form would have stored."""
    phase = a_broken_phase()
    answer = Client(raise_request_exception=False).get(f"/desafios/{phase.challenge.slug}/")
    phase.delete()
    return answer


MISTAKES: dict[str, Callable[[Contest], Answer]] = {
    "a check with its preview": lambda contest: _submit(contest, contest.person, action="check"),
    "an unknown slot": lambda contest: _submit(contest, contest.person, user="{{otra}} {{", stop="x" * 99),
    "everything wrong": lambda contest: _submit(
        contest, contest.person, user="", temperature="calor", top_p="7", max_output_tokens="-1"
    ),
    "a file that is no JSON": lambda contest: _submit(
        contest, contest.person, file=SimpleUploadedFile("a.json", b"\x00\xff")
    ),
    "handing in without taking part": lambda contest: _submit(contest, a_person()),
    "joining without accepting": lambda contest: as_(a_person()).post(f"/desafios/{contest.slug}/unirse/"),
    "a sign-up with everything wrong": lambda _contest: Client().post("/registro/", {"email": "no"}),
    "a wrong password": lambda _contest: Client().post("/entrar/", {"login": "a@b.es", "password": "no"}),
    "a bad address for a new password": lambda _contest: Client().post("/contrasena/", {"email": "no"}),
    "a name that is too short": lambda contest: as_(contest.person).post(
        "/perfil/nombre/", {"board_name": "x"}
    ),
    "a wrong old password": lambda contest: as_(contest.person).post(
        "/perfil/contrasena/", {"oldpassword": "x"}
    ),
    "a bad new address": lambda contest: as_(contest.person).post(
        "/perfil/correo/", {"email": "no", "action_add": ""}
    ),
    "a body above the limit": lambda contest: _submit(contest, contest.person, user="x" * 2_100_000),
    "too many fields": lambda contest: _submit(contest, contest.person, **{f"f{n}": "" for n in range(300)}),
    "a frozen board of a closed phase": lambda contest: _board_of(_old_phase(contest)),
    "a challenge without dates": lambda _contest: Client().get(f"/desafios/{a_challenge().slug}/"),
    "a board without dates": lambda _contest: Client().get(f"/desafios/{a_challenge().slug}/clasificacion/"),
    "a challenge that is over": lambda contest: as_(a_person()).get(
        f"/desafios/{_old_phase(contest).challenge.slug}/"
    ),
    "a form without its token": _without_a_token,
    "too many logins": _too_often,
    "a fault of ours": _broken,
    "no submissions yet": lambda _contest: as_(a_person()).get("/envios/"),
}
