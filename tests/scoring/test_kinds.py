"""What holds for every kind of submission: shape, schema, bounds, and going on after any call."""

from __future__ import annotations

import json
import os
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from scoring.inference import chat_formats
from scoring.solutions import fewshot_json, json_schema, pipeline_json, prompt, prompt_json
from scoring.solutions.kinds import KINDS
from scoring.solutions.outputs import MOST_CHARACTERS_PER_TOKEN
from scoring.solutions.turn_marks import find_turn_marks
from scoring.values import CompletionRequest, Done, PromptContent
from tests.scoring.contents import (
    CONTENTS,
    INPUTS,
    LIMITS,
    MODEL_TEXTS,
    POOL,
    SLOTS,
    a_sampling,
    run_through,
)

# What JSON text can hold: no NaN, no halves of surrogate pairs. Whole floats are the one known difference.
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.just(0.5) | st.text("añ\n", max_size=4)
)
ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=2),
    max_leaves=4,
)
TEXT = st.text("aé{}\r\n", max_size=5)


def nearly(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """An object with some of these fields; rarely another one, or no object, or a value of another type."""
    right = st.fixed_dictionaries({}, optional=fields)
    spoilt = {name: st.one_of(value, value, value, ANY_JSON) for name, value in fields.items()}
    return st.one_of(right, st.fixed_dictionaries({}, optional={**spoilt, "otro": ANY_JSON}), ANY_JSON)


PROMPT_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "system": TEXT,
    "user": TEXT,
    "sampling": nearly(
        {
            "temperature": st.integers() | st.just(0.5),
            "top_p": st.just(0.9),
            "max_output_tokens": st.integers(),
            "stop": st.lists(TEXT, max_size=3) | st.just(["\n"] * 101) | st.just(["\n"] * 100),
            "seed": st.integers(),
        }
    ),
}
EXAMPLE = nearly(
    {
        "public": TEXT,
        "inputs": st.dictionaries(TEXT, TEXT, max_size=3)
        | st.just({str(number): "" for number in range(50)})
        | st.just({str(number): "" for number in range(51)}),
        "answer": TEXT | st.none(),
    }
)
CONDITION = nearly(
    {
        "step": TEXT,
        "equals": TEXT | st.none(),
        "matches": TEXT,
        "is_empty": st.booleans() | st.none(),
        "not": st.booleans(),
    }
)
STEP = nearly(
    {
        "name": TEXT,
        **PROMPT_FIELDS,
        "extract": nearly({"regex": TEXT | st.none(), "json": TEXT}) | st.none(),
        "when": CONDITION,
        "stop_if": CONDITION | st.none(),
    }
)
SHAPES: dict[str, st.SearchStrategy[Any]] = {
    "prompt": nearly(PROMPT_FIELDS),
    "fewshot": nearly({**PROMPT_FIELDS, "examples": st.lists(EXAMPLE, max_size=2)}),
    "pipeline": nearly({"steps": st.lists(STEP, max_size=2), "answer": TEXT | st.none()}),
}
VALIDATORS = {name: jsonschema_rs.validator_for(kind.schema()) for name, kind in KINDS.items()}
# A bound that CI keeps; more to look for rarer pipelines.
STORM_EXAMPLES = int(os.environ.get("KINDS_STORM_EXAMPLES", "200"))
QUICKLY = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.filter_too_much])


# --- shape and schema -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_the_schema_accepts_what_the_decoder_reads_and_nothing_else(name: str, data: st.DataObject) -> None:
    raw = data.draw(SHAPES[name])
    content, problems = KINDS[name].decode(raw)
    assert (content is None) == bool(problems)
    assert VALIDATORS[name].is_valid(raw) == (content is not None), problems


@pytest.mark.parametrize(
    ("name", "raw", "is_read"),
    [
        ("fewshot", {"examples": [{"public": "c1"}]}, True),
        ("fewshot", {"examples": [{"public": "c1", "inputs": None}]}, True),
        ("fewshot", {"examples": [{"public": "c1", "inputs": {}}]}, False),
        ("fewshot", {"examples": [{"answer": "a"}]}, False),
        ("fewshot", {"examples": [{"inputs": {"pregunta": 3}, "answer": "a"}]}, False),
        ("fewshot", {"examples": [{"public": "c"}] * fewshot_json.MAX_EXAMPLE_ITEMS}, True),
        ("fewshot", {"examples": [{"public": "c"}] * (fewshot_json.MAX_EXAMPLE_ITEMS + 1)}, False),
        ("pipeline", {"steps": [{"extract": {"regex": "a"}}]}, True),
        ("pipeline", {"steps": [{"extract": {}}]}, False),
        ("pipeline", {"steps": [{"extract": {"regex": "a", "json": ""}}]}, False),
        ("pipeline", {"steps": [{"when": {"step": "a", "is_empty": False, "not": True}}]}, True),
        ("pipeline", {"steps": [{"when": {"step": "a"}}]}, False),
        ("pipeline", {"steps": [{"when": {"equals": "a", "is_empty": True}}]}, False),
        ("pipeline", {"steps": [{"stop_if": {"is_empty": 1}}]}, False),
        ("pipeline", {"steps": [{}] * pipeline_json.MAX_STEP_ITEMS}, True),
        ("pipeline", {"steps": [{}] * (pipeline_json.MAX_STEP_ITEMS + 1)}, False),
        ("pipeline", {"steps": {}}, False),
        ("pipeline", {"Steps": []}, False),
    ],
)
def test_the_borders_of_a_shape_are_the_same_for_both(name: str, raw: Any, is_read: bool) -> None:
    assert (KINDS[name].decode(raw)[0] is not None) == is_read
    assert VALIDATORS[name].is_valid(raw) == is_read


def test_a_whole_number_with_a_point_is_the_one_known_difference() -> None:
    raw = {"sampling": {"max_output_tokens": 64.0}}
    assert VALIDATORS["prompt"].is_valid(raw)
    assert KINDS["prompt"].decode(raw)[0] is None


@pytest.mark.parametrize("name", KINDS)
def test_a_schema_is_one_and_names_every_field_that_is_written(name: str) -> None:
    schema = KINDS[name].schema()
    jsonschema_rs.meta.validate(schema)
    assert json.loads(json.dumps(schema)) == schema
    assert schema["$schema"] == json_schema.DIALECT
    written = {
        "prompt": prompt_json.CONTENT_FIELDS,
        "fewshot": fewshot_json.CONTENT_FIELDS,
        "pipeline": pipeline_json.CONTENT_FIELDS,
    }
    assert tuple(schema["properties"]) == written[name]


@pytest.mark.parametrize("name", KINDS)
@QUICKLY
@given(data=st.data())
def test_what_is_written_is_read_as_the_same_and_fits_the_schema(name: str, data: st.DataObject) -> None:
    content = data.draw(CONTENTS[name])
    written = json.loads(json.dumps(KINDS[name].encode(content)))
    assert KINDS[name].decode(written) == (content, ())
    assert VALIDATORS[name].is_valid(written)


@pytest.mark.parametrize("name", KINDS)
@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_whatever_is_read_can_be_checked_and_every_problem_shown(name: str, data: st.DataObject) -> None:
    content, problems = KINDS[name].decode(data.draw(SHAPES[name]))
    if content is not None:
        problems = KINDS[name].check(content, limits=LIMITS, slots=SLOTS, pool=POOL)
    for problem in problems:
        assert problem.field.isprintable()
        assert all(str(value).isprintable() for value in problem.params.values())


# --- calls ------------------------------------------------------------------------------------------------


def drawn(name: str, data: st.DataObject) -> tuple[Any, list[str]]:
    """A content that may be run, resolved, and as many texts as it could need."""
    content = data.draw(CONTENTS[name])
    assume(not KINDS[name].check(content, limits=LIMITS, slots=SLOTS, pool=POOL))
    texts = data.draw(st.lists(MODEL_TEXTS, min_size=4, max_size=4))
    return KINDS[name].resolve(content, pool=POOL), texts


def goes_on_after_any_call(name: str, data: st.DataObject) -> None:
    content, texts = drawn(name, data)
    requests, answer = run_through(name, content, texts)
    # What the database gives back: canonical JSON, and texts without what it cannot keep.
    stored, _ = KINDS[name].decode(json.loads(json.dumps(KINDS[name].encode(content))))
    kept = [text.replace("\x00", "\ufffd").encode(errors="replace").decode() for text in texts]
    for done in range(len(requests)):
        assert KINDS[name].next_request(stored, inputs=INPUTS, texts=kept[:done]) == requests[done]
    end = KINDS[name].next_request(stored, inputs=INPUTS, texts=kept[: len(requests)])
    assert end == Done(answer=answer)
    answer.encode()


def costs_no_more_than_was_said(name: str, data: st.DataObject) -> None:
    content, texts = drawn(name, data)
    requests, _ = run_through(name, content, texts)
    bounds = KINDS[name].worst_case(content, inputs=INPUTS)
    assert len(requests) <= len(bounds) <= LIMITS.max_calls_per_case
    left = iter(bounds)
    for request in requests:
        size = sum(len(message.content) for message in request.messages)
        # A step may be left out, and the bounds stand in the order of the steps.
        assert any(
            size <= bound.characters + bound.carried_tokens * MOST_CHARACTERS_PER_TOKEN
            and len(request.messages) <= bound.turns
            and request.sampling.max_output_tokens <= bound.output_tokens
            for bound in left
        )


@pytest.mark.parametrize("name", KINDS)
@QUICKLY
@given(data=st.data())
def test_a_case_goes_on_after_any_call_as_if_it_had_never_stopped(name: str, data: st.DataObject) -> None:
    goes_on_after_any_call(name, data)


@pytest.mark.parametrize("name", KINDS)
@QUICKLY
@given(data=st.data())
def test_no_case_costs_more_than_was_said_before_it_ran(name: str, data: st.DataObject) -> None:
    costs_no_more_than_was_said(name, data)


@pytest.mark.storm
@settings(QUICKLY, max_examples=STORM_EXAMPLES)
@given(data=st.data())
def test_no_pipeline_of_many_breaks_its_bounds_or_its_way_back(data: st.DataObject) -> None:
    goes_on_after_any_call("pipeline", data)
    costs_no_more_than_was_said("pipeline", data)


@pytest.mark.parametrize("name", ["fewshot", "pipeline"])
@QUICKLY
@given(data=st.data())
def test_no_turn_is_forged_and_turns_alternate_strictly(name: str, data: st.DataObject) -> None:
    content, texts = drawn(name, data)
    for request in run_through(name, content, texts)[0]:
        chat_formats.render(request.messages, "alia")
        for message in request.messages:
            assert find_turn_marks(message.content, field="user") == ()


@pytest.mark.parametrize("name", KINDS)
def test_more_texts_than_calls_belong_to_another_content(name: str) -> None:
    content, problems = KINDS[name].decode(
        {"steps": [{"name": "a", "user": "{{pregunta}}"}]} if name == "pipeline" else {"user": "{{pregunta}}"}
    )
    assert problems == ()
    with pytest.raises(ValueError, match="2"):
        KINDS[name].next_request(content, inputs=INPUTS, texts=["a", "b"])


def test_a_prompt_asks_what_it_always_asked() -> None:
    content = PromptContent(system="S {{opciones}}", user="{{pregunta}}", sampling=a_sampling())
    asked = KINDS["prompt"].next_request(content, inputs=INPUTS, texts=[])
    assert asked == CompletionRequest(
        messages=prompt.render(content, inputs=INPUTS), sampling=content.sampling
    )
    assert KINDS["prompt"].next_request(content, inputs=INPUTS, texts=[" b\n"]) == Done(answer=" b\n")
