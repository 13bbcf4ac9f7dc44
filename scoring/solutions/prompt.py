"""The ``prompt`` kind of submission: a system text, a user template and how the model is asked to write.

The use cases check it before an attempt is spent, the preview and the evaluation render it. Everything
wrong with it is told at once, as ``Problem`` values; the doors make the sentences.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from scoring.errors import TemplateSyntaxError
from scoring.solutions.characters import find_unseen, shown
from scoring.solutions.prompt_json import CONTENT_FIELDS, decode, encode
from scoring.solutions.template import MAX_PROBLEMS, Template, parse
from scoring.solutions.texts import check_text
from scoring.values import ContentLimits, Message, Problem, PromptContent, Sampling

__all__ = ["check", "decode", "encode", "render"]

MAX_TEMPERATURE = 2.0
MAX_SEED = 2**31 - 1


def check(content: PromptContent, *, limits: ContentLimits, slots: Sequence[str]) -> tuple[Problem, ...]:
    """Every problem of a prompt, in the order of its fields; none when it may be evaluated.

    ``slots`` are the names that the suite declares. Codes and params: ``required``, ``too_long`` (length,
    limit), ``too_many_lines`` (count, limit), ``control_character`` / ``invisible_character`` /
    ``bidi_character`` (character, column), ``turn_mark`` (found), ``bad_slot_syntax`` (found),
    ``unknown_slot`` (name, known), ``no_slot_used`` (known), ``out_of_range`` (low, high), ``too_many``
    (count, limit), ``empty_item``.
    """
    problems = [*check_text("system", content.system, limits, is_template=True)]
    if not content.user.strip():
        problems.append(Problem(field="user", code="required"))
    problems += check_text("user", content.user, limits, is_template=True)
    problems += _check_slots(content, slots)
    problems += _check_sampling(content.sampling, limits)
    return tuple(sorted(problems, key=_place_of_field))


def render(content: PromptContent, *, inputs: Mapping[str, str]) -> tuple[Message, ...]:
    """The conversation for one case; no system turn where the system text renders blank.

    Raises ``TemplateSyntaxError`` or ``KeyError`` (a slot without input) for a content that was never
    checked.
    """
    system = parse(content.system, field="system").render(inputs)
    user = Message(role="user", content=parse(content.user, field="user").render(inputs))
    return (Message(role="system", content=system), user) if system.strip() else (user,)


def _place_of_field(problem: Problem) -> int:
    return CONTENT_FIELDS.index(problem.field.partition(".")[0])


def _check_slots(content: PromptContent, slots: Sequence[str]) -> Iterator[Problem]:
    known = tuple(slots)
    templates: list[Template] = []
    for field, text in (("system", content.system), ("user", content.user)):
        try:
            template = parse(text, field=field)
        except TemplateSyntaxError as error:
            yield from error.problems
            continue
        templates.append(template)
        unknown = [name for name in template.slots if name not in known]
        for name in unknown[:MAX_PROBLEMS]:
            yield Problem(
                field=field,
                code="unknown_slot",
                line=template.first_line_of(name),
                params={"name": shown(name), "known": known},
            )
    # A prompt that shows the model nothing of the case can only guess. Not said beside other slot mistakes,
    # nor of an empty one: mending those may well mend this.
    is_readable = len(templates) == 2 and content.user.strip()
    if known and is_readable and not any(template.slots for template in templates):
        yield Problem(field="user", code="no_slot_used", params={"known": known})


def _check_sampling(sampling: Sampling, limits: ContentLimits) -> Iterator[Problem]:
    ranges: tuple[tuple[str, float, float, float], ...] = (
        ("temperature", sampling.temperature, 0.0, MAX_TEMPERATURE),
        ("top_p", sampling.top_p, 0.01, 1.0),
        ("max_output_tokens", sampling.max_output_tokens, 1, limits.max_output_tokens),
        ("seed", sampling.seed, 0, MAX_SEED),
    )
    for name, value, low, high in ranges:
        if not low <= value <= high:
            yield Problem(field=f"sampling.{name}", code="out_of_range", params={"low": low, "high": high})
    count = len(sampling.stop)
    if count > limits.max_stop_sequences:
        params = {"count": count, "limit": limits.max_stop_sequences}
        yield Problem(field="sampling.stop", code="too_many", params=params)
    for index, text in enumerate(sampling.stop[: limits.max_stop_sequences]):
        yield from _check_stop(f"sampling.stop.{index}", text, limits.max_stop_characters)


def _check_stop(field: str, text: str, limit: int) -> Iterator[Problem]:
    """A stop sequence may be a line break alone, so blank is not empty."""
    if not text:
        yield Problem(field=field, code="empty_item")
    if len(text) > limit:
        yield Problem(field=field, code="too_long", params={"length": len(text), "limit": limit})
    yield from find_unseen(text[:limit], field=field)
