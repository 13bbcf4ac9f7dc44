"""Tokens in a preview: counted where that can be had at once, told as what they are, never the purse's."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from challenges import checks, counting, preview, purse, submission
from challenges.counting import Counter
from challenges.models import Phase, Visibility
from challenges.preview import Basis, Expected
from scoring.energy.token_model import DEFAULT_CPU, call_mj
from scoring.inference import backend_tokens, chat_formats, token_counts
from scoring.inference.token_counts import CountBasis
from scoring.values import Message, TokenUse
from tests.contest import as_
from tests.factories import a_participation, a_phase, a_suite
from tests.in_parallel import in_parallel
from tests.scoring.small_tokenizers import a_tokenizer, a_tokenizer_file
from tests.scripted_backend import Answer, ScriptedBackend, scripted_backend

pytestmark = pytest.mark.django_db

CONTENT: dict[str, Any] = {
    "system": "Sé breve.",
    "user": "{{pregunta}}",
    "sampling": {"max_output_tokens": 16},
}
QUESTIONS = ("¿la luz?", "¿la casa de la luz?")
# What the scripted server says of each conversation, whatever it is.
TOLD = 77


@pytest.fixture(autouse=True)
def counter(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Counter:
    """A process that has counted nothing, in a format that is counted exactly, and nobody to ask."""
    settings.INFERENCE_URL = "http://127.0.0.1:9"
    settings.INFERENCE_DIALECT, settings.INFERENCE_CHAT_FORMAT = "completion", "alia"
    fresh = Counter()
    monkeypatch.setattr(counting, "_COUNTER", fresh)
    return fresh


@pytest.fixture
def file(tmp_path: Path, settings: Any) -> Path:
    path = a_tokenizer_file(tmp_path)
    settings.TOKENIZER_FILE = str(path)
    return path


@pytest.fixture
def server(settings: Any) -> Iterator[ScriptedBackend]:
    with scripted_backend(lambda received: counted()) as running:
        settings.INFERENCE_URL = running.url
        yield running


def counted(tokens: int = TOLD) -> Answer:
    return Answer(pieces=[json.dumps({"count": tokens}).encode()], content_type="application/json")


def asking(*texts: str) -> list[dict[str, Any]]:
    return [{"inputs": {"pregunta": text}} for text in texts]


def a_told_phase(**changes: Any) -> Phase:
    return a_phase(**{"ranked_cases": 3, "feedback_cases": asking(*QUESTIONS), **changes})


def expected(phase: Phase, content: Any = None) -> Expected:
    return preview.expected(phase, submission.read(phase, content or CONTENT))


def exactly(question: str) -> int:
    messages = (Message(role="system", content="Sé breve."), Message(role="user", content=question))
    return len(a_tokenizer().encode(chat_formats.render(messages, "alia")).ids)


def total_mj(*prompt_tokens: int) -> int:
    return sum(
        call_mj(DEFAULT_CPU, TokenUse(prompt_tokens=each, completion_tokens=16)) for each in prompt_tokens
    )


# --- with the tokenizer -------------------------------------------------------------------------------------


def test_public_cases_are_counted_to_the_token(file: Path) -> None:
    found = expected(a_told_phase())
    # Three ranked cases over two public ones.
    read = [exactly(QUESTIONS[0]), exactly(QUESTIONS[0]), exactly(QUESTIONS[1])]
    assert (found.tokens_basis, found.basis) == (CountBasis.TOKENIZER, Basis.PUBLIC)
    assert found.prompt_tokens_low == found.prompt_tokens_high == sum(read)
    assert found.counted_at_most_mj == total_mj(*read)


def test_with_a_tokenizer_nobody_is_asked(file: Path, server: ScriptedBackend) -> None:
    expected(a_told_phase())
    assert server.received == []


def test_no_private_text_is_ever_counted(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def noted(conversations: Any) -> Any:
        seen.extend(message.content for each in conversations for message in each)
        return [token_counts.estimated_of(each) for each in conversations]

    monkeypatch.setattr(counting, "count", noted)
    for changes in ({}, {"feedback_suite": None}, {"feedback_suite": a_suite(cases=asking("SECRETO"))}):
        expected(a_phase(ranked_cases=asking("SECRETO", "SECRETO 2"), **changes))
    assert not any("SECRETO" in text for text in seen)


@pytest.mark.parametrize("is_counted", [True, False])
def test_no_private_text_moves_a_count(tmp_path: Path, settings: Any, is_counted: bool) -> None:
    settings.TOKENIZER_FILE = str(a_tokenizer_file(tmp_path)) if is_counted else ""
    told = {
        expected(a_told_phase(ranked_cases=asking(*texts)))
        for texts in (("a", "b"), ("la luz " * 400, "ñ" * 900))
    }
    assert len(told) == 1


def test_a_public_ranked_suite_is_counted_itself(file: Path) -> None:
    public = a_suite(visibility=Visibility.PUBLIC, cases=asking("¿la luz?", "¿la luz de la casa?"))
    found = expected(a_phase(public.challenge, ranked_suite=public))
    assert found.basis == Basis.RANKED
    assert found.prompt_tokens_high == exactly("¿la luz?") + exactly("¿la luz de la casa?")


def test_a_length_that_is_made_up_is_not_counted(file: Path) -> None:
    found = expected(a_told_phase(feedback_suite=None, feedback_cases=0))
    assert (found.basis, found.tokens_basis) == (Basis.ASSUMED, CountBasis.ESTIMATE)
    assert found.counted_at_most_mj is None


def test_a_pipeline_s_later_calls_cannot_be_counted_and_that_is_said(file: Path) -> None:
    steps = [
        {"name": "uno", "user": "{{pregunta}}", "sampling": {"max_output_tokens": 8}},
        {"name": "dos", "user": "{{paso_uno}}", "sampling": {"max_output_tokens": 2}},
    ]
    phase = a_told_phase(kinds=["prompt", "pipeline"])
    found = preview.expected(phase, submission.read(phase, {"steps": steps}, "pipeline"))
    assert (found.tokens_basis, found.counted_at_most_mj) == (CountBasis.ESTIMATE, None)
    assert found.prompt_tokens_low < found.prompt_tokens_high


def test_another_file_in_its_place_counts_anew(file: Path) -> None:
    phase = a_told_phase()
    with_beginning = expected(phase).prompt_tokens_high
    other = a_tokenizer_file(file.parent / ".", has_beginning=False)
    assert other == file
    assert expected(phase).prompt_tokens_high == with_beginning - 3


def test_a_file_that_cannot_be_used_leaves_it_to_the_server(
    file: Path, server: ScriptedBackend, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_text("{}")
    assert expected(a_told_phase()).tokens_basis == CountBasis.BACKEND
    assert "tokenizer unusable" in caplog.text


# --- by the server ------------------------------------------------------------------------------------------


def test_without_a_file_the_server_counts_each_public_case_once(server: ScriptedBackend) -> None:
    phase = a_told_phase()
    first, again = expected(phase), expected(phase)
    assert first == again
    assert first.tokens_basis == CountBasis.BACKEND
    assert first.prompt_tokens_low == first.prompt_tokens_high == 3 * TOLD
    assert first.counted_at_most_mj == total_mj(TOLD, TOLD, TOLD)
    assert [each.path for each in server.received] == ["/tokenize"] * 2


def test_another_model_is_asked_again(server: ScriptedBackend, settings: Any) -> None:
    phase = a_told_phase()
    expected(phase)
    settings.INFERENCE_MODEL = "otro"
    expected(phase)
    assert len(server.received) == 4


def test_a_server_that_is_away_leaves_the_estimate_and_is_left_in_peace(server: ScriptedBackend) -> None:
    server.script = lambda received: Answer(status=503)
    phase = a_told_phase()
    found = expected(phase)
    assert (found.tokens_basis, found.counted_at_most_mj) == (CountBasis.ESTIMATE, None)
    server.script = lambda received: counted()
    assert expected(phase) == found
    assert len(server.received) == 1


def test_after_a_while_it_is_asked_again(server: ScriptedBackend, counter: Counter) -> None:
    server.script = lambda received: Answer(status=503)
    phase = a_told_phase()
    expected(phase)
    server.script = lambda received: counted()
    counter._away_until_s = 0.0
    assert expected(phase).tokens_basis == CountBasis.BACKEND


def test_a_silent_server_holds_nobody_up(server: ScriptedBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "BACKEND_TIMEOUT_S", 0.05)
    never = threading.Event()
    server.script = lambda received: Answer(gate=never)
    assert expected(a_told_phase()).tokens_basis == CountBasis.ESTIMATE
    never.set()


def test_a_name_that_is_looked_up_for_ever_holds_nobody_up(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up, answered = threading.Event(), threading.Event()

    async def stuck(*arguments: Any, **named: Any) -> Any:
        looked_up.set()
        # As a resolver does: no timeout of the event loop ends it.
        answered.wait(30)
        return [], None

    monkeypatch.setattr(backend_tokens, "count", stuck)
    monkeypatch.setattr(counting, "BACKEND_TIMEOUT_S", 0.05)
    assert expected(a_told_phase()).tokens_basis == CountBasis.ESTIMATE
    assert looked_up.is_set()
    answered.set()


def test_half_of_the_cases_counted_is_an_estimate_and_goes_on_from_there(
    server: ScriptedBackend, counter: Counter
) -> None:
    server.script = lambda received: counted() if received.number == 0 else Answer(status=500)
    phase = a_told_phase()
    assert expected(phase).tokens_basis == CountBasis.ESTIMATE
    server.script = lambda received: counted()
    counter._away_until_s = None
    assert expected(phase).tokens_basis == CountBasis.BACKEND
    assert len(server.received) == 3


def test_what_is_kept_has_an_end(server: ScriptedBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_KEPT", 3)
    counter = Counter()
    for number in range(9):
        counter.count([(Message(role="user", content=str(number)),)])
    assert len(counter._kept) == 3
    assert not any(b"user" in key for key in counter._kept)


def test_many_at_once_get_the_same(server: ScriptedBackend) -> None:
    conversations = [(Message(role="user", content=text),) for text in QUESTIONS]
    assert len({tuple(each) for each in in_parallel(*[lambda: counting.count(conversations)] * 6)}) == 1


# --- the purse ----------------------------------------------------------------------------------------------


def test_what_is_reserved_is_the_same_whether_a_server_answers_or_not(
    server: ScriptedBackend, counter: Counter, file: Path, settings: Any
) -> None:
    phase = a_told_phase()
    solution = submission.read(phase, CONTENT)
    reserved = {purse.estimate_mj(phase, solution), preview.at_most_mj(phase, solution)}
    settings.TOKENIZER_FILE = ""
    counted_mj = preview.expected(phase, solution).counted_at_most_mj
    reserved |= {purse.estimate_mj(phase, solution), preview.expected(phase, solution).at_most_mj}
    counter._kept.clear()
    server.script = lambda received: Answer(status=503)
    away = preview.expected(phase, solution)
    reserved |= {purse.estimate_mj(phase, solution), away.at_most_mj}
    assert len(reserved) == 1
    assert counted_mj not in {None, *reserved}
    assert away.counted_at_most_mj is None


def test_who_sets_energy_aside_need_not_ask_a_server(server: ScriptedBackend) -> None:
    phase = a_told_phase()
    preview.at_most_mj(phase, submission.read(phase, CONTENT))
    assert server.received == []


# --- what is told -------------------------------------------------------------------------------------------


def told_by_the_api(phase: Phase) -> Any:
    body = {"challenge": phase.challenge.slug, "phase": phase.slug, "content": CONTENT}
    client = as_(a_participation(phase).person)
    return client.post("/api/v1/submissions/expect/", body, content_type="application/json").json()


def test_the_api_says_what_the_tokens_were_counted_by(server: ScriptedBackend) -> None:
    told = told_by_the_api(a_told_phase())
    assert told["prompt_tokens"] == {"low": 3 * TOLD, "high": 3 * TOLD}
    assert told["tokens_basis"] == "backend"
    assert told["counted_at_most_mj"] == total_mj(TOLD, TOLD, TOLD)


def page_of(phase: Phase) -> str:
    participation = a_participation(phase)
    fields = {"user": "{{pregunta}}", "system": "", "max_output_tokens": "16", "action": "expect"}
    fields |= {"temperature": "0", "top_p": "1", "seed": "0", "stop": "", "idempotency_key": "una"}
    url = f"/desafios/{phase.challenge.slug}/enviar/"
    answer = as_(participation.person).post(url, fields)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_page_says_it_too(file: Path) -> None:
    page = page_of(a_told_phase())
    assert "Están contados con su tokenizador." in page
    assert "calculadas por el número de caracteres" in page


def test_the_page_says_that_it_guesses() -> None:
    page = page_of(a_told_phase())
    assert "se calculan por el número de caracteres, porque ahora no se pueden contar todos" in page
    assert "tokenizador" not in page


# --- the setting --------------------------------------------------------------------------------------------


def test_a_tokenizer_that_can_be_used_is_fine(file: Path) -> None:
    assert checks.check_settings(None) == []


@pytest.mark.parametrize("content", [None, "", "{}", "GGUF"])
def test_one_that_cannot_be_used_stops_the_start(file: Path, content: str | None) -> None:
    file.unlink()
    if content is not None:
        file.write_text(content)
    [found] = checks.check_settings(None)
    assert found.id == "challenges.E008"
    assert "TOKENIZER_FILE" in found.msg


def test_an_expectation_is_a_value() -> None:
    found = expected(a_told_phase())
    assert dataclasses.replace(found) == found
    assert hash(found)
