"""ALIA's chat format, held to the template that the Barcelona Supercomputing Center published.

``TEMPLATE`` is the Jinja text in the model card of BSC-LT/AL40b-dev ("How to use"), its aligned model of 40B
parameters, word for word; ``SYSTEM MESSAGE`` is the card's own stand-in for a text that it does not show. No
Jinja is among our packages, so what it renders was written down by hand, branch by branch.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from scoring.inference import chat_formats
from scoring.solutions import fewshot
from scoring.values import CompletionRequest, Example, FewshotContent, Message, Role, Sampling

SYSTEM = (
    "{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content'] %}"
    "{%- set loop_messages = messages[1:] %}{%- else %}{%- set system_message = 'SYSTEM MESSAGE' %}"
    "{%- set loop_messages = messages %}{%- endif %}{%- if not date_string is defined %}"
    "{%- set date_string = '2024-09-30' %}{%- endif %}"
    "{{ '<|im_start|>system\\n' + system_message + '<|im_end|>\\n' }}"
)
ROLES = (
    "{% for message in loop_messages %}"
    "{%- if (message['role'] != 'user') and (message['role'] != 'assistant')%}"
    "{{ raise_exception('Only user and assitant roles are suported after the initial optional "
    "system message.') }}{% endif %}"
)
ALTERNATION = (
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('After the optional system message, conversation roles must alternate "
    "user/assistant/user/assistant/...') }}{% endif %}"
)
TURN = "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
OPENING = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
TEMPLATE = SYSTEM + ROLES + ALTERNATION + TURN + OPENING


def turns(*contents: str, system: str | None = None) -> tuple[Message, ...]:
    """A user turn, an assistant turn, and so on."""
    roles: tuple[Role, Role] = ("user", "assistant")
    opening = () if system is None else (Message(role="system", content=system),)
    said = (Message(role=roles[place % 2], content=text) for place, text in enumerate(contents))
    return (*opening, *said)


FIVE = ("¿2 + 2?", "4", "¿3 + 3?", "6", "¿5 + 5?")


@pytest.mark.parametrize(
    ("messages", "rendered"),
    [
        (
            turns("¿Qué hora es?", system="Sé breve."),
            "<|im_start|>system\nSé breve.<|im_end|>\n<|im_start|>user\n¿Qué hora es?<|im_end|>\n"
            "<|im_start|>assistant\n",
        ),
        (
            turns(*FIVE, system="Suma."),
            "<|im_start|>system\nSuma.<|im_end|>\n"
            "<|im_start|>user\n¿2 + 2?<|im_end|>\n<|im_start|>assistant\n4<|im_end|>\n"
            "<|im_start|>user\n¿3 + 3?<|im_end|>\n<|im_start|>assistant\n6<|im_end|>\n"
            "<|im_start|>user\n¿5 + 5?<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            # Nothing is trimmed: a blank that somebody wrote is theirs.
            turns(" a\n\n", "{{ b }}", "", system="\n"),
            "<|im_start|>system\n\n<|im_end|>\n<|im_start|>user\n a\n\n<|im_end|>\n"
            "<|im_start|>assistant\n{{ b }}<|im_end|>\n<|im_start|>user\n<|im_end|>\n<|im_start|>assistant\n",
        ),
    ],
)
def test_with_a_system_turn_it_is_what_the_template_renders(
    messages: tuple[Message, ...], rendered: str
) -> None:
    assert chat_formats.render(messages, "alia") == rendered


@pytest.mark.parametrize("contents", [FIVE[:1], FIVE[:3], FIVE])
def test_without_one_the_turns_are_the_template_s_and_no_system_text_is_made_up(
    contents: Sequence[str],
) -> None:
    """The template opens with its owner's stand-in there; ours, which never knew it, begins at the user."""
    stand_in = "<|im_start|>system\nSYSTEM MESSAGE<|im_end|>\n"
    assert "{%- set system_message = 'SYSTEM MESSAGE' %}" in SYSTEM
    with_it = chat_formats.render(turns(*contents, system="SYSTEM MESSAGE"), "alia")
    assert stand_in + chat_formats.render(turns(*contents), "alia") == with_it


@pytest.mark.parametrize(
    "roles",
    [
        ("user", "user"),
        ("system", "user", "user"),
        ("user", "assistant", "assistant", "user"),
        ("assistant", "user"),
        ("system", "assistant", "user"),
        ("user", "assistant", "system", "user"),
    ],
)
def test_what_the_template_raises_for_is_refused_and_never_merged(roles: tuple[Role, ...]) -> None:
    messages = [Message(role=role, content="hola") for role in roles]
    assert not template_takes(messages)
    with pytest.raises(ValueError, match="alternate"):
        chat_formats.render(messages, "alia")


def template_takes(messages: Sequence[Message]) -> bool:
    """``ROLES`` and ``ALTERNATION`` by hand: loop.index0 counts from the first turn behind the system's."""
    loop = messages[1:] if messages[0].role == "system" else messages
    return all(
        message.role in ("user", "assistant") and (message.role == "user") == (index % 2 == 0)
        for index, message in enumerate(loop)
    )


@pytest.mark.parametrize("examples", [0, 1, 2, 8])
def test_a_few_shot_conversation_alternates_as_the_template_asks(examples: int) -> None:
    content = FewshotContent(
        system="Responde sí o no.",
        user="{{pregunta}}",
        sampling=Sampling(max_output_tokens=1),
        examples=tuple(Example(inputs={"pregunta": f"¿{n}?"}, answer="sí") for n in range(examples)),
    )
    request = fewshot.next_request(content, inputs={"pregunta": "¿y yo?"}, texts=())
    assert isinstance(request, CompletionRequest)
    assert template_takes(request.messages)
    shown = "".join(
        f"<|im_start|>user\n¿{n}?<|im_end|>\n<|im_start|>assistant\nsí<|im_end|>\n" for n in range(examples)
    )
    assert chat_formats.render(request.messages, "alia") == (
        f"<|im_start|>system\nResponde sí o no.<|im_end|>\n{shown}"
        "<|im_start|>user\n¿y yo?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_the_marks_that_we_write_are_the_template_s() -> None:
    assert f"'{chat_formats.TURN_START}' + message['role'] + '\\n'" in TEMPLATE
    assert f"'{chat_formats.TURN_END}' + '\\n'" in TEMPLATE
    assert f"'{chat_formats.TURN_START}assistant\\n'" in TEMPLATE
    assert chat_formats.stops("alia") == (chat_formats.TURN_END,)
