"""Server-sent events as the OpenAI servers write them: bytes in, the data of each event out.

Only data is of interest; names, ids and comments are passed over. Anything that is no event stream (HTML, a
bare JSON) is an error, so that it can never be taken for an empty answer.
Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from scoring.errors import BackendProtocolError

# A line of a stream is one token's JSON: some hundred bytes.
LONGEST_LINE_BYTES = 1_000_000
OTHER_FIELDS = (b":", b"event", b"id", b"retry")


class EventStream:
    """Feed it what comes from the network, in whatever pieces; each call gives the events completed by it."""

    def __init__(self) -> None:
        self._unread = b""
        self._data: list[bytes] = []

    def feed(self, received: bytes) -> list[bytes]:
        """Raises BackendProtocolError for a line that no event stream has."""
        *lines, self._unread = (self._unread + received).split(b"\n")
        if len(self._unread) > LONGEST_LINE_BYTES:
            raise BackendProtocolError("a line of the stream has no end")
        events: list[bytes] = []
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line:
                if self._data:
                    events.append(b"\n".join(self._data))
                    self._data = []
            elif line.startswith(b"error:"):
                # llama.cpp's older servers tell a fault in mid-stream under this name.
                raise BackendProtocolError("the backend told an error in the middle of its answer")
            elif not line.startswith(OTHER_FIELDS):
                raise BackendProtocolError("the answer is no event stream")
        return events
