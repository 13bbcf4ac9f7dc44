"""Random requests made from the OpenAPI document: none may end in a fault of ours, and each is as documented.

Half of them are aimed at rows that exist, or nothing but 404s would be seen. Bounded here; the variable
``API_STORM_EXAMPLES`` (examples an operation) makes the storm larger.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from knox.models import AuthToken
from schemathesis.checks import content_type_conformance, not_a_server_error, response_schema_conformance
from schemathesis.core.result import Ok

from desafio.wsgi import application
from tests.factories import PROMPT, a_participation, a_person, a_phase, a_score, a_submission

# Not inside one transaction: the application closes its connections as in production.
pytestmark = [pytest.mark.storm, pytest.mark.django_db(transaction=True)]

EXAMPLES = int(os.environ.get("API_STORM_EXAMPLES", "40"))
CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
MODES = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]


class Aim:
    """A contest with rows of each kind, and how to point a random request at them."""

    def __init__(self) -> None:
        self.phase = a_phase(
            attempts_per_day=10_000, attempts_per_phase=10_000, kinds=["prompt", "fewshot", "pipeline"]
        )
        participation = a_participation(self.phase)
        self.submission = a_submission(self.phase, participation=participation, state=None)
        a_score(self.phase, submission=self.submission)
        self._token = AuthToken.objects.create(user=participation.person)[1]

    def at_rows_that_exist(self, case: Any, *, is_usable: bool) -> None:
        """``is_usable`` also puts a prompt that may be evaluated in place of a random one."""
        known = {
            "slug": self.phase.challenge.slug,
            "phase": self.phase.slug,
            "id": str(self.submission.pk),
            "kind": "pipeline",
        }
        case.path_parameters = {name: known[name] for name in case.path_parameters or {}}
        if isinstance(case.body, dict) and "content" in case.body:
            case.body["challenge"], case.body["phase"] = self.phase.challenge.slug, self.phase.slug
            if is_usable:
                case.body |= {"content": PROMPT, "kind": "prompt"}

    def headers(self, case: Any) -> dict[str, str]:
        # A logout must not end the token of all the requests that follow.
        token = AuthToken.objects.create(user=a_person())[1] if "logout" in case.path else self._token
        return {"Authorization": f"Bearer {token}"}


def test_no_request_ends_in_a_fault_of_ours() -> None:
    aim = Aim()
    statuses: Counter[int] = Counter()
    schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", application)
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    for operation in operations:
        cases = st.one_of([operation.as_strategy(generation_mode=mode) for mode in MODES])

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases, is_aimed=st.booleans(), is_usable=st.booleans())
        def storm(case: Any, is_aimed: bool, is_usable: bool) -> None:
            if is_aimed:
                aim.at_rows_that_exist(case, is_usable=is_usable)
            answer = case.call_and_validate(headers=aim.headers(case), checks=CHECKS)
            statuses[answer.status_code] += 1

        storm()
    assert len(operations) == 14
    assert not [status for status in statuses if status >= 500]
    # It is no storm if every request was stopped at the first door.
    assert {200, 201, 404, 422} <= set(statuses), statuses
