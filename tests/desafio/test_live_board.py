"""The board in memory: who gets what, in which order, and what an announcement may not do."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
from typing import Any

import pytest

from desafio.live import answers, board
from desafio.live.answers import Answer
from desafio.live.board import NOTHING_YET, LiveBoard, MalformedBoard, Snapshot
from desafio.live.stream import BYE, HEARTBEAT, Message, Streams

START: Message = {"type": "http.response.start", "status": 200, "headers": []}


def _snapshot(version: int, *, frozen: bool = False, rows: int = 1, **extra: Any) -> Snapshot:
    content = {
        "challenge": "energia",
        "phase": "fase-1",
        "version": version,
        "generated_at": f"at {version}",
        "frozen": frozen,
        "rows": [
            {
                "participation": f"p{number}",
                "rank": number,
                "tied": False,
                "score": f"{100 - number}.{version}",
            }
            for number in range(1, rows + 1)
        ],
        **extra,
    }
    return Snapshot(json.dumps(content, separators=(",", ":")).encode())


def _names(events: bytes) -> list[str]:
    return [line[7:].decode() for line in events.split(b"\n") if line.startswith(b"event: ")]


def _ids(events: bytes) -> list[str]:
    return [line[4:].decode() for line in events.split(b"\n") if line.startswith(b"id: ")]


def _grown(*, to: int, rows: int = 20) -> tuple[LiveBoard, list[Snapshot]]:
    snapshots = [_snapshot(version, rows=rows) for version in range(1, to + 1)]
    live = LiveBoard(snapshots[0])
    for snapshot in snapshots[1:]:
        assert live.announce(snapshot)
    return live, snapshots


def _one_row_moves(version: int, rows: int = 50) -> Snapshot:
    """Only the first row differs from version to version, so that a change is much shorter than the board."""
    content = _snapshot(1, rows=rows).content | {"version": version, "generated_at": f"at {version}"}
    content["rows"][0]["score"] = f"200.{version}"
    return Snapshot(json.dumps(content).encode())


def test_who_has_nothing_or_something_unknown_gets_the_whole_board() -> None:
    live, snapshots = _grown(to=3)
    for unknown in ("", "99", "3-0000000000000000", "x" * 100, "0"):
        assert live.cursor_of(unknown) == NOTHING_YET, unknown
    assert _names(live.missed_since(NOTHING_YET)) == ["board"]
    assert _ids(live.missed_since(NOTHING_YET)) == [snapshots[-1].id]


def test_who_comes_back_gets_exactly_what_was_missed() -> None:
    live = LiveBoard(_one_row_moves(1))
    snapshots = [live.current, *(_one_row_moves(version) for version in range(2, 7))]
    for snapshot in snapshots[1:]:
        live.announce(snapshot)
    for had in range(6):
        for last_id in (snapshots[had].id, str(snapshots[had].version)):
            missed = live.missed_since(live.cursor_of(last_id))
            assert _ids(missed) == [snapshot.id for snapshot in snapshots[had + 1 :]]
            assert set(_names(missed)) <= {"rows"}


def test_the_whole_board_is_sent_where_it_is_shorter_than_the_changes() -> None:
    live, snapshots = _grown(to=30, rows=3)
    assert _names(live.missed_since(live.cursor_of(snapshots[0].id))) == ["board"]


def test_the_ring_is_bounded_by_number_and_by_bytes() -> None:
    live = LiveBoard(_one_row_moves(1))
    for version in range(2, board.RING_CHANGES + 10):
        live.announce(_one_row_moves(version))
    assert live.cursor_of("1") == NOTHING_YET
    assert live.cursor_of("9") != NOTHING_YET

    large, _ = _grown(to=12, rows=1000)
    assert large.cursor_of("1") == NOTHING_YET
    assert large.cursor_of("11") != NOTHING_YET


def test_late_doubled_and_unfrozen_announcements_are_ignored() -> None:
    live = LiveBoard(_snapshot(5))
    assert not live.announce(_snapshot(5))
    assert not live.announce(_snapshot(4))
    assert live.announce(_snapshot(6, frozen=True))
    assert not live.announce(_snapshot(7)), "only the database may lift a freeze"
    assert live.announce(_snapshot(7, frozen=True))
    assert live.current.version == 7


def test_a_freeze_reaches_who_has_the_same_version_unfrozen() -> None:
    live = LiveBoard(_snapshot(5))
    before = live.current
    assert live.correct(_snapshot(5, frozen=True), seen_at=live.sequence)
    for last_id in (before.id, "5"):
        missed = live.missed_since(live.cursor_of(last_id))
        assert _names(missed) == ["board"]
        assert b'"frozen":true' in missed
    assert live.missed_since(live.cursor_of(live.current.id)) == b""


def test_the_database_may_go_back_but_not_behind_news_that_came_meanwhile() -> None:
    live = LiveBoard(_snapshot(8))
    assert live.correct(_snapshot(3), seen_at=live.sequence), "a restored backup"
    seen_at = live.sequence
    assert live.announce(_snapshot(4))
    assert not live.correct(_snapshot(3), seen_at=seen_at)
    assert not live.correct(_snapshot(4), seen_at=live.sequence), "the same bytes are no change"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"nope",
        b"\xff\xfe",
        b'{"version": 1}',
        b"[" * 100_000,
        json.dumps({"version": 1, "frozen": 0, "challenge": "a", "phase": "b", "rows": [1]}).encode(),
        json.dumps(
            {"version": 1, "frozen": 0, "challenge": "a", "phase": "b", "rows": []}, indent=1
        ).encode(),
    ],
)
def test_what_is_no_board_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedBoard):
        Snapshot(body)


def _header(answer: Answer, name: bytes) -> bytes | None:
    return dict(answer.headers).get(name)


def test_a_board_is_compressed_once_and_only_for_who_takes_it() -> None:
    snapshot = _snapshot(1, rows=100)
    plain = answers.board(snapshot, {})
    packed = answers.board(snapshot, {b"accept-encoding": b"br, GZIP;q=0.5"})
    assert plain.body == snapshot.body
    assert gzip.decompress(packed.body) == snapshot.body
    assert answers.board(snapshot, {b"accept-encoding": b"gzip"}).body is packed.body
    assert _header(packed, b"content-encoding") == b"gzip"
    assert _header(packed, b"etag") != _header(plain, b"etag"), "other bytes, another strong tag"
    assert answers.board(snapshot, {b"accept-encoding": b"gzip; q=0, identity"}).body == snapshot.body


@pytest.mark.parametrize("shape", ["{}", "W/{}", '"other", {}', "*"])
def test_who_has_the_board_gets_304(shape: str) -> None:
    snapshot = _snapshot(1, rows=100)
    for encoding in (b"", b"gzip"):
        tag = _header(answers.board(snapshot, {b"accept-encoding": encoding}), b"etag")
        assert tag is not None
        again = answers.board(snapshot, {b"if-none-match": shape.format(tag.decode()).encode()})
        assert (again.status, again.body) == (304, b"")
    assert answers.board(snapshot, {b"if-none-match": b'"1-0000000000000000"'}).status == 200


class Reader:
    """A client of a stream: keeps what was sent, and stops reading while ``reads`` is not set."""

    def __init__(self) -> None:
        self.got = b""
        self.reads = asyncio.Event()
        self.reads.set()
        self.left = asyncio.Event()
        self.heard = asyncio.Event()

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        self.got += message.get("body", b"")
        self.heard.set()

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def until(self, text: bytes) -> None:
        async with asyncio.timeout(5):
            while text not in self.got:
                self.heard.clear()
                await self.heard.wait()


def _follow(streams: Streams, live: LiveBoard, reader: Reader, last_id: str = "") -> asyncio.Task[None]:
    return asyncio.create_task(
        streams.follow(live, last_id=last_id, start=START, receive=reader.receive, send=reader.send)
    )


def test_a_client_that_does_not_read_holds_nobody_up_and_gets_one_whole_board() -> None:
    async def story() -> None:
        live, streams = LiveBoard(_one_row_moves(1)), Streams(limit=10)
        slow, quick = Reader(), Reader()
        tasks = [_follow(streams, live, reader) for reader in (slow, quick)]
        for reader in (slow, quick):
            await reader.until(live.current.id.encode())
        slow.reads.clear()
        for version in range(2, board.RING_CHANGES + 100):
            live.announce(_one_row_moves(version))
            await quick.until(live.current.id.encode())
        slow.reads.set()
        await slow.until(live.current.id.encode())
        # The one change that it was stuck at, and then the board as it is.
        assert _names(slow.got) == ["board", "rows", "board"]
        assert _names(quick.got).count("board") == 1
        streams.close()
        await asyncio.gather(*tasks)
        assert slow.got.endswith(BYE)

    asyncio.run(story())


def test_who_leaves_is_forgotten() -> None:
    async def story() -> None:
        live, streams, reader = LiveBoard(_snapshot(1)), Streams(limit=10), Reader()
        task = _follow(streams, live, reader)
        await reader.until(b"event: board")
        assert len(streams) == len(live.wakers) == 1
        reader.left.set()
        await asyncio.wait_for(task, 5)
        assert len(streams) == len(live.wakers) == 0

    asyncio.run(story())


def test_no_more_streams_than_allowed_and_none_at_the_end() -> None:
    async def story() -> None:
        live, streams = LiveBoard(_snapshot(1)), Streams(limit=2)
        readers = [Reader(), Reader()]
        assert streams.takes_more
        tasks = [_follow(streams, live, reader) for reader in readers]
        for reader in readers:
            await reader.until(b"event: board")
        assert not streams.takes_more
        readers[0].left.set()
        await asyncio.wait_for(tasks[0], 5)
        assert streams.takes_more
        streams.close()
        await asyncio.wait_for(tasks[1], 5)
        assert not streams.takes_more

    asyncio.run(story())


def test_a_quiet_stream_beats_so_that_proxies_keep_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desafio.live.stream.HEARTBEAT_S", 0.05)
    monkeypatch.setattr("desafio.live.stream.HEARTBEAT_SPREAD_S", 0.0)

    async def story() -> None:
        live, streams, reader = LiveBoard(_snapshot(1)), Streams(limit=2), Reader()
        beating = asyncio.create_task(streams.beat())
        task = _follow(streams, live, reader, last_id=live.current.id)
        await reader.until(HEARTBEAT)
        assert _names(reader.got) == [], "who is up to date hears nothing but the beat"
        beating.cancel()
        streams.close()
        await asyncio.wait_for(task, 5)

    asyncio.run(story())


def test_everybody_gets_the_very_same_bytes_object() -> None:
    live, _ = _grown(to=2)
    cursors = itertools.repeat(live.sequence - 1, 3)
    first, *others = (live.missed_since(cursor) for cursor in cursors)
    assert all(other is first for other in others)
