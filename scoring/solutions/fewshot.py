"""The ``fewshot`` kind of submission: a prompt with worked examples before the case's own question.

Each example is a user turn, the template filled with its inputs, and an assistant turn, its answer. Examples
may be public cases, named by their key: ``resolve`` writes their texts in when the content is handed in, so
that what is stored, run and recomputed needs no suite beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from scoring.solutions import one_call, prompt_part
from scoring.solutions.characters import shown
from scoring.solutions.fewshot_json import decode, encode, schema
from scoring.solutions.outputs import conversation
from scoring.solutions.template import Template, parse
from scoring.solutions.texts import check_text
from scoring.solutions.turn_marks import find_turn_marks
from scoring.values import (
    CallBound,
    CompletionRequest,
    ContentLimits,
    Done,
    Example,
    FewshotContent,
    Message,
    Problem,
    PromptContent,
    PublicCase,
)

__all__ = ["check", "decode", "encode", "next_request", "resolve", "schema", "worst_case"]

# Enough to see what the keys look like; a suite may have hundreds.
MAX_KNOWN_KEYS = 20


def check(
    content: FewshotContent,
    *,
    limits: ContentLimits,
    slots: Sequence[str],
    pool: Mapping[str, PublicCase],
) -> tuple[Problem, ...]:
    """Every problem: first those of ``prompt.check``, then those of the examples in their order.

    ``pool`` are the public cases by key. Codes and params of the examples: ``required``, ``too_many`` (count,
    limit), ``too_long`` (length, limit), ``too_many_lines`` (count, limit), the unseen characters,
    ``turn_mark`` (found), ``unknown_case`` (name, known), ``no_public_answer`` (name), ``unknown_slot``
    (name, known), ``missing_slot`` (name).
    """
    part = PromptContent(system=content.system, user=content.user, sampling=content.sampling)
    problems = list(prompt_part.check(part, limits=limits, slots=slots))
    if len(content.examples) > limits.max_examples:
        params = {"count": len(content.examples), "limit": limits.max_examples}
        problems.append(Problem(field="examples", code="too_many", params=params))
    looked_at = content.examples[: limits.max_examples]
    for index, example in enumerate(looked_at):
        problems += _check_example(f"examples.{index}", example, limits, slots, pool)
    if not problems:
        problems += _check_turns(resolve(replace(content, examples=looked_at), pool=pool), limits)
    return tuple(problems)


def resolve(content: FewshotContent, *, pool: Mapping[str, PublicCase]) -> FewshotContent:
    """The same content with the texts of its public cases written in, as if they were its own.

    To be called once, with what ``check`` found nothing wrong in; ``KeyError`` for a case that is not there.
    """
    return replace(content, examples=tuple(_resolved(example, pool) for example in content.examples))


def next_request(
    content: FewshotContent, *, inputs: Mapping[str, str], texts: Sequence[str]
) -> CompletionRequest | Done:
    """The one call of a case, or its answer once that call's text is there.

    Raises ``ValueError`` for a content that was not resolved, and for more texts than one.
    """
    return one_call.next_request(_messages(content, inputs), content.sampling, texts)


def worst_case(content: FewshotContent, *, inputs: Mapping[str, str]) -> tuple[CallBound, ...]:
    """What the one call of a case with these inputs can cost at most."""
    return one_call.worst_case(_messages(content, inputs), content.sampling)


def _messages(content: FewshotContent, inputs: Mapping[str, str]) -> tuple[Message, ...]:
    template = parse(content.user, field="user")
    turns = [turn for example in content.examples for turn in _turns(template, example)]
    turns.append(Message(role="user", content=template.render(inputs)))
    return conversation(parse(content.system, field="system").render(inputs), turns)


def _turns(template: Template, example: Example) -> tuple[Message, Message]:
    if example.public is not None or example.answer is None:
        raise ValueError("an example has to be resolved before it can be shown to a model")
    return (
        Message(role="user", content=template.render(example.inputs)),
        Message(role="assistant", content=example.answer),
    )


def _resolved(example: Example, pool: Mapping[str, PublicCase]) -> Example:
    if example.public is None:
        return example
    case = pool[example.public]
    return Example(inputs=dict(case.inputs), answer=case.answer if example.answer is None else example.answer)


def _check_example(
    field: str,
    example: Example,
    limits: ContentLimits,
    slots: Sequence[str],
    pool: Mapping[str, PublicCase],
) -> Iterator[Problem]:
    if example.public is None:
        yield from _check_inputs(f"{field}.inputs", example.inputs, limits, slots)
    elif example.public not in pool:
        yield Problem(
            field=f"{field}.public",
            code="unknown_case",
            params={"name": shown(example.public), "known": tuple(pool)[:MAX_KNOWN_KEYS]},
        )
        return
    answer = example.answer
    if example.public is not None and answer is None:
        answer = pool[example.public].answer
        if answer is None:
            yield Problem(
                field=f"{field}.answer", code="no_public_answer", params={"name": shown(example.public)}
            )
            return
    if not (answer or "").strip():
        yield Problem(field=f"{field}.answer", code="required")
    yield from check_text(f"{field}.answer", answer or "", limits)


def _check_inputs(
    field: str, inputs: Mapping[str, str], limits: ContentLimits, slots: Sequence[str]
) -> Iterator[Problem]:
    for name, text in inputs.items():
        place = f"{field}.{shown(name)}"
        if name not in slots:
            yield Problem(
                field=place, code="unknown_slot", params={"name": shown(name), "known": tuple(slots)}
            )
        else:
            yield from check_text(place, text, limits)


def _check_turns(content: FewshotContent, limits: ContentLimits) -> Iterator[Problem]:
    """What only shows once the examples are filled in; asked of a content that is right so far."""
    template = parse(content.user, field="user")
    total = 0
    for index, example in enumerate(content.examples):
        field = f"examples.{index}.inputs"
        missing = [name for name in template.slots if name not in example.inputs]
        for name in missing:
            yield Problem(field=field, code="missing_slot", params={"name": name})
        if missing:
            continue
        turns = _turns(template, example)
        total += sum(len(turn.content) for turn in turns)
        # A mark can be put together from a template's half and an input's.
        yield from find_turn_marks(turns[0].content, field=field)
        if not turns[0].content.strip():
            yield Problem(field=field, code="required")
    if total > limits.max_example_characters:
        params = {"length": total, "limit": limits.max_example_characters}
        yield Problem(field="examples", code="too_long", params=params)
