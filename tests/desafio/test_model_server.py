"""The demo's model behind our own client: a real model, its chat format, its limits and its determinism."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from desafio.demo import weights
from scoring.errors import CONTEXT_TOO_LONG, BackendRefused, BackendUnavailable
from scoring.harness import CaseOutcome, CaseRequest, RetryPolicy, run_cases
from scoring.inference import chat_formats
from scoring.inference.backend import BackendSettings
from scoring.inference.describe import describe
from scoring.inference.openai import OpenAIBackend
from scoring.values import Completion, CompletionRequest, Message, Sampling

pytestmark = pytest.mark.parts

QUESTION = (
    Message(role="system", content="Capitales de Europa."),
    Message(role="user", content="¿Cuál es la capital de Italia?"),
    Message(role="assistant", content="Roma"),
    Message(role="user", content="¿Cuál es la capital de Francia?"),
)
SAMPLING = Sampling(max_output_tokens=12, stop=("\n",))


def settings_for(url: str, **more: Any) -> BackendSettings:
    return BackendSettings(url=url, model=weights.MODEL_NAME, extra_body={"cache_prompt": False}, **more)


def ask(settings: BackendSettings, messages: tuple[Message, ...] = QUESTION) -> Completion:
    async def once() -> Completion:
        async with OpenAIBackend(settings) as backend:
            return await backend.complete(CompletionRequest(messages=messages, sampling=SAMPLING))

    return asyncio.run(once())


def test_the_model_answers_in_its_own_words_with_its_tokens_counted(small_model: str) -> None:
    answer = ask(settings_for(small_model))
    assert answer.text.strip(" .") == "París"
    assert answer.model == weights.MODEL_NAME
    assert answer.finish_reason == "stop"
    assert 20 < answer.prompt_tokens < 60
    assert 0 < answer.completion_tokens <= 12
    assert answer.cached_tokens == 0


def test_both_dialects_ask_the_same_question_and_get_the_same_answer(small_model: str) -> None:
    chat, completion = (ask(settings_for(small_model, dialect=dialect)) for dialect in ("chat", "completion"))
    assert chat.text == completion.text
    assert chat.prompt_tokens == completion.prompt_tokens


def test_the_server_renders_the_conversation_as_we_do(small_model: str) -> None:
    sent = {"messages": [{"role": turn.role, "content": turn.content} for turn in QUESTION]}
    rendered = httpx.post(f"{small_model}/apply-template", json=sent).json()["prompt"]
    assert rendered == chat_formats.render(QUESTION, "plain")


def test_the_same_question_gets_the_same_answer_however_many_ask_at_once(small_model: str) -> None:
    async def ignore(outcome: CaseOutcome) -> None:
        return None

    cases = [
        CaseRequest(key=str(n), request=CompletionRequest(messages=QUESTION, sampling=SAMPLING))
        for n in range(24)
    ]
    outcomes = asyncio.run(
        run_cases(
            cases=cases,
            backend_factory=lambda: OpenAIBackend(settings_for(small_model)),
            concurrency=8,
            case_timeout_s=60,
            retries=RetryPolicy(),
            on_result=ignore,
        )
    )
    answers = {(o.completion.text, o.completion.prompt_tokens) for o in outcomes if o.completion}
    assert len(answers) == 1
    assert all(outcome.fault is None for outcome in outcomes)


def test_nothing_of_one_request_helps_the_next(small_model: str) -> None:
    settings = BackendSettings(url=small_model, model=weights.MODEL_NAME)
    first, again = ask(settings), ask(settings)
    assert (again.text, again.prompt_tokens, again.cached_tokens) == (first.text, first.prompt_tokens, 0)


def test_a_prompt_longer_than_its_context_is_refused_by_name(small_model: str) -> None:
    with pytest.raises(BackendRefused) as refused:
        ask(settings_for(small_model), (Message(role="user", content="palabra " * 4000),))
    assert refused.value.type == CONTEXT_TOO_LONG


def test_a_wrong_model_name_is_found_out_before_anything_runs(small_model: str) -> None:
    assert asyncio.run(describe(settings_for(small_model))).model == weights.MODEL_NAME
    with pytest.raises(BackendUnavailable, match="does not serve otra"):
        asyncio.run(describe(BackendSettings(url=small_model, model="otra")))
