"""What the kinds share whose cases have one call each: its text is the answer."""

from __future__ import annotations

from collections.abc import Sequence

from scoring.solutions.outputs import storable
from scoring.values import CallBound, CompletionRequest, Done, Message, Sampling


def next_request(
    messages: Sequence[Message], sampling: Sampling, texts: Sequence[str]
) -> CompletionRequest | Done:
    """The call, or the answer once its text is there. Raises ``ValueError`` for more texts than one."""
    if len(texts) > 1:
        raise ValueError(f"a case of this kind has one call, not {len(texts)}")
    if texts:
        return Done(answer=storable(texts[0]))
    return CompletionRequest(messages=tuple(messages), sampling=sampling)


def worst_case(messages: Sequence[Message], sampling: Sampling) -> tuple[CallBound, ...]:
    """What the call can cost at most."""
    bound = CallBound(
        turns=len(messages),
        characters=sum(len(message.content) for message in messages),
        carried_tokens=0,
        output_tokens=sampling.max_output_tokens,
    )
    return (bound,)
