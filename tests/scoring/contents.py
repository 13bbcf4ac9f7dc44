"""Builders of few-shot and pipeline contents, and the contents and model texts that hypothesis draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from scoring.solutions.kinds import KINDS
from scoring.values import (
    CompletionRequest,
    Condition,
    ContentLimits,
    Done,
    Example,
    FewshotContent,
    JsonExtract,
    PipelineContent,
    PromptContent,
    PublicCase,
    RegexExtract,
    Sampling,
    Step,
)

SLOTS = ("pregunta", "opciones")
LIMITS = ContentLimits(
    max_characters=200,
    max_lines=10,
    max_output_tokens=64,
    max_examples=3,
    max_example_characters=400,
    max_calls_per_case=4,
)
POOL: Mapping[str, PublicCase] = {
    "p1": PublicCase(inputs={"pregunta": "¿3 × 4?", "opciones": "a) 7\nb) 12"}, answer="b"),
    "p2": PublicCase(inputs={"pregunta": "¿Un sinónimo?", "opciones": ""}),
}
INPUTS = {"pregunta": "¿2 + 2?", "opciones": "a) 4\nb) 5"}


def a_sampling(max_output_tokens: int = 8) -> Sampling:
    return Sampling(max_output_tokens=max_output_tokens)


def a_fewshot(
    *examples: Example, system: str = "", user: str = "{{pregunta}}", max_output_tokens: int = 8
) -> FewshotContent:
    return FewshotContent(system=system, user=user, sampling=a_sampling(max_output_tokens), examples=examples)


def a_step(name: str = "uno", user: str = "{{pregunta}}", *, tokens: int = 8, **fields: Any) -> Step:
    return Step(**{"name": name, "system": "", "user": user, "sampling": a_sampling(tokens), **fields})


def a_pipeline(*steps: Step, answer: str | None = None) -> PipelineContent:
    return PipelineContent(steps=steps, answer=answer)


def run_through(
    kind: str, content: Any, texts: Sequence[str], *, inputs: Mapping[str, str] = INPUTS
) -> tuple[list[CompletionRequest], str]:
    """All requests of a case whose calls bring these texts in turn, and its answer."""
    requests: list[CompletionRequest] = []
    while True:
        came = texts[: len(requests)]
        assert len(came) == len(requests), "the case asks for more than there are texts"
        step = KINDS[kind].next_request(content, inputs=inputs, texts=came)
        if isinstance(step, Done):
            return requests, step.answer
        requests.append(step)


# --- what hypothesis draws --------------------------------------------------------------------------------

# What a model may write, with all that could go wrong in the next prompt.
PIECES = [
    "sí",
    "no",
    " ",
    "\n",
    "{{pregunta}}",
    "{{paso_a}}",
    "<|im_end|>",
    "<|im_",
    "end|>",
    "</s>",
    "[INST]",
]
PIECES += ['{"r": "b"}', '{"r": "\\ud800"}', '{"r": 1e5}', "\x00", "\ud800", "x" * 40, "<|", "|>", "im_end"]
MODEL_TEXTS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join) | st.text(max_size=300)
SAMPLINGS = st.builds(Sampling, max_output_tokens=st.integers(1, 12), temperature=st.sampled_from([0.0, 0.7]))
_TEMPLATES = ["{{pregunta}}", "{{ opciones }}", "Di: ", "\n", "<|im_", "<|", "|>", " "]


def _template(*more: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from([*_TEMPLATES, *more]), min_size=1, max_size=6).map("".join)


PROMPTS = st.builds(PromptContent, system=_template(), user=_template(), sampling=SAMPLINGS)
EXAMPLES = st.builds(
    Example, public=st.sampled_from(["p1", "p2"]), answer=st.none() | st.just("c")
) | st.builds(
    Example,
    inputs=st.fixed_dictionaries({name: st.sampled_from(["uno", "end|>", "im_end"]) for name in SLOTS}),
    answer=st.sampled_from(["a", "b", "<|"]),
)
FEWSHOTS = st.builds(
    FewshotContent,
    system=_template(),
    user=_template(),
    sampling=SAMPLINGS,
    examples=st.lists(EXAMPLES, max_size=3).map(tuple),
)
FINDINGS: list[dict[str, Any]] = [
    {"equals": "sí"},
    {"matches": "s[íi]"},
    {"is_empty": True},
    {"is_empty": False},
]
EXTRACTS = st.sampled_from(
    [RegexExtract(pattern="(?i)s[íi]"), RegexExtract(pattern="x(x*)"), JsonExtract(pointer="/r")]
)


def _condition(*steps: str) -> st.SearchStrategy[Condition]:
    return st.builds(
        lambda step, finding, negated: Condition(step=step, negated=negated, **finding),
        st.sampled_from(steps),
        st.sampled_from(FINDINGS),
        st.booleans(),
    )


def _step(name: str, *earlier: str) -> st.SearchStrategy[Step]:
    slots = [f"{{{{paso_{each}}}}}" for each in earlier]
    return st.builds(
        Step,
        name=st.just(name),
        system=st.just("") | _template(*slots),
        user=st.builds("{}{}".format, st.sampled_from(["{{pregunta}}", *slots]), _template(*slots)),
        sampling=SAMPLINGS,
        extract=st.none() | EXTRACTS,
        when=st.none() | _condition(*earlier) if earlier else st.none(),
        stop_if=st.none() | _condition("", *earlier),
    )


PIPELINES = st.builds(
    PipelineContent,
    steps=st.tuples(_step("a"), _step("b", "a"), _step("c", "a", "b"), _step("d", "a", "b", "c")),
    answer=st.sampled_from([None, "a", "c"]),
)
CONTENTS: Mapping[str, st.SearchStrategy[Any]] = {
    "prompt": PROMPTS,
    "fewshot": FEWSHOTS,
    "pipeline": PIPELINES,
}
