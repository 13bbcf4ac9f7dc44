"""What a kind has in common with ``prompt``: a system text, a user template and a sampling.

``fewshot`` is such a part with examples, each step of ``pipeline`` is one; they are read and checked by
``prompt``'s own rules, and their problems carry the name of the place that they stand in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from scoring.solutions import prompt, prompt_json
from scoring.values import ContentLimits, Problem, PromptContent, Sampling

STAND_IN = PromptContent(
    system="", user="", sampling=Sampling(max_output_tokens=prompt_json.DEFAULT_MAX_OUTPUT_TOKENS)
)


def decode(raw: Mapping[str, Any], *, within: str = "") -> tuple[PromptContent, tuple[Problem, ...]]:
    """The part's three fields out of an object that may have others, and what is wrong with them."""
    fields = {name: raw[name] for name in prompt_json.CONTENT_FIELDS if name in raw}
    content, problems = prompt_json.decode(fields)
    return content or STAND_IN, tuple(_placed(problems, within))


def check(
    part: PromptContent, *, limits: ContentLimits, slots: Sequence[str], within: str = ""
) -> Iterator[Problem]:
    """The problems that ``prompt.check`` finds."""
    yield from _placed(prompt.check(part, limits=limits, slots=slots), within)


def _placed(problems: Sequence[Problem], within: str) -> Iterator[Problem]:
    for problem in problems:
        yield replace(problem, field=f"{within}.{problem.field}") if within else problem
