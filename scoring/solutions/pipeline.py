"""The ``pipeline`` kind of submission: a few calls in order, each a prompt that may hold earlier outputs.

``{{paso_nombre}}`` in a step's template is the output of the earlier step ``nombre``: what the model wrote
without outer blanks, or what ``extract`` took out of it, "" where it found nothing. A step is asked where its
``when`` holds, and nothing is asked after one whose ``stop_if`` holds. Conditions see outputs and no grade.
A step that was not asked has the output "". See docs/kinds.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from scoring.solutions import prompt_part
from scoring.solutions.characters import find_unseen, shown
from scoring.solutions.outputs import carried, conversation
from scoring.solutions.patterns import check_pattern, check_pointer, find, point
from scoring.solutions.pipeline_json import decode, encode, schema
from scoring.solutions.template import Slot, parse
from scoring.values import (
    CallBound,
    CompletionRequest,
    Condition,
    ContentLimits,
    Done,
    JsonExtract,
    Message,
    PipelineContent,
    Problem,
    PromptContent,
    PublicCase,
    RegexExtract,
    Step,
)

__all__ = ["check", "decode", "encode", "next_request", "resolve", "schema", "worst_case"]

# A template takes names only, so an output's slot is a name too.
SLOT_PREFIX = "paso_"
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
MAX_EQUALS_CHARACTERS = 200


def check(
    content: PipelineContent,
    *,
    limits: ContentLimits,
    slots: Sequence[str],
    pool: Mapping[str, PublicCase],
) -> tuple[Problem, ...]:
    """Every problem, step by step, in the order of their fields ("steps.1.user").

    Codes and params: those of ``prompt.check`` under each step, whose slots are the suite's and those of the
    earlier steps; ``required``, ``too_many`` (count, limit), ``bad_name`` (found), ``name_taken`` (name),
    ``unknown_step`` (name, known), and those of ``patterns``. ``pool`` is for other kinds.
    """
    problems: list[Problem] = []
    if not content.steps:
        problems.append(Problem(field="steps", code="required"))
    if len(content.steps) > limits.max_calls_per_case:
        params = {"count": len(content.steps), "limit": limits.max_calls_per_case}
        problems.append(Problem(field="steps", code="too_many", params=params))
    earlier: list[str] = []
    for index, step in enumerate(content.steps[: limits.max_calls_per_case]):
        problems += _check_step(f"steps.{index}", step, earlier, limits, slots)
        if step.name not in earlier and NAME.fullmatch(step.name):
            earlier.append(step.name)
    # Said of all its steps: one that is too many may still be the one that answers.
    names = [step.name for step in content.steps]
    if content.answer is not None and content.answer not in names:
        problems.append(_unknown_step("answer", content.answer, earlier))
    return tuple(problems)


def resolve(content: PipelineContent, *, pool: Mapping[str, PublicCase]) -> PipelineContent:
    """A pipeline takes nothing from the public cases."""
    return content


def next_request(
    content: PipelineContent, *, inputs: Mapping[str, str], texts: Sequence[str]
) -> CompletionRequest | Done:
    """What to ask after these texts of the case's calls so far, or its answer.

    The texts are all that there is to know of a case under way: with those that were stored, it goes on as if
    it had never stopped. Raises ``ValueError`` for more texts than the content asks for.
    """
    outputs: dict[str, str] = {}
    left = list(reversed(texts))
    for step in content.steps:
        if step.when is not None and not _holds(step.when, step, outputs):
            continue
        messages = _messages(content, step, inputs, outputs)
        if outputs and not messages[-1].content.strip():
            # Nothing to ask, and servers differ in what they make of an empty turn. But a case without any
            # call would have nothing to be measured and graded by, so the first one is asked all the same.
            continue
        if not left:
            return CompletionRequest(messages=messages, sampling=step.sampling)
        outputs[step.name] = _output(step, left.pop())
        if step.stop_if is not None and _holds(step.stop_if, step, outputs):
            break
    if left:
        raise ValueError(f"{len(texts)} texts, and this case asks for {len(texts) - len(left)}")
    return Done(answer=_answer(content, outputs))


def worst_case(content: PipelineContent, *, inputs: Mapping[str, str]) -> tuple[CallBound, ...]:
    """What each call of a case with these inputs can cost at most, were every step asked.

    An earlier output counts with its ``max_output_tokens`` wherever a template holds it, and with no more
    than ``outputs.longest`` characters: it is cut there.
    """
    tokens = {f"{SLOT_PREFIX}{step.name}": step.sampling.max_output_tokens for step in content.steps}
    return tuple(_bound(step, inputs, tokens) for step in content.steps)


def _bound(step: Step, inputs: Mapping[str, str], tokens: Mapping[str, int]) -> CallBound:
    characters = carried_tokens = 0
    for template in (parse(step.system, field="system"), parse(step.user, field="user")):
        for part in template.parts:
            if isinstance(part, Slot) and part.name in tokens:
                carried_tokens += tokens[part.name]
            else:
                characters += len(inputs[part.name] if isinstance(part, Slot) else part)
    return CallBound(
        turns=2 if step.system.strip() else 1,
        characters=characters,
        carried_tokens=carried_tokens,
        output_tokens=step.sampling.max_output_tokens,
    )


def _messages(
    content: PipelineContent, step: Step, inputs: Mapping[str, str], outputs: Mapping[str, str]
) -> tuple[Message, ...]:
    earlier = {f"{SLOT_PREFIX}{each.name}": outputs.get(each.name, "") for each in content.steps}
    filled = {**inputs, **earlier}
    user = parse(step.user, field="user").render(filled)
    system = parse(step.system, field="system").render(filled)
    return conversation(system, [Message(role="user", content=user)])


def _output(step: Step, text: str) -> str:
    found = carried(text, step.sampling)
    if isinstance(step.extract, RegexExtract):
        found = find(step.extract.pattern, found) or ""
    elif isinstance(step.extract, JsonExtract):
        found = point(step.extract.pointer, found) or ""
    # Once more: what JSON's escapes stand for may be longer, blank or unfit to be stored.
    return carried(found, step.sampling)


def _holds(condition: Condition, step: Step, outputs: Mapping[str, str]) -> bool:
    output = outputs.get(condition.step or step.name, "")
    if condition.equals is not None:
        found = output == condition.equals.strip()
    elif condition.matches is not None:
        found = find(condition.matches, output) is not None
    else:
        found = (not output) == condition.is_empty
    return found != condition.negated


def _answer(content: PipelineContent, outputs: Mapping[str, str]) -> str:
    """The named step's output where it was asked, else the last one's that was."""
    if content.answer is not None and content.answer in outputs:
        return outputs[content.answer]
    return next(reversed(list(outputs.values())), "")


def _check_step(
    field: str, step: Step, earlier: Sequence[str], limits: ContentLimits, slots: Sequence[str]
) -> Iterator[Problem]:
    yield from _check_name(f"{field}.name", step.name, earlier, slots)
    part = PromptContent(system=step.system, user=step.user, sampling=step.sampling)
    known = (*slots, *(f"{SLOT_PREFIX}{name}" for name in earlier))
    yield from prompt_part.check(part, limits=limits, slots=known, within=field)
    if isinstance(step.extract, RegexExtract):
        yield from check_pattern(f"{field}.extract.regex", step.extract.pattern)
    elif isinstance(step.extract, JsonExtract):
        yield from check_pointer(f"{field}.extract.json", step.extract.pointer)
    if step.when is not None:
        yield from _check_condition(f"{field}.when", step.when, earlier)
    if step.stop_if is not None:
        yield from _check_condition(f"{field}.stop_if", step.stop_if, ("", *earlier, step.name))


def _check_name(field: str, name: str, earlier: Sequence[str], slots: Sequence[str]) -> Iterator[Problem]:
    if not name:
        yield Problem(field=field, code="required")
    elif not NAME.fullmatch(name):
        yield Problem(field=field, code="bad_name", params={"found": shown(name)})
    elif name in earlier or f"{SLOT_PREFIX}{name}" in slots:
        yield Problem(field=field, code="name_taken", params={"name": name})


def _check_condition(field: str, condition: Condition, known: Sequence[str]) -> Iterator[Problem]:
    if condition.step not in known:
        if condition.step:
            yield _unknown_step(f"{field}.step", condition.step, [name for name in known if name])
        else:
            yield Problem(field=f"{field}.step", code="required")
    if condition.equals is not None:
        yield from _check_equals(f"{field}.equals", condition.equals)
    if condition.matches is not None:
        yield from check_pattern(f"{field}.matches", condition.matches)


def _check_equals(field: str, text: str) -> Iterator[Problem]:
    if len(text) > MAX_EQUALS_CHARACTERS:
        params = {"length": len(text), "limit": MAX_EQUALS_CHARACTERS}
        yield Problem(field=field, code="too_long", params=params)
    yield from find_unseen(text[:MAX_EQUALS_CHARACTERS], field=field)


def _unknown_step(field: str, name: str, known: Sequence[str]) -> Problem:
    return Problem(field=field, code="unknown_step", params={"name": shown(name), "known": tuple(known)})
