"""Telemetry: what the loops commit, what the states hold and what must never be stands in the text."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proto.v1.desk_pb2 import AGENT_KIND_HUMAN, PRESENCE_STATE_ONLINE, Account, Agent, DeskConfig, Queue
from proto.v1.envelope_pb2 import InputPosition
from proto.v1.inbound_pb2 import (
    QUARANTINE_REASON_MALFORMED,
    REQUEST_KIND_ACCEPT,
    REQUEST_KIND_RESOLVE,
    AgentRequest,
    DeskPut,
    Inbound,
    PresencePut,
    Unparsed,
)
from services.ingest import shell as ingest
from services.notify import shell as notify
from services.router import shell as router
from services.router.figures import Figures
from services.runtime import telemetry
from services.runtime.auth import Auth
from services.runtime.blobs import MemoryBlobs
from services.runtime.clock import ManualClock
from services.runtime.keys import MemoryKeys
from services.runtime.log_memory import MemoryLog
from services.runtime.loop import Committed, Loop
from services.runtime.main import App
from services.runtime.metrics import RULES, Metrics
from services.runtime.metrics_desks import SKILLS_MAX
from services.runtime.sealing import Sealing
from services.runtime.settings import Settings
from services.runtime.snapshots import MemorySnapshots
from services.runtime.sqlite_file import SqliteFile
from services.runtime.telemetry import Telemetry
from services.runtime.views import MemoryStore, Views
from services.sla import shell as sla
from tests.ingest.mailbox import h, record, says
from tests.runtime import toy

ROOT = Path(__file__).parents[2]
SAMPLE = re.compile(r"centrala_(\w+?)(?:\{(.*)\})? (\S+)")


class World:
    """The four loops over one log, and the text of /metrics."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        keys = MemoryKeys()
        self.log = MemoryLog(self.clock)
        views = Views(MemoryStore())
        self.app = App(
            Settings(),
            self.clock,
            self.log,
            keys,
            Sealing(bytes(32), keys, self.clock),
            MemoryBlobs(),
            MemorySnapshots(),
            views,
            Auth(views, b""),
        )
        for bind in (ingest.bind, router.bind, sla.bind, notify.bind, telemetry.bind):
            bind(self.app)

    async def append(self, *records: Inbound) -> None:
        """Append to the mailbox."""
        for one in records:
            await self.log.append("inbound", 0, [one.SerializeToString()])

    async def values(self) -> dict[tuple[str, str], float]:
        """What a scrape says: by name and labels as they are written."""
        text = (await self.app.metrics.scrape()).decode()
        found = (SAMPLE.fullmatch(line) for line in text.splitlines())
        return {(m[1], m[2] or ""): float(m[3]) for m in found if m is not None}

    async def until(self, name: str, labels: str, value: float) -> dict[tuple[str, str], float]:
        """Scrape until a number is as wanted."""
        for _ in range(2_000):
            values = await self.values()
            if values.get((name, labels)) == value:
                return values
            await asyncio.sleep(0)
        raise AssertionError(f"{name}{{{labels}}} is {values.get((name, labels))}, not {value}")

    async def with_an_owner_to_be(self) -> None:
        """A desk, an agent, and a conversation that is offered to her."""
        desk = DeskConfig(
            accounts=[Account(channel="chat", account="www", units=30)],
            queues=[Queue(name="all")],
            time_zone="Europe/Warsaw",
        )
        agent = Agent(agent_id="ola", kind=AGENT_KIND_HUMAN, capacity=100)
        online = PresencePut(agent_id="ola", state=PRESENCE_STATE_ONLINE, ttl_ms=3_600_000)
        await self.append(
            record("desk", desk=DeskPut(desk=desk, body_hash=h("desk"))),
            record("agent", agent=agent),
            record("online", presence=online),
            says("m1", "jan", channel="chat"),
        )
        await self.until("events_total", 'kind="offered",topic="routing"', 1)
        await self.until("events_total", 'kind="desk",topic="sla"', 1)
        await self.until("events_total", 'kind="route",topic="notices"', 1)
        self.clock.advance(telemetry.SETTLING_MS)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Start it, stop it."""
    made = World()
    await made.app.start()
    try:
        yield made
    finally:
        await made.app.stop()


async def test_committed_events_are_counted_by_topic_and_kind() -> None:
    """Each committed event counts once; kinds that never came stand at 0; batches and inputs add up."""
    async with world() as made:
        await made.with_an_owner_to_be()
        values = await made.values()
        kinds = {labels: value for (name, labels), value in values.items() if name == "events_total"}
        assert kinds['kind="message",topic="conversations"'] == 1
        assert kinds['kind="breached",topic="sla"'] == 0
        for topic, loop in made.app.loops.items():
            told = sum(value for labels, value in kinds.items() if f'topic="{topic}"' in labels)
            assert told == loop.tally.events > 0
            assert values["batches_total", f'topic="{topic}"'] == loop.tally.batches
            assert values["batch_events_count", f'topic="{topic}"'] == loop.tally.batches
            assert values["batch_events_sum", f'topic="{topic}"'] == loop.tally.events
            assert values["append_seconds_count", f'topic="{topic}"'] == loop.tally.batches
            assert values["engine_ready", f'topic="{topic}"'] == 1
        assert values["inputs_total", 'topic="conversations"'] >= 4
        assert values["skipped_inputs_total", 'topic="sla"'] == 0


async def test_what_is_counted_by_more_than_its_kind() -> None:
    """Messages by channel, quarantined records and refused requests by reason."""
    async with world() as made:
        await made.with_an_owner_to_be()
        wish = AgentRequest(
            agent_id="ola",
            kind=REQUEST_KIND_RESOLVE,
            conversation_id="cnone",
            requested_at_ms=made.clock.now_ms(),
            body_hash=h("wish"),
        )
        raw = Unparsed(channel="email", account="pomoc", reason=QUARANTINE_REASON_MALFORMED)
        await made.append(record("wish", request=wish), record("raw", unparsed=raw))
        await made.until("quarantined_total", 'reason="malformed"', 1)
        values = await made.until("requests_refused_total", 'reason="unknown_conversation"', 1)
        assert values["messages_total", 'channel="chat"'] == 1


async def test_what_is_open_is_read_from_the_states() -> None:
    """Gauges of open work are the engines' states at the moment of asking."""
    async with world() as made:
        await made.with_an_owner_to_be()
        values = await made.values()
        assert values["conversations", 'state="open"'] == 1
        assert values["conversations", 'state="waiting"'] == 0
        assert values["conversations", 'state="offered"'] == 1
        assert values["conversations", 'state="owned"'] == 0
        assert values["agents", 'kind="human",state="free"'] == 1
        assert values["capacity_units", 'kind="human",state="used"'] == 30
        assert values["capacity_units", 'kind="human",state="all"'] == 100
        assert values["streams_open", ""] == values["sends_open", 'state="due"'] == 0


async def test_each_hop_of_a_message_is_measured() -> None:
    """A message that finds a free agent is threaded once and offered once, and never stood in line."""
    async with world() as made:
        await made.with_an_owner_to_be()
        values = await made.values()
        counts = {
            hop: values["hop_seconds_count", f'hop="{hop}"'] for hop in ("threaded", "offered", "queued")
        }
        assert counts == {"threaded": 1, "offered": 1, "queued": 0}
        assert values["queued_total", 'reason="arrived"'] == 1


async def test_who_waits_stands_by_channel_and_skill() -> None:
    """Waiting conversations and the oldest of them stand under their channel and under each asked skill."""
    async with world() as made:
        desk = DeskConfig(
            accounts=[Account(channel="chat", account="www", units=30)],
            skills=["returns", "polish"],
            queues=[Queue(name="all", requires={"returns": 1, "polish": 2})],
            time_zone="Europe/Warsaw",
        )
        put = DeskPut(desk=desk, body_hash=h("desk"))
        await made.append(record("desk", desk=put), says("m1", "jan", channel="chat"))
        await made.until("waiting_conversations", 'channel="chat"', 1)
        made.clock.advance(90_000)
        await made.append(says("m2", "ewa", channel="chat"))
        values = await made.until("skill_waiting_conversations", 'skill="returns"', 2)
        assert values["skill_waiting_conversations", 'skill="polish"'] == 2
        assert values["waiting_oldest_seconds", 'channel="chat"'] == 90
        assert values["skill_waiting_oldest_seconds", 'skill="polish"'] == 90


async def test_skills_beyond_the_bound_are_one_series() -> None:
    """However many skills desks name, there are SKILLS_MAX series and one for the others."""
    metrics = Metrics()
    figures = Figures(metrics, ManualClock())
    labels = {figures._skill(f"skill {number}") for number in range(3 * SKILLS_MAX)}
    assert len(labels) == SKILLS_MAX + 1
    assert "other" in labels


async def test_an_accepted_offer_tells_how_long_everybody_waited() -> None:
    """Accepting ends the customer's wait, under the channel, and the offer's time, under its outcome."""
    async with world() as made:
        await made.with_an_owner_to_be()
        state = made.app.loops["routing"].state
        accept = AgentRequest(
            agent_id="ola",
            kind=REQUEST_KIND_ACCEPT,
            offer_id=next(iter(state.offers)),
            requested_at_ms=made.clock.now_ms(),
            body_hash=h("accept"),
        )
        await made.append(record("accept", request=accept))
        values = await made.until("conversations", 'state="owned"', 1)
        assert values["wait_seconds_count", 'channel="chat"'] == 1
        assert values["wait_seconds_sum", 'channel="chat"'] == telemetry.SETTLING_MS / 1000
        assert values["offer_seconds_sum", 'outcome="accepted"'] == telemetry.SETTLING_MS / 1000


async def test_a_loop_that_is_behind_shows_by_input() -> None:
    """Records that are not decided yet stand as lag under the writer and its input; none do at rest."""
    async with world() as made:
        await made.with_an_owner_to_be()
        values = await made.until("lag_records", 'input="conversations",topic="routing"', 0)
        assert values["lag_records", 'input="inbound",topic="conversations"'] == 0
        end = await made.log.end("inbound", 0)
        await made.append(*(says(f"more {n}", "jan", channel="chat") for n in range(3)))
        made.app.loops["conversations"]._covered["inbound"] = end
        telemetry_of = Telemetry(made.app.metrics, made.clock, made.log)
        telemetry_of._loops = {"conversations": [made.app.loops["conversations"]]}
        await telemetry_of._behind()
        text = made.app.metrics.render().decode()
        assert 'centrala_lag_records{input="inbound",topic="conversations"} 3.0' in text


async def test_the_loop_says_how_busy_it_was() -> None:
    """The benchmark finds the seconds of every loop under the name that it looks for."""
    looks = re.compile(rb'centrala_loop_busy_seconds_total\{topic="(\w+)"\} ([\d.e+-]+)')
    async with world() as made:
        made.app.loops["routing"].tally.busy_s = 0.00025
        found = dict(looks.findall(await made.app.metrics.scrape()))
        assert set(found) == {topic.encode() for topic in made.app.loops}
        assert float(found[b"routing"]) == 0.00025


async def test_a_late_deadline_shows() -> None:
    """A deadline that is decided late is counted with its lateness, and never as early."""
    async with world() as made:
        await made.with_an_owner_to_be()
        made.clock.advance(21_000)  # the offer expired after 20 s, of which 5 had passed
        await made.append(record("wake", "nowhere", presence=PresencePut(agent_id="nobody")))
        values = await made.until("events_total", 'kind="expired",topic="routing"', 1)
        assert values["deadline_late_seconds_sum", 'topic="routing"'] >= 6
        assert values["deadlines_total", 'topic="routing"'] >= 1


def break_capacity(made: World) -> None:
    """The offered conversation takes more than the agent has."""
    state = made.app.loops["routing"].state
    state.matcher.floors["d"].seats["ola"].held.update(dict.fromkeys(state.data.conversations, 101))


def break_two_states(made: World) -> None:
    """The offered conversation is with nobody."""
    made.app.loops["routing"].state.matcher.floors["d"].seats["ola"].held.clear()


def break_human_only(made: World) -> None:
    """A bot is offered what is for humans only."""
    state = made.app.loops["routing"].state
    state.data.desks["d"].agents["ola"].bot = True
    next(iter(state.data.conversations.values())).human_only = True


def break_outcome(made: World) -> None:
    """Ingest says that it has read a record, and what became of it is nowhere."""
    loop = made.app.loops["conversations"]
    position = InputPosition(topic="inbound", offset=loop.covered("inbound") + 1)
    loop._listeners[-1](Committed("conversations", 0, 0, 1, loop.place()[2], 0, (), (position,)))


@pytest.mark.parametrize(
    ("rule", "violate"),
    [
        ("capacity", break_capacity),
        ("two_states", break_two_states),
        ("human_only", break_human_only),
        ("outcome", break_outcome),
    ],
)
async def test_a_broken_invariant_shows(rule: str, violate: Callable[[World], None]) -> None:
    """All rules are zero while all is well; a state that breaks one shows under its name alone."""
    async with world() as made:
        await made.with_an_owner_to_be()
        values = await made.values()
        assert {r: values["invariant_violations", f'rule="{r}"'] for r in RULES} == dict.fromkeys(RULES, 0)
        violate(made)
        values = await made.values()
        found = {r: values["invariant_violations", f'rule="{r}"'] for r in RULES}
        assert found == {**dict.fromkeys(RULES, 0), rule: 1}


async def test_invariants_wait_until_an_engine_has_settled() -> None:
    """Right after a restore nothing is called broken: what was due meanwhile is being worked off."""
    async with world() as made:
        await made.with_an_owner_to_be()
        break_two_states(made)
        made.clock.advance(-telemetry.SETTLING_MS)
        values = await made.values()
        assert values["invariant_violations", 'rule="two_states"'] == 0


def batch(seq: int) -> Committed:
    """A batch without events."""
    return Committed("conversations", 0, seq, 1, seq, 0, ())


async def test_a_gap_in_the_numbers_shows() -> None:
    """A batch whose number does not follow from the one before is counted."""
    made = World()
    loop = made.app.loops["conversations"]
    for seq in (0, 1, 3, 4):
        for listener in loop._listeners:
            listener(batch(seq))
    assert (await made.values())["invariant_violations", 'rule="seq_gap"'] == 1


async def test_the_log_file_says_how_long_its_commits_take(tmp_path: Path) -> None:
    """Each commit of the file is one in the histogram; failed commits are counted."""
    metrics, clock = Metrics(), ManualClock()
    file = SqliteFile(tmp_path / "a.db", clock)
    telemetry.watch_file(metrics, file)
    try:
        for _ in range(3):
            await file.run(lambda connection: connection.execute("SELECT 1").fetchall())
        text = metrics.render()
        assert f"centrala_fsync_seconds_count {file.commits}.0".encode() in text
        assert b"centrala_commit_failures_total 0.0" in text
    finally:
        await file.close()


async def test_a_loop_without_invariants_is_counted_too() -> None:
    """Any engine can be watched: its kinds come from its event class."""
    made = World()
    loop = Loop(toy, made.log, made.clock, MemorySnapshots())
    made.app.loops = {"conversations": loop}
    made.app.metrics = Metrics()
    telemetry.bind(made.app)
    values = await made.values()
    assert values["events_total", 'kind="skipped",topic="conversations"'] == 0


def test_every_metric_is_fed() -> None:
    """Whatever the registry defines is given its numbers somewhere in the services."""
    sources = [
        path.read_text(encoding="utf-8")
        for path in (ROOT / "services").rglob("*.py")
        if path.name not in ("metrics.py", "metrics_desks.py", "measures.py")
    ]
    code = "\n".join(sources)
    metrics = Metrics()
    names = [name for name, value in vars(metrics).items() if hasattr(value, "describe")]
    assert len(names) == len(metrics.definitions)
    assert [name for name in names if not re.search(rf"metrics\.{name}\b", code)] == []


async def test_every_rule_is_looked_at() -> None:
    """Each rule that the page promises has somebody who looks."""
    made = World()
    values = await made.values()
    assert {labels for name, labels in values if name == "invariant_violations"} == {
        f'rule="{rule}"' for rule in RULES
    }
