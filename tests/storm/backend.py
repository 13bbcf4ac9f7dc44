"""The storm's inference backend, a process of its own: ``python -m tests.storm.backend --answer-ms 40``.

It speaks what ``tests.scripted_backend`` speaks and answers as ``truth`` says, over a little time, and counts
for each case of each submission how often it answered whole and how often its caller went away before. It
prints its address when it listens; ``GET /counts`` gives the counts as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections import Counter
from dataclasses import dataclass

from tests.scripted_backend import Answer, Received, ScriptedBackend, chat_events, models
from tests.storm import truth

COUNTS_PATH = "/counts"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answer-ms", type=int, default=0)
    backend = StormBackend(answer_s=parser.parse_args().answer_ms / 1000)
    stops = (signal.SIGTERM, signal.SIGINT)
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    backend.start()
    print(backend.url, flush=True)
    signal.sigwait(stops)
    backend.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAnswer(Answer):
    """The answer to one case of one submission, which the counts are kept for."""

    asked: tuple[int, int]


class StormBackend(ScriptedBackend):
    """Answers each case ``answer_s`` after it was asked, if whoever asked is still there."""

    def __init__(self, *, answer_s: float) -> None:
        super().__init__(self._script_of_the_storm)
        self._answer_s = answer_s
        self._whole: Counter[tuple[int, int]] = Counter()
        self._cut: Counter[tuple[int, int]] = Counter()

    def _script_of_the_storm(self, received: Received) -> Answer:
        # It keeps counts, not requests: a long storm would else fill the memory.
        self.received.clear()
        if received.path.endswith("/models"):
            return models()
        if received.path == COUNTS_PATH:
            return Answer(pieces=[self._counts()], content_type="application/json")
        asked = truth.asked(received.body["messages"])
        if asked is None:
            return Answer(status=400)
        answer = truth.answer_to(*asked)
        usage = {"prompt_tokens": answer.prompt_tokens, "completion_tokens": answer.completion_tokens}
        return CaseAnswer(pieces=chat_events(answer.text, usage=usage), asked=asked)

    def _counts(self) -> bytes:
        """``{"whole": [[submission, case, count], …], "cut": […]}``"""
        kept = {"whole": self._whole, "cut": self._cut}
        told = {name: [[*asked, count] for asked, count in counts.items()] for name, counts in kept.items()}
        return json.dumps(told).encode()

    async def _send(self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if not isinstance(answer, CaseAnswer):
            return await super()._send(answer, reader, writer)
        try:
            await asyncio.sleep(self._answer_s)
            if reader.at_eof() or writer.is_closing():
                raise ConnectionResetError
            goes_on = await super()._send(answer, reader, writer)
        except ConnectionError:
            self._cut[answer.asked] += 1
            raise
        self._whole[answer.asked] += 1
        return goes_on


if __name__ == "__main__":
    main()
