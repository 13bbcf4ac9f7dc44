"""How many tokens conversations have for the model that is set up: counted where that can be had at once.

``preview`` asks for the public cases, in a web request. By the tokenizer that ``TOKENIZER_FILE`` names; else
by the inference server, which gets one second and, after a fault, half a minute of peace; else from the
number of characters. Whatever was counted is kept, so that the same content is counted once a process. Never
raises, and nothing that is stored or set aside may hang on what it says: it is another answer when the
server is away.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from challenges import backend
from scoring.errors import BackendUnavailable, SpecError
from scoring.inference import backend_tokens, token_counts
from scoring.inference.backend import BackendSettings
from scoring.inference.token_counts import FileTokenizer, TokenCount
from scoring.values import Message

logger = logging.getLogger(__name__)

# A person waits for the page that asks.
BACKEND_TIMEOUT_S = 1.0
GRACE_S = 0.2
AWAY_S = 30.0
# Some 100 bytes each: a suite's public cases with a few hundred contents.
MOST_KEPT = 50_000

Conversation = tuple[Message, ...]


class Counter:
    """What one process has counted so far. For threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, TokenCount] = OrderedDict()
        self._tokenizer: tuple[tuple[str, int, int, int], FileTokenizer | None] | None = None
        self._away_until_s: float | None = None

    def count(self, conversations: Sequence[Conversation]) -> list[TokenCount]:
        """A count for each, in their order; those that nothing could count are estimated."""
        spoken = backend.settings_from_django()
        tokenizer, version = self._read_tokenizer()
        keys = [_key(spoken, version, each) for each in conversations]
        missing = {
            key: each for key, each in zip(keys, conversations, strict=True) if self._found(key) is None
        }
        if tokenizer is not None:
            self._keep(_by_tokenizer(tokenizer, spoken, missing))
        elif missing and not self._is_away():
            self._keep(self._by_backend(spoken, missing))
        return [
            self._found(key) or token_counts.estimated_of(each)
            for key, each in zip(keys, conversations, strict=True)
        ]

    def _found(self, key: bytes) -> TokenCount | None:
        with self._lock:
            if (found := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
            return found

    def _keep(self, counted: dict[bytes, TokenCount]) -> None:
        with self._lock:
            self._kept.update(counted)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)

    def _read_tokenizer(self) -> tuple[FileTokenizer | None, str]:
        """The file's tokenizer as it is now, read once, and a name of that state; None where none is set."""
        path = settings.TOKENIZER_FILE
        if not path:
            return None, ""
        with self._lock:
            try:
                state = Path(path).stat()
                version = (str(path), state.st_ino, state.st_size, state.st_mtime_ns)
                if self._tokenizer is None or self._tokenizer[0] != version:
                    # Noted before it is read: one that cannot be used is not read again and again.
                    self._tokenizer = (version, None)
                    self._tokenizer = (version, token_counts.load(Path(path)))
            except (OSError, SpecError) as fault:
                logger.warning("tokenizer unusable: %s", fault)
                return None, ""
            return self._tokenizer[1], repr(version)

    def _by_backend(
        self, spoken: BackendSettings, missing: dict[bytes, Conversation]
    ) -> dict[bytes, TokenCount]:
        outcomes: list[backend_tokens.Counted] = []

        def ask() -> None:
            asked = backend_tokens.count(spoken, list(missing.values()), timeout_s=BACKEND_TIMEOUT_S)
            outcomes.append(asyncio.run(asked))

        # In a thread that nobody has to wait for: no timeout of asyncio ends a look-up of a host's name.
        asking = threading.Thread(target=ask, name="token-count", daemon=True)
        asking.start()
        asking.join(BACKEND_TIMEOUT_S + GRACE_S)
        told, fault = outcomes[0] if outcomes else ([], BackendUnavailable(f"silent: {spoken.url}"))
        if fault is not None:
            logger.info("tokens not counted by the backend: %s", fault)
            self._away_until_s = time.monotonic() + AWAY_S
        return dict(zip(missing, told, strict=False))

    def _is_away(self) -> bool:
        return self._away_until_s is not None and time.monotonic() < self._away_until_s


_COUNTER = Counter()


def count(conversations: Sequence[Conversation]) -> list[TokenCount]:
    """What this process's counter says. Not from inside an event loop."""
    return _COUNTER.count(conversations)


def _by_tokenizer(
    tokenizer: FileTokenizer, spoken: BackendSettings, missing: dict[bytes, Conversation]
) -> dict[bytes, TokenCount]:
    counted = {}
    for key, messages in missing.items():
        try:
            counted[key] = tokenizer.count(messages, dialect=spoken.dialect, chat_format=spoken.chat_format)
        except ValueError:
            # A format that cannot express it: the model will refuse it, and it costs nothing.
            counted[key] = token_counts.estimated_of(messages)
    return counted


def _key(spoken: BackendSettings, version: str, messages: Conversation) -> bytes:
    """A digest, not the texts: they are somebody's work, and long."""
    asked = [
        spoken.url,
        spoken.model,
        spoken.revision,
        spoken.dialect,
        spoken.chat_format,
        dict(spoken.extra_body),
        version,
        [[each.role, each.content] for each in messages],
    ]
    return hashlib.sha256(json.dumps(asked).encode()).digest()
