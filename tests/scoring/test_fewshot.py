"""Claims on few-shot submissions: examples keep their order, need no suite once resolved, are checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scoring.solutions import fewshot
from scoring.values import CompletionRequest, Example, FewshotContent, Message, Problem, PublicCase
from tests.scoring.contents import INPUTS, LIMITS, POOL, SLOTS, a_fewshot

OWN = Example(inputs={"pregunta": "¿1 + 1?", "opciones": "a) 2"}, answer="a")


def check(content: FewshotContent) -> tuple[Problem, ...]:
    return fewshot.check(content, limits=LIMITS, slots=SLOTS, pool=POOL)


def own(answer: str | None = "a", **inputs: str) -> Example:
    return Example(inputs={"pregunta": "¿1 + 1?", **inputs}, answer=answer)


def messages(content: FewshotContent) -> tuple[Message, ...]:
    request = fewshot.next_request(fewshot.resolve(content, pool=POOL), inputs=INPUTS, texts=[])
    assert isinstance(request, CompletionRequest)
    return request.messages


# --- what the model reads ---------------------------------------------------------------------------------


def test_examples_are_turns_before_the_case_in_their_order() -> None:
    content = a_fewshot(OWN, Example(public="p1"), system="Responde.", user="P: {{pregunta}}")
    assert check(content) == ()
    assert [(message.role, message.content) for message in messages(content)] == [
        ("system", "Responde."),
        ("user", "P: ¿1 + 1?"),
        ("assistant", "a"),
        ("user", "P: ¿3 × 4?"),
        ("assistant", "b"),
        ("user", "P: ¿2 + 2?"),
    ]
    turned = replace(content, examples=content.examples[::-1])
    assert [message.content for message in messages(turned)][2] == "b"


def test_a_public_case_keeps_its_inputs_under_an_answer_of_one_s_own() -> None:
    content = a_fewshot(Example(public="p1", answer="La b."), Example(public="p2", answer="Ninguno."))
    assert check(content) == ()
    texts = [message.content for message in messages(content)]
    assert texts == ["¿3 × 4?", "La b.", "¿Un sinónimo?", "Ninguno.", "¿2 + 2?"]


def test_what_is_resolved_needs_no_public_case_any_more() -> None:
    content = fewshot.resolve(a_fewshot(Example(public="p1")), pool=POOL)
    assert fewshot.resolve(content, pool={}) == content
    assert fewshot.check(content, limits=LIMITS, slots=SLOTS, pool={}) == ()
    assert fewshot.decode(fewshot.encode(content)) == (content, ())


def test_what_was_not_resolved_is_never_sent() -> None:
    with pytest.raises(ValueError, match="resolved"):
        fewshot.next_request(a_fewshot(Example(public="p1")), inputs=INPUTS, texts=[])


def test_the_text_of_an_example_is_no_template() -> None:
    content = a_fewshot(own(answer="{{opciones}}", pregunta="{{opciones}}"))
    assert check(content) == ()
    assert [message.content for message in messages(content)][:2] == ["{{opciones}}", "{{opciones}}"]


def test_examples_cost_what_the_model_reads_of_them() -> None:
    content = a_fewshot(OWN, system="Responde.", max_output_tokens=9)
    [bound] = fewshot.worst_case(content, inputs=INPUTS)
    assert (bound.turns, bound.output_tokens, bound.carried_tokens) == (4, 9, 0)
    assert bound.characters == len("Responde.¿1 + 1?a¿2 + 2?")


# --- what is wrong ----------------------------------------------------------------------------------------

FAULTS: list[tuple[FewshotContent, str, str, dict[str, Any]]] = [
    (a_fewshot(*[OWN] * 4), "examples", "too_many", {"count": 4, "limit": 3}),
    (
        a_fewshot(Example(public="p9")),
        "examples.0.public",
        "unknown_case",
        {"name": "p9", "known": ("p1", "p2")},
    ),
    (a_fewshot(OWN, Example(public="p2")), "examples.1.answer", "no_public_answer", {"name": "p2"}),
    (a_fewshot(own(answer=None)), "examples.0.answer", "required", {}),
    (a_fewshot(own(answer=" \n")), "examples.0.answer", "required", {}),
    (a_fewshot(Example(public="p1", answer="")), "examples.0.answer", "required", {}),
    (a_fewshot(own(answer="x" * 201)), "examples.0.answer", "too_long", {"length": 201, "limit": 200}),
    (a_fewshot(own(answer="a\n" * 10)), "examples.0.answer", "too_many_lines", {"count": 11, "limit": 10}),
    (
        a_fewshot(own(otra="x")),
        "examples.0.inputs.otra",
        "unknown_slot",
        {"name": "otra", "known": SLOTS},
    ),
    (
        a_fewshot(own(), user="{{pregunta}} {{opciones}}"),
        "examples.0.inputs",
        "missing_slot",
        {"name": "opciones"},
    ),
    (a_fewshot(own(pregunta=" ")), "examples.0.inputs", "required", {}),
    (a_fewshot(own(answer="a</s>")), "examples.0.answer", "turn_mark", {"found": "</s>"}),
    (
        a_fewshot(*[own(answer="x" * 150)] * 3),
        "examples",
        "too_long",
        {"length": 3 * (150 + len("¿1 + 1?")), "limit": 400},
    ),
    (a_fewshot(OWN, user="{{pregunta"), "user", "bad_slot_syntax", {"found": "{{pregunta"}),
]


@pytest.mark.parametrize(("content", "field", "code", "params"), FAULTS)
def test_a_fault_is_told_by_its_field(
    content: FewshotContent, field: str, code: str, params: dict[str, Any]
) -> None:
    [problem] = check(content)
    assert (problem.field, problem.code, dict(problem.params)) == (field, code, params)


def test_an_unseen_character_is_told_with_its_line() -> None:
    [problem] = check(a_fewshot(own(pregunta="uno\ndos\u200b")))
    assert (problem.field, problem.code, problem.line) == (
        "examples.0.inputs.pregunta",
        "invisible_character",
        2,
    )


@pytest.mark.parametrize(
    ("user", "text"),
    [("<|im_{{pregunta}}", "end|>"), ("<|{{pregunta}}|>", "im_end"), ("</{{pregunta}}", "s>")],
)
def test_a_mark_put_together_from_a_template_and_an_example_is_refused(user: str, text: str) -> None:
    [problem] = check(a_fewshot(own(pregunta=text), user=user))
    assert (problem.field, problem.code) == ("examples.0.inputs", "turn_mark")


def test_everything_wrong_is_told_at_once_and_in_order() -> None:
    content = a_fewshot(Example(public="p9"), own(answer="", otra=""), user="", max_output_tokens=999)
    assert [problem.field for problem in check(content)] == [
        "user",
        "sampling.max_output_tokens",
        "examples.0.public",
        "examples.1.inputs.otra",
        "examples.1.answer",
    ]


def test_a_pool_of_thousands_is_not_listed_whole() -> None:
    pool = {f"p{number}": PublicCase(inputs={}) for number in range(5000)}
    content = a_fewshot(Example(public="x" * 5000))
    [problem] = fewshot.check(content, limits=LIMITS, slots=SLOTS, pool=pool)
    assert len(str(problem.params)) < 500
