"""The kinds of submission by name: what a contestant may hand in, and all that the platform asks of each.

A kind is one module with the functions of ``Kind``: add ``mine.py`` like ``pipeline.py`` and a line to
``KINDS``. Whoever stores, shows, estimates or runs a submission goes through ``KINDS[kind]`` and knows no
kind's fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from scoring.solutions import fewshot, pipeline, prompt_kind
from scoring.values import CallBound, CompletionRequest, ContentLimits, Done, Problem, PublicCase


class Kind(Protocol):
    """A kind's module. ``content`` is the value that its own ``decode`` gives."""

    def decode(self, raw: Mapping[str, Any]) -> tuple[Any | None, tuple[Problem, ...]]:
        """The content, or None and every problem of shape."""

    def encode(self, content: Any) -> dict[str, Any]:
        """The canonical shape, which ``decode`` reads back as the same content."""

    def schema(self) -> dict[str, Any]:
        """The published JSON Schema of what ``decode`` reads."""

    def check(
        self,
        content: Any,
        *,
        limits: ContentLimits,
        slots: Sequence[str],
        pool: Mapping[str, PublicCase],
    ) -> tuple[Problem, ...]:
        """Everything wrong with a content under a phase; ``pool`` are its public cases by key."""

    def resolve(self, content: Any, *, pool: Mapping[str, PublicCase]) -> Any:
        """The content with what it takes from public cases written in: this is what is stored and run."""

    def next_request(
        self, content: Any, *, inputs: Mapping[str, str], texts: Sequence[str]
    ) -> CompletionRequest | Done:
        """What to ask for a case after the texts of its calls so far, or its answer."""

    def worst_case(self, content: Any, *, inputs: Mapping[str, str]) -> tuple[CallBound, ...]:
        """The most that each call of a case with these inputs can cost, known before it runs."""


KINDS: Mapping[str, Kind] = MappingProxyType(
    {"prompt": prompt_kind, "fewshot": fewshot, "pipeline": pipeline}
)
