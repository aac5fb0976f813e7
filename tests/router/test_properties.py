"""Random lives of a desk: what must always hold, and the matcher against brute force."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from math import inf
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from proto.v1 import desk_pb2 as pb
from proto.v1 import routing_pb2 as rt
from services.kernel.desk_policy import DOCUMENTS, parse_policy
from services.kernel.document import Node
from services.router import engine, explain, pressure
from services.router.state import BEAT_MS, State, Status, ask_of
from services.runtime.documents import AgentLoad, Ownership
from services.runtime.project_routing import HANDLERS
from services.runtime.views import MemoryStore, Views
from tests.router.oracle import Oracle
from tests.router.scenes import DESK, SECOND, Scene, desk, queue

AGENTS = ("anna", "bob", "cyd", "bot")
MORE = {
    "ageing": {"priority": {"first": True, "ageing": "1m"}, "order": "deadline"},
    "levels": {"like": "longest_idle", "levels": True},
    "least_loaded": {"agent": "least_loaded", "order": "weighted"},
    "least_flexible": {"agent": "least_flexible", "hold_back": 0.5, "limits": {"chat": 1}},
    "score": {"agent": "score", "score": {"idle": 1, "load": 2, "skill": 1, "pace": 0.5}},
    "shares": {"like": "least_active", "shares": {"dostawa": 3, "ogolna": 1}},
    "surges": {"like": "round_robin", "surges": [{"queue": "reklamacje", "waiting": 3}]},
    "bots": {"bots": {"first": True, "contain": 0.5}, "limits": {"chat": 2}},
}
QUEUES, CHANNELS = ["reklamacje", "dostawa", "ogolna"], {"chat", "email"}
POLICIES = {name: parse_policy(Node(name, "", []), QUEUES, CHANNELS) for name in DOCUMENTS} | {
    name: parse_policy(Node(document, "", []), QUEUES, CHANNELS) for name, document in MORE.items()
}
"""Every preset, and every part of a policy at least once."""
STATES = (
    pb.PRESENCE_STATE_ONLINE,
    pb.PRESENCE_STATE_ONLINE,
    pb.PRESENCE_STATE_BUSY,
    pb.PRESENCE_STATE_AWAY,
    pb.PRESENCE_STATE_OFFLINE,
)


def used_units(state: State) -> dict[str, int]:
    """Units in each agent's hands, by looking at every conversation."""
    used: dict[str, int] = {}
    for c in state.data.conversations.values():
        if c.agent:
            used[c.agent] = used.get(c.agent, 0) + c.units
    return used


class Checked(Scene):
    """A scene in which every offer is compared with what brute force would have done."""

    def _take(self, events: Sequence[Any]) -> Sequence[Any]:
        just_queued = ""
        state: State = self.state
        learned = copy.deepcopy(state.own_desk(DESK).learned)
        for event in events:
            body = event.WhichOneof("body")
            if body == "offered":
                self.check(event.offered, just_queued, Oracle(state, DESK, self.now_ms, learned))
            if body in ("queued", "relaxed", "reconsidered"):
                just_queued = getattr(event, body).conversation_id
            super()._take([event])
        return events

    def check(self, offered: rt.Offered, just_queued: str, oracle: Oracle) -> None:
        """The best agent for what has just begun to wait; else, the first in line for some agent."""
        key = offered.conversation_id
        c = self.state.data.conversations[key]
        best = oracle.candidates(c)
        keys = {name: oracle.agent_key(c, name)[:-1] for name in best}
        if offered.together and offered.agent_id not in best[:5]:
            best = [*best[:4], offered.agent_id]
        assert [keys[name] for name in offered.best_agents] == [keys[name] for name in best[:5]]
        assert offered.agent_id == offered.best_agents[0] or offered.together
        assert list(offered.best_scores) == sorted(offered.best_scores, reverse=True)
        assert dict(zip(offered.ruled_out_rules, offered.ruled_out_counts, strict=True)) == oracle.counts(
            ask_of(c)
        )
        if key != just_queued and not offered.together:
            assert key in {oracle.next_for(name) for name in oracle.able(ask_of(c))}


class Life(RuleBasedStateMachine):
    """Arrivals, answers, presence, settings and time, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.left: dict[str, int] = {}
        """What a lowered capacity still has to drain to, by agent."""

    @initialize(policy=st.sampled_from(sorted(POLICIES)))
    def begin(self, policy: str) -> None:
        """A desk with three queues, three people and a bot."""
        config = desk(
            queue("reklamacje", {"zwroty": 3}, {"intent": ["complaint"]}, priority=8, human_only=True),
            queue(
                "dostawa",
                {"dostawa": 2},
                {"intent": ["where"]},
                [(180 * SECOND, {})],
                priority=5,
                prefers={"zwroty": 2},
            ),
            queue("ludzie", {"zwroty": 1}, {"intent": ["never"]}, priority=7, human_only=True),
            queue("ogolna", priority=4),
            bots=pb.Bots(asked=True, failed_answers=2, silent_for_ms=30 * SECOND),
        )
        config.queues[1].relax.add(after_ms=400 * SECOND, queue="ludzie", as_queue=True)
        config.routing.policy.CopyFrom(POLICIES[policy])
        config.routing.weights.add(weight_permille=5_000).when.any.add(field="intent", values=["complaint"])
        self.scene = Checked(config)
        self.views, self.shown = Views(MemoryStore()), 0
        self.scene.agent("anna", {"zwroty": 5, "dostawa": 1}).agent("bob", {"dostawa": 3}, ["pl"])
        self.scene.agent("cyd", {"zwroty": 3, "dostawa": 2}, capacity=60).agent("bot", bot=True, capacity=150)

    def open(self, status: Status) -> list[str]:
        """Conversations of a status."""
        return sorted(k for k, c in self.scene.state.data.conversations.items() if c.status == status)

    def pick(self, data: st.DataObject, status: Status) -> str | None:
        """One of them, if there is any."""
        keys = self.open(status)
        return data.draw(st.sampled_from(keys)) if keys else None

    @rule(
        intent=st.sampled_from(["", "complaint", "where"]),
        language=st.sampled_from(["", "pl", "en", "de"]),
        channel=st.sampled_from(["chat", "email"]),
        wants=st.booleans(),
    )
    def arrives(self, intent: str, language: str, channel: str, wants: bool) -> None:
        """A new conversation."""
        self.count += 1
        account = "www" if channel == "chat" else "pomoc"
        key = f"c{self.count:03}"
        self.scene.arrives(
            key, intent=intent, language=language, channel=channel, account=account, wants_human=wants
        )

    @rule(data=st.data())
    def accepts(self, data: st.DataObject) -> None:
        """An offer is accepted."""
        key = self.pick(data, Status.OFFERED)
        if key:
            self.scene.accepts(key)
            assert self.scene.where(key)[0] == "owned"

    @rule(data=st.data())
    def declines(self, data: st.DataObject) -> None:
        """An offer is declined, and goes to somebody else or nobody."""
        key = self.pick(data, Status.OFFERED)
        if key:
            who = self.scene.conversation(key).agent
            self.scene.declines(key)
            assert self.scene.where(key)[1] != who

    @rule(data=st.data())
    def resolves(self, data: st.DataObject) -> None:
        """A conversation is resolved, whatever its state."""
        key = self.pick(data, data.draw(st.sampled_from([Status.OWNED, Status.WAITING, Status.OFFERED])))
        if key:
            self.scene.asks("resolve", "", key)

    @rule(data=st.data(), wants=st.booleans(), intent=st.sampled_from(["", "complaint", "where"]))
    def writes(self, data: st.DataObject, wants: bool, intent: str) -> None:
        """A customer writes again, also to what is resolved."""
        if self.count:
            number = data.draw(st.integers(1, self.count))
            self.scene.writes(f"c{number:03}", "again", wants_human=wants, intent=intent)

    @rule(data=st.data())
    def replies(self, data: st.DataObject) -> None:
        """An owner answers."""
        key = self.pick(data, Status.OWNED)
        if key:
            self.scene.asks("reply", self.scene.conversation(key).agent, key)

    @rule(data=st.data(), to=st.sampled_from(["skill", "agent", "queue"]))
    def transfers(self, data: st.DataObject, to: str) -> None:
        """A conversation is passed on."""
        targets = {"skill": ["dostawa", "zwroty"], "agent": list(AGENTS), "queue": [*QUEUES[:2], "ludzie"]}
        key = self.pick(data, data.draw(st.sampled_from([Status.OWNED, Status.WAITING])))
        if key:
            target = data.draw(st.sampled_from(targets[to]))
            self.scene.asks(
                "transfer", "", key, transfer_to="TRANSFER_TO_" + to.upper(), transfer_target=target
            )

    @rule(agent=st.sampled_from(AGENTS), state=st.sampled_from(STATES), ttl_s=st.sampled_from([0, 5, 60]))
    def presence(self, agent: str, state: pb.PresenceState, ttl_s: int) -> None:
        """An agent says something of themselves."""
        self.scene.presence(agent, state, ttl_s * SECOND)

    @rule(agent=st.sampled_from(AGENTS), found=st.booleans())
    def session(self, agent: str, found: bool) -> None:
        """A session is seen or lost."""
        self.scene.session(agent, found)

    @rule(agent=st.sampled_from(AGENTS), capacity=st.sampled_from([30, 60, 90, 150]))
    def capacity(self, agent: str, capacity: int) -> None:
        """An agent's capacity changes."""
        d = self.scene.state.data.desks[DESK].agents[agent]
        skills, languages = dict(d.skills), d.languages
        self.left[agent] = used_units(self.scene.state).get(agent, 0)
        self.scene.agent(agent, skills, languages, capacity, bot=agent == "bot", online=False)

    @rule(data=st.data(), due_s=st.integers(0, 500))
    def promised(self, data: st.DataObject, due_s: int) -> None:
        """A target runs."""
        key = self.pick(data, Status.WAITING)
        if key:
            due_ms = self.scene.now_ms + due_s * SECOND
            self.scene.promise(started={"conversation_id": key, "target_id": "t", "due_at_ms": due_ms})

    @rule(data=st.data(), do=st.sampled_from(["REASSIGN", "WIDEN_SKILLS", "RAISE_PRIORITY"]))
    def escalated(self, data: st.DataObject, do: str) -> None:
        """An escalation step is taken."""
        key = self.pick(data, data.draw(st.sampled_from(list(Status)[1:])))
        if key:
            self.scene.promise(escalated={"conversation_id": key, "do": "ESCALATION_DO_" + do, "to": ["9"]})

    @rule(policy=st.sampled_from(sorted(POLICIES)), narrower=st.booleans())
    def reconfigures(self, policy: str, narrower: bool) -> None:
        """The desk is configured anew."""
        queues = [queue("ogolna", {"dostawa": 1} if narrower else {}, priority=4)]
        version = self.scene.state.data.desks[DESK].version + 1
        config = desk(*queues)
        config.routing.policy.CopyFrom(POLICIES[policy])
        self.scene.configure(config, version)

    @rule(seconds=st.sampled_from([1, 7, 25, 130, 301]))
    def time_passes(self, seconds: int) -> None:
        """Time passes."""
        self.scene.until(self.scene.now_ms + seconds * SECOND)

    @invariant()
    def nobody_is_over_capacity(self) -> None:
        """Units in hand never exceed the capacity, or what was in hand when it was lowered."""
        if not hasattr(self, "scene"):
            return
        state: State = self.scene.state
        used = used_units(state)
        for name, agent in state.data.desks[DESK].agents.items():
            held = used.get(name, 0)
            assert held == state.matcher.used(DESK, name)
            assert held <= max(agent.capacity, self.left.get(name, 0))
            self.left[name] = min(self.left.get(name, 0), held)

    @invariant()
    def every_conversation_is_in_one_place(self) -> None:
        """Waiting, offered or owned, in the indexes too; nothing is left between two events."""
        if not hasattr(self, "scene"):
            return
        state: State = self.scene.state
        for key, c in state.data.conversations.items():
            assert c.status != Status.LOOSE
            assert bool(c.agent) == (c.status != Status.WAITING)
            assert (key in state.matcher.floors[DESK].where) == (c.status == Status.WAITING)
            if c.human_only and c.agent:
                assert c.agent != "bot"
            if c.status == Status.OFFERED:
                assert c.agent not in (c.barred or {})

    @invariant()
    def nobody_with_room_is_kept_from_work(self) -> None:
        """No agent could take any who waits, but for what is held back, which is looked at again, or put off,
        which is looked at in the same instant."""
        if not hasattr(self, "scene"):
            return
        state: State = self.scene.state
        oracle = Oracle(state, DESK, self.scene.now_ms, state.own_desk(DESK).learned)
        for key, c in state.data.conversations.items():
            if c.status == Status.WAITING and oracle.able(ask_of(c)):
                desk_now = state.data.desks[DESK]
                is_put_off = desk_now.instant.put_off
                assert oracle.limit(c) < inf or is_put_off, key
                assert 0 < desk_now.beat_ms <= self.scene.now_ms + (0 if is_put_off else BEAT_MS)

    @invariant()
    def views_say_what_the_state_is(self) -> None:
        """What people see of open conversations and agents' hands is what the engine goes by."""
        if not hasattr(self, "scene"):
            return
        state: State = self.scene.state
        for event in self.scene.log[self.shown :]:
            name = event.WhichOneof("body")
            if name in HANDLERS:
                HANDLERS[name](self.views, event, getattr(event, name))
        self.shown = len(self.scene.log)
        for key, c in state.data.conversations.items():
            told = self.views.peek(Ownership, key)
            assert told is not None
            owner, offer = (c.agent, "") if c.status == Status.OWNED else ("", c.offer)
            rings = told.offer.id if told.offer else ""
            assert (told.state, told.owner, rings) == (Status(c.status).name.lower(), owner, offer)
            for name in ("queue", "priority", "units", "language", "human_only", "since_ms", "due_ms"):
                assert getattr(told, name) == getattr(c, name), name
            assert told.requires == dict(c.requires)
        for name in AGENTS:
            load = self.views.peek(AgentLoad, f"{DESK}/{name}") or AgentLoad(DESK, name)
            assert load.used() == state.matcher.used(DESK, name)

    @invariant()
    def what_stands_around_is_counted(self) -> None:
        """What is kept up to date of agents and of the work ahead is what looking at everybody gives."""
        if not hasattr(self, "scene"):
            return
        state: State = self.scene.state
        oracle = Oracle(state, DESK, self.scene.now_ms, state.own_desk(DESK).learned)
        for c in state.data.conversations.values():
            found = state.matcher.around(ask_of(c), c.priority)
            *counts, ahead = oracle.around(ask_of(c), c.priority)
            assert list(found[:4]) == counts
            assert found.ahead == pytest.approx(ahead)

    @invariant()
    def pressure_is_that_of_everybody(self) -> None:
        """What waits and can wait is summed up like one by one, and so is who is there for it."""
        if not hasattr(self, "scene"):
            return
        state, now_ms = self.scene.state, self.scene.now_ms
        floor = state.matcher.floor(DESK)
        oracle = Oracle(state, DESK, now_ms, state.own_desk(DESK).learned)
        assert pressure.needed(floor, now_ms) == pytest.approx(oracle.needed())
        again = engine.load(engine.dump(state)).matcher.floor(DESK)
        for language, able in floor.able_later.items():
            assert able == oracle.able_later(language) == again.able_later.get(language, 0)

    @invariant()
    def replays(self) -> None:
        """Folded from zero or loaded, the state is the same byte for byte."""
        if hasattr(self, "scene") and self.count % 4 == 3:
            self.scene.then_replays()


Life.TestCase.settings = settings(
    max_examples=20, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLife = Life.TestCase


def test_rule_names() -> None:
    """Every rule has a text in both languages."""
    for number in rt.Rule.values():
        if number:
            assert explain.rule_name(number) in explain._RULES_PL
            assert explain.rule_name(number) in explain._RULES_EN
