"""What an evaluation needs of whatever runs the model, and the settings that say where it is.

The harness knows only ``Backend``; ``openai.OpenAIBackend`` is the one that speaks HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Protocol, Self

from scoring.values import Completion, CompletionRequest

Dialect = Literal["chat", "completion"]
ChatFormat = Literal["plain", "alia"]

CONNECT_TIMEOUT_S = 5.0
# Between two pieces of an answer. A request may wait in the server's line behind others of its batch, and the
# limit of the whole case stands above it.
READ_TIMEOUT_S = 60.0


class Backend(Protocol):
    """One caller's connection to the model: never shared between two tasks or two event loops."""

    async def complete(self, request: CompletionRequest) -> Completion:
        """One answer, with the tokens that the server counted. Raises BackendFault."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendSettings:
    """Where the model is and how it is spoken to.

    ``url`` is the server's origin, with or without a trailing ``/v1``. ``revision`` is stored with every
    evaluation. ``extra_body`` is added to each request, for fields that only some servers know; it cannot
    override what a submission chose. Raises ``ValueError`` for a dialect or a format that does not exist.
    """

    url: str
    model: str
    api_key: str = field(default="", repr=False)
    revision: str = ""
    dialect: Dialect = "chat"
    chat_format: ChatFormat = "plain"
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    read_timeout_s: float = READ_TIMEOUT_S

    def __post_init__(self) -> None:
        for name, value, known in (
            ("dialect", self.dialect, ("chat", "completion")),
            ("chat_format", self.chat_format, ("plain", "alia")),
        ):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, not {value!r}")

    def address(self, path: str) -> str:
        """The address of ``path`` ("chat/completions") below the server's ``/v1``."""
        return self.beside(f"v1/{path}")

    def beside(self, path: str) -> str:
        """The address of ``path`` ("tokenize") beside ``/v1``, where servers keep what OpenAI's has not."""
        return f"{self.url.rstrip('/').removesuffix('/v1')}/{path}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
