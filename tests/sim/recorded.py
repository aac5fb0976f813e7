"""Weeks of the simulator as logs, for programs that read a desk's log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proto.v1.envelope_pb2 import Batch
from sim.audit import Auditor
from sim.desk import policy_named
from sim.past import Past, read
from sim.shop import Contact, Shop
from sim.week import DESK_ID, Week
from tests.tools.made import MadeLogs

RING_S = 5.0


class Recorder(Auditor):
    """Writes a log of what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.logs = MadeLogs()

    def take(self, topic: str, now_ms: int, events: Sequence[Any]) -> None:
        """Each decision is a batch."""
        batch = Batch(epoch=1, seq=self.logs.seqs[topic], now_ms=now_ms)
        batch.events.extend(event.SerializeToString() for event in events)
        self.logs.append(topic, batch)
        self.logs.seqs[topic] += 1


class Distracted(Week):
    """A week of people who leave their desks for ten minutes of each forty, one after the other, without a
    word: what is offered to them meanwhile rings out."""

    def _picks_up(self, agent_id: str, i: int, offer_id: str) -> None:
        turn = self._now_ms() // 600_000 + sorted(self.desks).index(agent_id)
        if turn % 4:
            super()._picks_up(agent_id, i, offer_id)


def record(shop: Shop, contacts: Sequence[Contact], policy: str, people: type[Week] = Week) -> MadeLogs:
    """The log of a week under a preset."""
    recorder = Recorder()
    people(shop, contacts, policy_named(policy), RING_S, recorder).run()
    return recorder.logs


def past_of(shop: Shop, contacts: Sequence[Contact], policy: str, people: type[Week] = Week) -> Past:
    """The same week as it is read back, from its opening to its end."""
    hours = Week(shop, (), policy_named(policy)).hours
    end_ms = hours.clock_ms(shop.days * hours.day_ms - 1) + 1
    return read(record(shop, contacts, policy, people), DESK_ID, hours.start_ms, end_ms)
