"""How late promises fired, judged by partition and by when that partition stood still.

A promise may fire later than it was due only if its partition stood still then, and no later than `SLACK_MS`
after that was over. A pause excuses only what was not late before it began: what is missed in a calm phase
stays missed, however long another desk, or the same one an hour later, stood still.

A partition stood still from when something was appended until it was decided, if that took longer than
`STILL_MS`: measured by `bench.waits` for ingest, and read from the log for sla, whose events name their
cause. While sla has no owner it writes nothing at all: from its last batch until the take-over. And a
partition stands still while a broker that is stopped leads one of its logs, since deadlines wait until all
that came before them was read, or follows in one and is not given up yet, since nothing is acknowledged
without it: `bench.storm`, who stopped it, asks the others for how long. However many pauses follow each
other, they excuse no more than `EXCUSED_MS_MAX`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.waits import STILL_MS, Pause
from proto.v1.envelope_pb2 import Batch
from proto.v1.sla_pb2 import TARGET_KIND_RESOLUTION, SlaEvent
from services.kernel.claims import Fence, is_claim
from services.sla.engine import INPUTS, TOPIC
from tools.invariants import SLACK_MS, Source

EXCUSED_MS_MAX = 30_000
"""For so long a partition may stand still when several things are away at once."""
SHOWN_MAX = 20
"""Late promises that are told one by one."""


def lateness(log: Source, measured: Mapping[int, Sequence[Pause]]) -> dict[str, Any]:
    """How late promises fired, ms, counted from when they were due or from the end of the pause that they
    fell into; "late": in words, those above `SLACK_MS`. measured: pauses by partition, ingest's and the
    brokers'."""
    found: list[tuple[int, str]] = []
    for partition in log.partitions():
        pauses = merged([*measured.get(partition, ()), *_pauses_of_sla(log, partition)])
        found += (
            (late_ms(due_ms, fired_ms, pauses), f"partition {partition}: {what}")
            for due_ms, fired_ms, what in _fired(log, partition)
        )
    late = sorted(one for one, _ in found) or [0]
    return {
        "fired_late_ms": {"p99": late[int(len(late) * 0.99)], "max": late[-1]},
        "late": [f"{what} {ms} ms late" for ms, what in found if ms > SLACK_MS][:SHOWN_MAX],
    }


def merged(pauses: Sequence[Pause]) -> list[Pause]:
    """The same time as pauses that do not touch each other, in order."""
    found: list[Pause] = []
    for one in sorted(pauses):
        if found and one.since_ms <= found[-1].until_ms:
            found[-1] = Pause(found[-1].since_ms, max(found[-1].until_ms, one.until_ms))
        else:
            found.append(one)
    return found


def late_ms(due_ms: int, fired_ms: int, pauses: Sequence[Pause]) -> int:
    """How late something fired that could not while its partition stood still. pauses: as `merged`."""
    could_ms = due_ms
    for one in pauses:
        if one.since_ms > could_ms + SLACK_MS:
            break  # it was late already
        could_ms = min(max(could_ms, one.until_ms), due_ms + EXCUSED_MS_MAX)
    return max(0, fired_ms - could_ms)


def batches(log: Source, topic: str, partition: int) -> Iterator[tuple[int, Batch]]:
    """The valid ones and the valid claims, each with when it was appended, Unix ms."""
    fence = Fence()
    for record in log.records(topic, partition):
        batch = Batch.FromString(record.value)
        if fence.admit(batch):
            yield record.at_ms, batch


def _pauses_of_sla(log: Source, partition: int) -> Iterator[Pause]:
    came_ms = {
        f"{topic}/{partition}/{batch.seq}": batch.now_ms
        for topic in INPUTS
        for _, batch in batches(log, topic, partition)
        if not is_claim(batch)
    }
    last_ms = 0
    for _, batch in batches(log, TOPIC, partition):
        if is_claim(batch) and last_ms:
            yield Pause(last_ms, batch.now_ms)
        for value in batch.events:
            cause, _, _ = SlaEvent.FromString(value).cause_id.rpartition("/")
            since_ms = came_ms.get(cause, batch.now_ms)
            if batch.now_ms - since_ms > STILL_MS:
                yield Pause(since_ms, batch.now_ms)
        last_ms = batch.now_ms


@dataclass
class _Promise:
    """started_ms: what it counts from; since_ms: from when on it could fire; answers: those under way in its
    conversation, each with its mailbox time."""

    answers: dict[str, int]
    started_ms: int
    is_resolution: bool
    due_ms: int
    warn_ms: int
    since_ms: int
    is_paused: bool = False
    is_breached: bool = False

    def is_held_by(self, answered_ms: int) -> bool:
        """Whether an answer of that time keeps it from firing."""
        return not self.is_resolution and answered_ms >= self.started_ms

    def is_held(self) -> bool:
        """Whether it may not fire now."""
        return self.is_paused or any(map(self.is_held_by, self.answers.values()))


class _Promises:
    """Those of a partition that run. told: of each firing, when it was to be, when it was, and what fired."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int, str]] = []
        self._running: dict[str, _Promise] = {}
        self._answers: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def take(self, name: str, at_ms: int, body: Any) -> None:
        """The next event of sla."""
        if name == "started":
            self._running[body.target_id] = _Promise(
                self._answers[body.conversation_id],
                body.started_at_ms,
                body.kind == TARGET_KIND_RESOLUTION,
                body.due_at_ms,
                body.warn_at_ms,
                at_ms,
            )
        elif name == "reply_suspended":
            self._answers[body.conversation_id][body.reply_id] = body.replied_at_ms
        elif name == "reply_settled":
            answers = self._answers[body.conversation_id]
            answered_ms = answers.pop(body.reply_id, -1)
            for one in self._running.values():
                if one.answers is answers and one.is_held_by(answered_ms):
                    one.since_ms = at_ms
        elif name in ("paused", "resumed", "warned", "breached", "met", "cancelled"):
            promise = self._running.get(body.target_id)
            if promise is not None:
                getattr(self, f"_{name}")(promise, at_ms, body)

    def finish(self, at_ms: int) -> None:
        """The log ends."""
        for target_id, promise in self._running.items():
            self._forgotten(promise, at_ms, target_id)

    def _paused(self, promise: _Promise, _at_ms: int, _body: Any) -> None:
        promise.is_paused = True

    def _resumed(self, promise: _Promise, at_ms: int, body: Any) -> None:
        promise.is_paused = False
        promise.due_ms, promise.warn_ms, promise.since_ms = body.due_at_ms, body.warn_at_ms, at_ms

    def _warned(self, promise: _Promise, at_ms: int, body: Any) -> None:
        self._fires(promise, promise.warn_ms, at_ms, f"{body.target_id} warned")

    def _breached(self, promise: _Promise, at_ms: int, body: Any) -> None:
        self._fires(promise, promise.due_ms, at_ms, f"{body.target_id} breached")
        promise.is_breached = True

    def _fires(self, promise: _Promise, due_ms: int, at_ms: int, what: str) -> None:
        if not promise.is_held():  # a held one is told when it is met, and has no time of its own
            self.told.append((max(due_ms, promise.since_ms), at_ms, what))

    def _met(self, promise: _Promise, at_ms: int, body: Any) -> None:
        self._forgotten(promise, at_ms, body.target_id)
        del self._running[body.target_id]

    _cancelled = _met

    def _forgotten(self, promise: _Promise, at_ms: int, target_id: str) -> None:
        """It is over by then and did not breach."""
        if at_ms > promise.due_ms and not promise.is_breached:
            self._fires(promise, promise.due_ms, at_ms, f"{target_id} did not breach and is")


def _fired(log: Source, partition: int) -> Sequence[tuple[int, int, str]]:
    promises, now_ms = _Promises(), 0
    for _, batch in batches(log, TOPIC, partition):
        now_ms = batch.now_ms
        for event in map(SlaEvent.FromString, batch.events):
            name = event.WhichOneof("body") or ""
            promises.take(name, now_ms, getattr(event, name, None))
    promises.finish(now_ms)
    return promises.told
