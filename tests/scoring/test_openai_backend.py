"""The HTTP backend against a server that misbehaves on command: each fault is told from every other.

An answer that is not whole must never become a completion, because a completion gets a grade.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from scoring.errors import (
    CONTEXT_TOO_LONG,
    BackendFault,
    BackendProtocolError,
    BackendRefused,
    BackendUnavailable,
)
from scoring.inference.backend import BackendSettings
from scoring.inference.describe import describe
from scoring.inference.openai import OpenAIBackend
from scoring.values import Completion, CompletionRequest, Message, Sampling
from tests.scripted_backend import (
    MODEL,
    Answer,
    Received,
    answering,
    chat_events,
    event,
    models,
    scripted_backend,
)

REQUEST = CompletionRequest(
    messages=(Message(role="system", content="Sé breve."), Message(role="user", content="¿Sí o no?")),
    sampling=Sampling(max_output_tokens=8, temperature=0.5, top_p=0.9, seed=3, stop=("\n",)),
)
WHOLE = Answer(pieces=chat_events("así es"))


def complete(url: str, **settings: Any) -> Completion:
    async def once() -> Completion:
        async with OpenAIBackend(BackendSettings(url=url, model=MODEL, **settings)) as backend:
            return await backend.complete(REQUEST)

    return asyncio.run(once())


def fault_of(answer: Answer, **settings: Any) -> BackendFault:
    with scripted_backend(answering(answer)) as server, pytest.raises(BackendFault) as raised:
        complete(server.url, **settings)
    return raised.value


# --- a whole answer ---------------------------------------------------------------------------------------


def test_the_text_the_tokens_and_the_times_are_the_servers() -> None:
    usage = {
        "prompt_tokens": 31,
        "completion_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 5},
    }
    with scripted_backend(answering(Answer(pieces=chat_events("así es", usage=usage)))) as server:
        answer = complete(server.url)
    assert answer.text == "así es"
    assert (answer.prompt_tokens, answer.completion_tokens, answer.cached_tokens) == (31, 7, 5)
    assert (answer.finish_reason, answer.model, answer.attempts) == ("stop", MODEL, 1)
    assert 0 < answer.first_token_ms <= answer.duration_ms


def test_an_empty_text_is_an_answer_where_the_model_says_that_it_stopped() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 1}
    with scripted_backend(answering(Answer(pieces=chat_events("", usage=usage)))) as server:
        assert complete(server.url).text == ""


def test_pieces_cut_anywhere_make_the_same_text() -> None:
    stream = b"".join(chat_events("ñandú · 1,5 kWh"))
    for size in (1, 3, 7, len(stream)):
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        with scripted_backend(answering(Answer(pieces=pieces))) as server:
            assert complete(server.url).text == "ñandú · 1,5 kWh"


def test_a_chat_request_carries_the_turns_and_the_sampling() -> None:
    with scripted_backend(answering(WHOLE)) as server:
        complete(server.url, api_key="clave", extra_body={"cache_prompt": False, "temperature": 2})
    sent = server.received[0]
    assert (sent.method, sent.path) == ("POST", "/v1/chat/completions")
    assert sent.headers["authorization"] == "Bearer clave"
    assert sent.body == {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": "Sé breve."},
            {"role": "user", "content": "¿Sí o no?"},
        ],
        "max_tokens": 8,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 3,
        "stop": ["\n"],
        "stream": True,
        "stream_options": {"include_usage": True},
        "cache_prompt": False,
    }


def test_without_a_key_none_is_sent_and_the_key_is_in_no_repr() -> None:
    with scripted_backend(answering(WHOLE)) as server:
        complete(server.url)
    assert "authorization" not in server.received[0].headers
    assert "secreto" not in repr(BackendSettings(url="http://x", model=MODEL, api_key="secreto"))


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_the_address_may_end_in_v1_or_not(suffix: str) -> None:
    with scripted_backend(answering(WHOLE)) as server:
        complete(server.url + suffix)
    assert server.received[0].path == "/v1/chat/completions"


def test_the_completion_dialect_sends_the_rendered_prompt_and_ends_where_the_turn_ends() -> None:
    base = {"model": MODEL, "object": "text_completion"}
    pieces = [
        event({**base, "choices": [{"index": 0, "text": " no", "finish_reason": None}]}),
        event({**base, "choices": [{"index": 0, "text": "", "finish_reason": "stop"}]}),
        event({**base, "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}),
        event(b"[DONE]"),
    ]
    with scripted_backend(answering(Answer(pieces=pieces))) as server:
        answer = complete(server.url, dialect="completion", chat_format="alia")
    sent = server.received[0]
    assert sent.path == "/v1/completions"
    assert sent.body["prompt"] == (
        "<|im_start|>system\nSé breve.<|im_end|>\n<|im_start|>user\n¿Sí o no?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert sent.body["stop"] == ["\n", "<|im_end|>"]
    assert "messages" not in sent.body
    assert answer.text == " no"


@pytest.mark.parametrize("unknown", [{"dialect": "grpc"}, {"chat_format": "llama"}])
def test_a_dialect_or_format_that_does_not_exist_is_refused(unknown: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be one of"):
        BackendSettings(url="http://x", model=MODEL, **unknown)


# --- no whole answer: never a completion ------------------------------------------------------------------

JSON = "application/json"
NOT_WHOLE: dict[str, Answer] = {
    "HTML under 200": Answer(pieces=[b"<html>todo bien</html>"], content_type="text/html"),
    "HTML as a stream": Answer(pieces=[b"<html>\n</html>\n"]),
    "an error body under 200": Answer(pieces=[b'{"error": {"message": "no"}}'], content_type=JSON),
    "an answer that was not streamed": Answer(pieces=[b'{"choices": []}'], content_type=JSON),
    "half a JSON": Answer(pieces=[b'data: {"choices": [{"delta"\n\n']),
    "an error in the stream": Answer(pieces=[*chat_events()[:2], event({"error": {"message": "CUDA"}})]),
    "another shape": Answer(pieces=[event([1, 2])]),
    "choices of another shape": Answer(pieces=[event({"choices": [{"text": 5}]})]),
    "text that is no text": Answer(pieces=[event({"choices": [{"delta": {"content": ["a"]}}]})]),
    "nothing": Answer(),
    "only the end": Answer(pieces=[event(b"[DONE]")]),
    "no reason to end": Answer(pieces=chat_events(finish_reason=None)),
    "an aborted answer": Answer(pieces=chat_events(finish_reason="abort")),
    "a filtered answer": Answer(pieces=chat_events(finish_reason="content_filter")),
    "no usage": Answer(pieces=chat_events(usage={})),
    "no prompt tokens": Answer(pieces=chat_events(usage={"prompt_tokens": 0, "completion_tokens": 2})),
    "text of no tokens": Answer(pieces=chat_events(usage={"prompt_tokens": 3, "completion_tokens": 0})),
    "tokens that are no number": Answer(
        pieces=chat_events(usage={"prompt_tokens": "3", "completion_tokens": True})
    ),
    "a clean end in the middle": Answer(pieces=chat_events("a medias")[:4]),
    "a redirection": Answer(status=302, headers={"Location": "/otra"}),
    "a compressed body that is none": Answer(pieces=[b"no"], headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("answer", NOT_WHOLE.values(), ids=NOT_WHOLE.keys())
def test_an_answer_that_is_not_whole_is_our_fault(answer: Answer) -> None:
    assert isinstance(fault_of(answer), BackendProtocolError)


AWAY: dict[str, Answer] = {
    "cut in the middle": Answer(pieces=chat_events("a medias")[:4], ending="cut"),
    "reset in the middle": Answer(pieces=chat_events("a medias")[:4], ending="reset"),
    "closed without a word": Answer(status=0),
    "status 500": Answer(status=500, pieces=[b"<html>oops</html>"], content_type="text/html"),
    "status 502": Answer(status=502),
    "status 429": Answer(status=429),
}


@pytest.mark.parametrize("answer", AWAY.values(), ids=AWAY.keys())
def test_a_backend_that_is_away_may_come_back(answer: Answer) -> None:
    fault = fault_of(answer)
    assert isinstance(fault, BackendUnavailable)
    assert fault.may_pass


def test_nobody_there_is_told_from_silence() -> None:
    with pytest.raises(BackendUnavailable, match="ConnectError"):
        complete("http://127.0.0.1:9")
    silent = fault_of(Answer(pieces=chat_events()[:2], ending="hang"), read_timeout_s=0.05)
    assert isinstance(silent, BackendUnavailable)
    assert "ReadTimeout" in str(silent)


@pytest.mark.parametrize(
    ("said", "understood"),
    [("7", 7.0), ("1e9", 60.0), ("-1", None), ("nan", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)],
)
def test_how_long_to_wait_is_read_from_the_answer(said: str, understood: float | None) -> None:
    fault = fault_of(Answer(status=429, headers={"Retry-After": said}))
    assert isinstance(fault, BackendUnavailable)
    assert (fault.status, fault.retry_after_s) == (429, understood)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_or_address_is_ours_to_set_right(status: int) -> None:
    fault = fault_of(Answer(status=status))
    assert isinstance(fault, BackendUnavailable)
    assert not fault.may_pass


def refusal(status: int, body: Any) -> Answer:
    return Answer(status=status, pieces=[json.dumps(body).encode()], content_type=JSON)


TOO_LONG: dict[str, Answer] = {
    "llama.cpp": refusal(
        400, {"error": {"code": 400, "message": "too long", "type": CONTEXT_TOO_LONG, "n_ctx": 2048}}
    ),
    "vLLM": refusal(
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 4096 tokens. However, you requested 9001.",
            "type": "BadRequestError",
            "code": 400,
        },
    ),
    "OpenAI": refusal(400, {"error": {"code": "context_length_exceeded", "message": "…", "type": "x"}}),
}


@pytest.mark.parametrize("answer", TOO_LONG.values(), ids=TOO_LONG.keys())
def test_a_prompt_too_long_for_the_model_has_one_name(answer: Answer) -> None:
    fault = fault_of(answer)
    assert isinstance(fault, BackendRefused)
    assert fault.type == CONTEXT_TOO_LONG


@pytest.mark.parametrize(
    ("answer", "type_"),
    [
        (
            refusal(400, {"error": {"type": "invalid_request_error", "message": "top_k"}}),
            "invalid_request_error",
        ),
        (refusal(422, {"detail": "no"}), "status_422"),
        (refusal(400, {"error": "texto"}), "status_400"),
        (refusal(400, ["x"]), "status_400"),
        (Answer(status=400, pieces=[b"<html>"], content_type="text/html"), "status_400"),
        (Answer(status=413), "status_413"),
    ],
)
def test_a_refusal_has_the_servers_own_name(answer: Answer, type_: str) -> None:
    fault = fault_of(answer)
    assert isinstance(fault, BackendRefused)
    assert fault.type == type_


def test_what_a_server_repeats_of_a_prompt_is_in_no_log_line() -> None:
    fault = fault_of(refusal(400, {"error": {"type": "x", "message": "the prompt 'CASO PRIVADO' is bad"}}))
    assert "CASO PRIVADO" not in str(fault)


# --- which model answers ----------------------------------------------------------------------------------


def description_fault(answer: Answer) -> BackendFault:
    with scripted_backend(lambda _: answer) as server, pytest.raises(BackendFault) as raised:
        asyncio.run(describe(BackendSettings(url=server.url, model=MODEL)))
    return raised.value


def test_the_model_must_be_served() -> None:
    with scripted_backend(lambda _: models("otro", MODEL)) as server:
        found = asyncio.run(describe(BackendSettings(url=server.url, model=MODEL, revision="r1")))
    assert (found.model, found.revision) == (MODEL, "r1")
    fault = description_fault(models("otro", "aquel"))
    assert isinstance(fault, BackendUnavailable)
    assert not fault.may_pass
    assert MODEL in str(fault)
    assert "aquel, otro" in str(fault)


def test_an_alias_will_do() -> None:
    listed = {"data": [{"id": "/pesos/x.gguf", "aliases": [MODEL]}]}
    with scripted_backend(lambda _: refusal(200, listed)) as server:
        found = asyncio.run(describe(BackendSettings(url=server.url, model=MODEL)))
    assert found.model == MODEL


@pytest.mark.parametrize(
    "body", [{}, [], {"data": 5}, {"data": [{"name": "x"}]}, {"data": [{"id": "x", "aliases": 7}]}, None]
)
def test_what_is_no_list_of_models_is_told_as_such(body: Any) -> None:
    assert isinstance(description_fault(refusal(200, body)), BackendProtocolError)


@pytest.mark.parametrize("answer", [Answer(status=0), Answer(status=503), Answer(status=500)])
def test_a_server_that_is_starting_is_away(answer: Answer) -> None:
    assert isinstance(description_fault(answer), BackendUnavailable)


def test_a_request_is_sent_once_and_a_connection_serves_many() -> None:
    prompts: Sequence[Received]

    async def thrice(url: str) -> None:
        async with OpenAIBackend(BackendSettings(url=url, model=MODEL)) as backend:
            for _ in range(3):
                await backend.complete(REQUEST)

    with scripted_backend(answering(WHOLE)) as server:
        asyncio.run(thrice(server.url))
        prompts = server.received
    assert len(prompts) == 3
    assert server.connections == 1


def test_a_server_that_lists_nothing_for_ever_is_away() -> None:
    silent = Answer(pieces=[b'{"data": ['], content_type=JSON, ending="hang")
    with scripted_backend(lambda _: silent) as server, pytest.raises(BackendUnavailable):
        asyncio.run(describe(BackendSettings(url=server.url, model=MODEL), timeout_s=0.05))


@pytest.mark.parametrize("text", ["a<|im_end|>b", "\ud800"])
def test_a_conversation_that_cannot_be_written_is_never_sent(text: str) -> None:
    unfit = CompletionRequest(
        messages=(Message(role="user", content=text),), sampling=Sampling(max_output_tokens=1)
    )

    async def once(url: str) -> None:
        async with OpenAIBackend(BackendSettings(url=url, model=MODEL, chat_format="alia")) as backend:
            await backend.complete(unfit)

    with scripted_backend(answering(WHOLE)) as server:
        with pytest.raises(BackendRefused, match="unfit_conversation"):
            asyncio.run(once(server.url))
        assert server.received == []


def test_a_connection_that_the_server_closed_in_silence_is_opened_again_and_not_kept_any_more() -> None:
    async def ask(url: str, times: int) -> None:
        async with OpenAIBackend(BackendSettings(url=url, model=MODEL)) as backend:
            for _ in range(times):
                await backend.complete(REQUEST)

    with scripted_backend(answering(WHOLE, Answer(status=0), WHOLE)) as server:
        asyncio.run(ask(server.url, 4))
        assert [received.headers["connection"] for received in server.received] == [
            "keep-alive",
            "keep-alive",
            "close",
            "close",
            "close",
        ]


def test_a_server_that_closes_every_connection_in_silence_is_away() -> None:
    async def ask(url: str) -> None:
        async with OpenAIBackend(BackendSettings(url=url, model=MODEL)) as backend:
            await backend.complete(REQUEST)
            await backend.complete(REQUEST)

    with scripted_backend(answering(WHOLE, Answer(status=0))) as server:
        with pytest.raises(BackendUnavailable):
            asyncio.run(ask(server.url))
        assert len(server.received) == 3
