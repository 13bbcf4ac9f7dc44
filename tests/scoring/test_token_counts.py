"""Tokens before a model is asked: counted with its tokenizer, by its server, or honestly guessed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from scoring.errors import BackendProtocolError, BackendUnavailable, SpecError
from scoring.inference import backend_tokens, chat_formats, token_counts
from scoring.inference.backend import BackendSettings, ChatFormat, Dialect
from scoring.inference.openai import OpenAIBackend
from scoring.inference.token_counts import CountBasis, FileTokenizer, TokenCount
from scoring.values import CallBound, CompletionRequest, Message, Sampling
from tests.scoring.small_tokenizers import a_tokenizer, a_tokenizer_file
from tests.scripted_backend import Answer, Received, scripted_backend

ROOT = Path(__file__).parents[2]
CONVERSATION = (
    Message(role="system", content="Sé breve."),
    Message(role="user", content="¿La luz de la casa?"),
    Message(role="assistant", content="sí"),
    Message(role="user", content="¿Y la de la oficina? 🙂"),
)
ALONE = (Message(role="user", content="hola"),)


# --- from the number of characters --------------------------------------------------------------------------


def test_an_estimate_is_three_to_six_characters_a_token_and_sixteen_around_a_question() -> None:
    assert token_counts.estimated(characters=601, turns=3) == TokenCount(
        low=100, high=201 + 2 * 16, basis=CountBasis.ESTIMATE
    )
    assert token_counts.estimated(characters=0, turns=0).low == 1
    characters = sum(len(message.content) for message in CONVERSATION)
    assert token_counts.estimated_of(CONVERSATION) == token_counts.estimated(characters=characters, turns=4)


def test_a_later_call_may_be_passed_over_and_carries_what_was_written() -> None:
    bound = CallBound(turns=1, characters=30, carried_tokens=64, output_tokens=8)
    assert token_counts.later(bound) == TokenCount(low=0, high=10 + 16 + 64, basis=CountBasis.ESTIMATE)


# --- with a tokenizer.json ----------------------------------------------------------------------------------


def tokens(text: str, *, special: bool = False) -> int:
    return len(a_tokenizer().encode(text, add_special_tokens=special))


@pytest.mark.parametrize("chat_format", ["plain", "alia"])
def test_a_prompt_that_we_write_whole_is_counted_to_the_token(
    tmp_path: Path, chat_format: ChatFormat
) -> None:
    found = token_counts.load(a_tokenizer_file(tmp_path)).count(
        CONVERSATION, dialect="completion", chat_format=chat_format
    )
    exact = tokens(chat_formats.render(CONVERSATION, chat_format), special=True)
    assert found == TokenCount(low=exact, high=exact, basis=CountBasis.TOKENIZER)


def test_of_alia_s_format_only_the_token_of_the_beginning_is_open(tmp_path: Path) -> None:
    text = chat_formats.render(CONVERSATION, "alia")
    found = token_counts.load(a_tokenizer_file(tmp_path)).count(
        CONVERSATION, dialect="chat", chat_format="alia"
    )
    assert (found.low, found.high) == (tokens(text), tokens(text) + 1)
    # Three times <|im_start|> and <|im_end|> are one token each, and five turns open.
    assert tokens(text) < tokens(text.replace("<|", "< |"))


def test_a_tokenizer_without_a_beginning_counts_exactly_in_alia_s_format(tmp_path: Path) -> None:
    file = a_tokenizer_file(tmp_path, has_beginning=False)
    found = token_counts.load(file).count(CONVERSATION, dialect="chat", chat_format="alia")
    assert found.low == found.high == tokens(chat_formats.render(CONVERSATION, "alia"))


def test_within_a_server_s_own_template_the_texts_are_counted_and_the_rest_is_open(tmp_path: Path) -> None:
    found = token_counts.load(a_tokenizer_file(tmp_path)).count(
        CONVERSATION, dialect="chat", chat_format="plain"
    )
    inside = sum(tokens(message.content) for message in CONVERSATION)
    headed = tokens(chat_formats.render(CONVERSATION, "plain"), special=True)
    assert (found.low, found.high) == (inside - 8, max(inside + 32, headed))
    # Whatever the template is: here the ones that we know.
    for chat_format in ("plain", "alia"):
        assert found.low <= tokens(chat_formats.render(CONVERSATION, chat_format), special=True) <= found.high


def test_a_file_that_cuts_or_fills_texts_counts_them_whole(tmp_path: Path) -> None:
    cutting, filling = a_tokenizer(), a_tokenizer()
    cutting.enable_truncation(5)
    filling.enable_padding(length=5_000)
    exact = tokens(chat_formats.render(CONVERSATION, "alia"), special=True)
    for tokenizer in (cutting, filling):
        tokenizer.save(str(tmp_path / "t.json"))
        found = token_counts.load(tmp_path / "t.json").count(
            CONVERSATION, dialect="completion", chat_format="alia"
        )
        assert found.high == exact


def test_half_a_character_is_counted_and_no_error(tmp_path: Path) -> None:
    tokenizer = FileTokenizer(a_tokenizer())
    found = tokenizer.count(
        (Message(role="user", content="a\ud800"),), dialect="completion", chat_format="plain"
    )
    assert found.low > 0


def test_a_conversation_that_the_format_cannot_express_has_no_count() -> None:
    tokenizer = FileTokenizer(a_tokenizer())
    for dialect in ("chat", "completion"):
        with pytest.raises(ValueError, match="alternate"):
            tokenizer.count((*ALONE, *ALONE), dialect=dialect, chat_format="plain")


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"model": {"type": "No"}}', b"GGUF"])
def test_a_file_that_is_no_tokenizer_is_refused_with_the_fix(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.json"
    path.write_bytes(content)
    with pytest.raises(SpecError, match=r"tokenizer\.json"):
        token_counts.load(path)


def test_a_file_that_is_not_there_is_no_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nada"):
        token_counts.load(tmp_path / "nada")


def test_who_only_estimates_loads_no_tokenizer() -> None:
    code = "import sys, scoring.inference.token_counts; sys.exit('tokenizers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


# --- by the server ------------------------------------------------------------------------------------------


def as_json(answer: Any) -> Answer:
    return Answer(pieces=[json.dumps(answer).encode()], content_type="application/json")


class Server:
    """Answers as vLLM or llama.cpp do, with the small tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def vllm(self, received: Received) -> Answer:
        body = received.body
        text = body["prompt"] if "prompt" in body else self._rendered(body)
        return as_json({"count": self._tokens(text), "max_model_len": 4096, "tokens": []})

    def llama_cpp(self, received: Received) -> Answer:
        if received.path == "/apply-template":
            return as_json({"prompt": self._rendered(received.body)})
        body = received.body
        text = body.get("content", "") if body.get("parse_special") else ""
        found = self._tokenizer.encode(text, add_special_tokens=body.get("add_special", False))
        return as_json({"tokens": found.ids})

    def _rendered(self, body: Any) -> str:
        return chat_formats.render([Message(**turn) for turn in body["messages"]], "alia")

    def _tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(text))


def asked(
    script: Callable[[Received], Answer],
    *conversations: Sequence[Message],
    dialect: Dialect = "chat",
    **changes: Any,
) -> tuple[backend_tokens.Counted, list[Received]]:
    with scripted_backend(script) as server:
        settings = BackendSettings(
            url=f"{server.url}/v1", model="alia", dialect=dialect, chat_format="alia", **changes
        )
        told = asyncio.run(backend_tokens.count(settings, conversations, timeout_s=20))
    return told, server.received


@pytest.mark.parametrize("dialect", ["chat", "completion"])
@pytest.mark.parametrize("name", ["vllm", "llama_cpp"])
def test_both_servers_count_what_they_would_read(name: str, dialect: Dialect) -> None:
    (told, fault), received = asked(
        getattr(Server(a_tokenizer()), name), CONVERSATION, ALONE, dialect=dialect
    )
    exact = [tokens(chat_formats.render(each, "alia"), special=True) for each in (CONVERSATION, ALONE)]
    assert fault is None
    assert told == [TokenCount(low=each, high=each, basis=CountBasis.BACKEND) for each in exact]
    assert {each.path for each in received} <= {"/tokenize", "/apply-template"}


def test_what_every_request_takes_along_is_sent_here_too() -> None:
    extra = {"chat_template_kwargs": {"fecha": "hoy"}, "model": "otro"}
    _, received = asked(Server(a_tokenizer()).vllm, ALONE, api_key="abrete-sesamo", extra_body=extra)
    assert received[0].headers["authorization"] == "Bearer abrete-sesamo"
    assert received[0].body["chat_template_kwargs"] == {"fecha": "hoy"}
    assert received[0].body["model"] == "alia"


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (Answer(status=404), BackendUnavailable),
        (Answer(status=503), BackendUnavailable),
        (Answer(status=0), BackendUnavailable),
        (as_json([]), BackendProtocolError),
        (as_json({"count": "7"}), BackendProtocolError),
        (as_json({"count": True}), BackendProtocolError),
        (as_json({"count": 0}), BackendProtocolError),
        (as_json({"tokens": []}), BackendProtocolError),
        (Answer(pieces=[b"<html>"], content_type="text/html"), BackendProtocolError),
    ],
)
def test_whatever_else_is_answered_is_a_fault_and_no_count(answer: Answer, fault: type) -> None:
    (told, found), _ = asked(lambda received: answer, ALONE)
    assert told == []
    assert isinstance(found, fault)


def test_what_was_counted_before_a_fault_is_kept() -> None:
    healthy = Server(a_tokenizer()).vllm
    (told, fault), _ = asked(
        lambda received: healthy(received) if received.number == 0 else Answer(status=500),
        ALONE,
        CONVERSATION,
    )
    assert len(told) == 1
    assert isinstance(fault, BackendUnavailable)


def test_a_silent_server_is_waited_for_no_longer_than_was_said() -> None:
    with scripted_backend(lambda received: Answer(ending="hang")) as server:
        settings = BackendSettings(url=server.url, model="alia")
        told, fault = asyncio.run(backend_tokens.count(settings, [ALONE], timeout_s=0.05))
    assert told == []
    assert isinstance(fault, BackendUnavailable)


def test_the_small_model_counts_what_it_then_says_that_it_read(small_model: str) -> None:
    for dialect in ("chat", "completion"):
        settings = BackendSettings(
            url=small_model, model="gemma-3-270m", dialect=dialect, extra_body={"cache_prompt": False}
        )
        [count], fault = asyncio.run(backend_tokens.count(settings, [CONVERSATION], timeout_s=20))
        assert fault is None
        assert count.low == asyncio.run(prompt_tokens(settings))


async def prompt_tokens(settings: BackendSettings) -> int:
    request = CompletionRequest(messages=CONVERSATION, sampling=Sampling(max_output_tokens=1))
    async with OpenAIBackend(settings) as backend:
        return (await backend.complete(request)).prompt_tokens
