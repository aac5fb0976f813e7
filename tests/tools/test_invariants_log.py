"""What must hold of the logs and the states: each way of breaking it is found and named."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from proto.v1 import conversations_pb2 as cv
from proto.v1 import routing_pb2 as rt
from proto.v1 import sla_pb2 as sl
from proto.v1.envelope_pb2 import Batch, InputPosition
from tests.tools.made import START_MS, MadeLogs
from tools.invariants.state import Kept

Body = tuple[str, Any]


@pytest.fixture
def logs() -> MadeLogs:
    """Empty logs, claimed."""
    return MadeLogs()


def queued(conversation_id: str, human_only: bool = False) -> Body:
    """A conversation waits."""
    return "queued", rt.ConversationQueued(conversation_id=conversation_id, human_only=human_only)


class TestLog:
    """(6) seq has no gaps, nothing runs backwards, no effect before its cause."""

    def test_gap(self, logs: MadeLogs) -> None:
        """A batch that is missing is found."""
        logs.batch("routing", queued("c1"))
        logs.seqs["routing"] = 2
        logs.batch("routing", queued("c2"))
        assert ["seq 2 where 1 should be" in line for line in logs.violations()] == [True]

    def test_deposed(self, logs: MadeLogs) -> None:
        """A late batch of a deposed writer and a doubled append are skipped and no violation."""
        logs.batch("routing", queued("c1"))
        late = Batch.FromString(logs.logs["routing"][-1])
        logs.append("routing", late)
        logs.append("routing", Batch(epoch=2, now_ms=logs.now_ms))
        late.seq = 1
        logs.append("routing", late)
        report = logs.report()
        assert (report.violations, report.counts["fenced batches"]) == ([], 2)

    def test_unclaimed_epoch(self, logs: MadeLogs) -> None:
        """A batch of an epoch that nobody claimed is found."""
        logs.append("routing", Batch(epoch=7, seq=0, now_ms=START_MS, events=[b"x"]))
        assert ["epoch 7, which nobody claimed" in line for line in logs.violations()] == [True]

    def test_time_goes_back(self, logs: MadeLogs) -> None:
        """A batch that is earlier than the one before is found."""
        logs.batch("routing", queued("c1"))
        logs.at(-1)
        logs.batch("routing", queued("c2"))
        assert ["time goes back by 1000 ms" in line for line in logs.violations()] == [True]

    def test_a_claim_that_landed_late_is_no_step_back(self, logs: MadeLogs) -> None:
        """A claim decides nothing: one with an earlier time is fine, a batch behind it with one is not."""
        logs.batch("routing", queued("c1"))
        logs.append("routing", Batch(epoch=2, now_ms=START_MS - 60_000))
        assert logs.violations() == []

    def test_position_goes_back(self, logs: MadeLogs) -> None:
        """A position that goes back is found."""
        logs.batch("conversations", ("message", cv.MessageReceived()), cause_id="inbound/0/0", origin_id="")
        logs.batch("routing", queued("c1"), read=[logs.read("conversations")])
        logs.batch("routing", queued("c2"), read=[InputPosition(topic="conversations", offset=1, epoch=1)])
        assert any("its position on conversations goes back" in line for line in logs.violations())

    def test_reads_ahead(self, logs: MadeLogs) -> None:
        """A position beyond a topic's end is found."""
        logs.batch("routing", queued("c1"), read=[InputPosition(topic="sla", offset=9, epoch=1)])
        assert ["has read sla beyond its end 1" in line for line in logs.violations()] == [True]

    def test_effect_before_cause(self, logs: MadeLogs) -> None:
        """A target that the router read before the conversation that it is about is found."""
        logs.received("r1")
        message = ("message", cv.MessageReceived())
        logs.batch(
            "conversations", message, cause_id="inbound/0/0", origin_id="r1", read=[logs.read("inbound")]
        )
        start = sl.TargetStarted(target_id="t1", due_at_ms=START_MS + 1)
        logs.batch("sla", ("started", start), read=[logs.read("conversations")])
        logs.batch("routing", queued("c1"), read=[logs.read("sla")])
        assert [
            "has read sla@1 before what that follows from in conversations" in x for x in logs.violations()
        ] == [True]

    def test_wrong_fence(self, logs: MadeLogs) -> None:
        """A place whose epoch and seq are not those of the log there is found."""
        logs.batch("sla", ("conversation", sl.SlaConversationSeen()))
        wrong = InputPosition(topic="sla", offset=2, epoch=1, next_seq=5)
        logs.batch("routing", queued("c1"), read=[wrong])
        assert ["its fence of sla at 2 is not the log's" in line for line in logs.violations()] == [True]


class Counting:
    """An engine that counts its events, and may lose one on loading."""

    STATE_VERSION = 1

    def __init__(self, forgets: bool = False) -> None:
        self.forgets = forgets

    def initial(self) -> list[int]:
        """Nothing counted."""
        return [0]

    def evolve(self, state: list[int], event: Any) -> None:
        """Count one; a conversation without a name cannot be folded."""
        if event.WhichOneof("body") == "queued" and not event.queued.conversation_id:
            raise ValueError("no name")
        state[0] += 1

    def dump(self, state: list[int]) -> bytes:
        """The count."""
        return str(state[0]).encode()

    def load(self, data: bytes) -> list[int]:
        """The count, or one less."""
        return [int(data) - self.forgets]

    def next_deadline_ms(self, state: list[int]) -> int | None:
        """Never."""
        return None


class TestState:
    """(6) hash(state) is the same from zero and from every snapshot on."""

    def three(self, logs: MadeLogs) -> None:
        """Three batches of one event."""
        for name in ("c1", "c2", "c3"):
            logs.batch("routing", queued(name))

    def lines(self, logs: MadeLogs, engine: Counting) -> list[str]:
        """What the check finds with this engine on routing."""
        return [violation.what for violation in logs.report(routing=engine).violations]

    def test_same(self, logs: MadeLogs) -> None:
        """A snapshot that is the fold at its place is as it should be."""
        self.three(logs)
        logs.kept["routing"] = [Kept(3, 2, 1, b"2")]
        report = logs.report(routing=Counting())
        assert report.violations == []
        assert report.hashes == {"routing/0": hashlib.sha256(b"3").hexdigest()[:16]}

    def test_wrong_snapshot(self, logs: MadeLogs) -> None:
        """A snapshot that is not the fold of the log is found."""
        self.three(logs)
        logs.kept["routing"] = [Kept(3, 2, 1, b"1")]
        assert "the snapshot there is not the fold of the log" in self.lines(logs, Counting())

    def test_other_version(self, logs: MadeLogs) -> None:
        """A snapshot of another state version is thrown away, and so not judged."""
        self.three(logs)
        logs.kept["routing"] = [Kept(3, 2, 9, b"other")]
        assert self.lines(logs, Counting()) == []

    def test_wrong_load(self, logs: MadeLogs) -> None:
        """A load that makes another state than was dumped is found."""
        self.three(logs)
        assert self.lines(logs, Counting(forgets=True)) == ["the state is another one after a restore"]

    def test_beyond_the_end(self, logs: MadeLogs) -> None:
        """A snapshot of what is not on the log is found."""
        self.three(logs)
        logs.kept["routing"] = [Kept(9, 8, 1, b"8")]
        assert self.lines(logs, Counting()) == ["a snapshot lies past the end of the log"]

    def test_unfoldable(self, logs: MadeLogs) -> None:
        """An event that the engine cannot fold is found, with its place."""
        logs.batch("routing", queued(""))
        assert self.lines(logs, Counting()) == ["cannot be folded: ValueError: no name"]
