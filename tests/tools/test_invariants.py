"""What must hold of conversations, agents and records: each way of breaking it is found and named."""

from __future__ import annotations

from typing import Any

import pytest

from proto.v1 import conversations_pb2 as cv
from proto.v1 import desk_pb2 as dk
from proto.v1 import notices_pb2 as nt
from proto.v1 import routing_pb2 as rt
from proto.v1 import sla_pb2 as sl
from proto.v1.envelope_pb2 import InputPosition, Skipped
from tests.tools.made import START_MS, MadeLogs

Body = tuple[str, Any]


@pytest.fixture
def logs() -> MadeLogs:
    """Empty logs, claimed."""
    return MadeLogs()


def agent(name: str, capacity: int = 100, kind: dk.AgentKind = dk.AGENT_KIND_HUMAN) -> Body:
    """An agent as the router took them over."""
    return "agent", rt.RouterAgentSeen(agent=dk.Agent(agent_id=name, capacity=capacity, kind=kind))


def queued(conversation_id: str, human_only: bool = False) -> Body:
    """A conversation waits."""
    return "queued", rt.ConversationQueued(conversation_id=conversation_id, human_only=human_only)


def offered(conversation_id: str, to: str, units: int = 30, offer: str = "o1") -> Body:
    """It is offered."""
    body = rt.Offered(
        conversation_id=conversation_id, offer_id=offer, agent_id=to, units=units, best_agents=[to]
    )
    return "offered", body


def accepted(conversation_id: str, by: str, offer: str = "o1") -> Body:
    """The offer is accepted."""
    return "accepted", rt.OfferAccepted(conversation_id=conversation_id, offer_id=offer, agent_id=by)


def assigned(conversation_id: str, to: str, units: int = 30) -> Body:
    """It is owned."""
    return "assigned", rt.Assigned(conversation_id=conversation_id, agent_id=to, units=units)


def resolved(conversation_id: str) -> Body:
    """It is resolved."""
    return "resolved", rt.Resolved(conversation_id=conversation_id)


def test_a_good_day(logs: MadeLogs) -> None:
    """A conversation from its first message to the answer that was sent breaks nothing."""
    logs.received("r1", "r2")
    logs.batch(
        "conversations",
        ("message", cv.MessageReceived(conversation_id="c1")),
        cause_id="inbound/0/0",
        origin_id="r1",
        read=[InputPosition(topic="inbound", offset=1)],
    )
    logs.batch("routing", agent("ola"), queued("c1"), offered("c1", "ola"), read=[logs.read("conversations")])
    start = sl.TargetStarted(target_id="t1", due_at_ms=START_MS + 60_000, warn_at_ms=START_MS + 45_000)
    logs.batch("sla", ("started", start), read=[logs.read("conversations"), logs.read("routing")])
    logs.at(5)
    logs.batch("routing", accepted("c1", "ola"), assigned("c1", "ola"), read=[logs.read("conversations")])
    logs.batch(
        "conversations",
        ("request", cv.RequestSubmitted()),
        cause_id="inbound/0/1",
        origin_id="r2",
        read=[logs.read("inbound"), logs.read("routing")],
    )
    logs.batch(
        "routing", ("admitted", rt.RequestAdmitted()), origin_id="r2", read=[logs.read("conversations")]
    )
    logs.batch(
        "notices",
        ("requested", nt.SendRequested(send_id="s1", kind=nt.SEND_KIND_REPLY)),
        read=[logs.read("conversations"), logs.read("routing")],
    )
    logs.batch(
        "notices", ("attempted", nt.SendAttempted(send_id="s1", attempt=1, lease_until_ms=START_MS + 35_000))
    )
    logs.batch("notices", ("sent", nt.SendSent(send_id="s1", attempt=1)))
    logs.batch(
        "sla",
        ("met", sl.TargetMet(target_id="t1")),
        read=[logs.read(topic) for topic in ("conversations", "routing", "notices")],
    )
    logs.batch("routing", resolved("c1"))
    report = logs.report()
    assert [str(violation) for violation in report.violations] == []
    assert report.summary().endswith("all invariants hold")


class TestCapacity:
    """(1) Per agent, offered and owned work never exceeds the capacity."""

    def test_over(self, logs: MadeLogs) -> None:
        """An offer beyond the capacity is found, with the agent and the units."""
        logs.batch("routing", agent("ola", 50), queued("c1"), queued("c2"))
        logs.batch("routing", offered("c1", "ola"), offered("c2", "ola", offer="o2"))
        assert logs.violations() == ["(1) capacity: routing/0/1/1: ola of d has 60 of 50 units"]

    def test_lowered(self, logs: MadeLogs) -> None:
        """A capacity that is lowered drains and is no violation until more is taken."""
        logs.batch("routing", agent("ola", 60), queued("c1"), queued("c2"))
        logs.batch("routing", offered("c1", "ola"), agent("ola", 10))
        logs.batch("routing", accepted("c1", "ola"), assigned("c1", "ola"))
        assert logs.violations() == []
        logs.batch("routing", offered("c2", "ola", units=1, offer="o2"))
        assert len(logs.violations()) == 1

    def test_freed(self, logs: MadeLogs) -> None:
        """What is declined, released or resolved frees its units."""
        logs.batch("routing", agent("ola", 30), queued("c1"), queued("c2"), offered("c1", "ola"))
        logs.batch(
            "routing",
            ("declined", rt.OfferDeclined(conversation_id="c1", offer_id="o1", agent_id="ola")),
            queued("c1"),
            offered("c2", "ola", offer="o2"),
        )
        logs.batch("routing", accepted("c2", "ola", "o2"), assigned("c2", "ola"))
        logs.batch("routing", resolved("c2"), offered("c1", "ola", offer="o3"))
        assert logs.violations() == []


class TestOneState:
    """(2) A conversation is at most one of waiting, offered, owned, resolved."""

    def test_two_offers(self, logs: MadeLogs) -> None:
        """An offer of what is offered already is found."""
        logs.batch("routing", agent("ola"), agent("jan"), queued("c1"), offered("c1", "ola"))
        logs.batch("routing", offered("c1", "jan", offer="o2"))
        assert logs.violations() == ["(2) one state: routing/0/1/0: c1 is offered while it is offered"]

    def test_two_owners(self, logs: MadeLogs) -> None:
        """An owner who did not accept the offer is found."""
        logs.batch("routing", agent("ola"), agent("jan"), queued("c1"), offered("c1", "ola"))
        logs.batch("routing", accepted("c1", "ola"), assigned("c1", "jan"))
        assert logs.violations() == [
            "(2) one state: routing/0/1/1: c1 is assigned to jan, who did not accept it"
        ]

    def test_an_offer_twice(self, logs: MadeLogs) -> None:
        """An offer that is accepted twice is found."""
        logs.batch("routing", agent("ola"), queued("c1"), offered("c1", "ola"))
        logs.batch("routing", accepted("c1", "ola"), assigned("c1", "ola"))
        logs.batch("routing", accepted("c1", "ola"), assigned("c1", "ola"))
        assert any("c1 is accepted while it is owned" in line for line in logs.violations())

    def test_lost_between(self, logs: MadeLogs) -> None:
        """A conversation that is let go and not queued in the same batch is found."""
        logs.batch("routing", agent("ola"), queued("c1"), offered("c1", "ola"))
        logs.batch(
            "routing", ("expired", rt.OfferExpired(conversation_id="c1", offer_id="o1", agent_id="ola"))
        )
        assert logs.violations() == [
            "(2) one state: routing/0/1/0: c1 is left without a state at the end of its batch"
        ]


class TestHumanOnly:
    """(7) What is for humans only never has a bot as a candidate."""

    def test_bot(self, logs: MadeLogs) -> None:
        """A bot that is offered such a conversation is found, once as candidate and once as the one."""
        logs.batch("routing", agent("bot", kind=dk.AGENT_KIND_BOT), queued("c1"))
        logs.batch("routing", ("human_only", rt.HumanOnly(conversation_id="c1")), offered("c1", "bot"))
        assert [line[:4] for line in logs.violations()] == ["(7) ", "(7) "]

    def test_for_ever(self, logs: MadeLogs) -> None:
        """It stays so after it was resolved and opened again."""
        logs.batch(
            "routing", agent("bot", kind=dk.AGENT_KIND_BOT), queued("c1", human_only=True), resolved("c1")
        )
        logs.batch(
            "routing", ("reopened", rt.Reopened(conversation_id="c1")), queued("c1"), offered("c1", "bot")
        )
        assert [line[:4] for line in logs.violations()] == ["(7) ", "(7) "]


class TestOneOutcome:
    """(3) Every mailbox record that was read has exactly one outcome."""

    def outcome(self, logs: MadeLogs, offset: int, record_id: str, body: str = "message") -> None:
        """An outcome of a record, with the mailbox read to its end."""
        message = {"message": cv.MessageReceived(), "request": cv.RequestSubmitted()}[body]
        logs.batch(
            "conversations",
            (body, message),
            cause_id=f"inbound/0/{offset}",
            origin_id=record_id,
            read=[logs.read("inbound")],
        )

    def test_none(self, logs: MadeLogs) -> None:
        """A record that was read and has no outcome is found; one that was not read yet is not."""
        logs.received("r1", "r2")
        self.outcome(logs, 1, "r2")
        logs.received("r3")
        assert logs.violations() == ["(3) one outcome: inbound/0/0: was read and has no outcome"]

    def test_two(self, logs: MadeLogs) -> None:
        """A record with two outcomes is found."""
        logs.received("r1")
        self.outcome(logs, 0, "r1")
        self.outcome(logs, 0, "r1")
        assert logs.violations() == ["(3) one outcome: conversations/0/1/0: inbound/0/0 has outcome number 2"]

    def test_wrong_origin(self, logs: MadeLogs) -> None:
        """An outcome that names another record's id is found."""
        logs.received("r1")
        self.outcome(logs, 0, "r9")
        assert "names r9, which is not the record_id of inbound/0/0" in logs.violations()[0]

    def test_skipped(self, logs: MadeLogs) -> None:
        """A record that was skipped has its outcome by that."""
        logs.received("r1")
        logs.batch(
            "conversations",
            ("skipped", Skipped(topic="inbound", input_id="inbound/0/0")),
            origin_id="r1",
            read=[logs.read("inbound")],
        )
        assert logs.violations() == []

    def test_undecided_request(self, logs: MadeLogs) -> None:
        """A request that the router has read and not decided is found; one it has not read is not."""
        logs.received("r1")
        self.outcome(logs, 0, "r1", "request")
        assert logs.violations() == []
        logs.batch("routing", queued("c1"), read=[logs.read("conversations")])
        assert ["has no decision" in line for line in logs.violations()] == [True]

    def test_skipped_request(self, logs: MadeLogs) -> None:
        """A request whose decision the router skipped has its outcome; another one skipped has not."""
        logs.received("r1", "r2")
        self.outcome(logs, 0, "r1", "request")
        self.outcome(logs, 1, "r2", "request")
        logs.batch(
            "routing",
            ("skipped", Skipped(topic="conversations", input_id="conversations/0/0/0")),
            origin_id="r1",
            read=[logs.read("conversations")],
        )
        assert [line.partition(": request ")[2] for line in logs.violations()] == [
            "r2 was read by the router and has no decision"
        ]

    def test_decided_twice(self, logs: MadeLogs) -> None:
        """A request that is both admitted and refused is found."""
        logs.received("r1")
        self.outcome(logs, 0, "r1", "request")
        admitted, refused = ("admitted", rt.RequestAdmitted()), ("refused", rt.RequestRefused())
        logs.batch("routing", admitted, refused, origin_id="r1", read=[logs.read("conversations")])
        assert ["decided already" in line for line in logs.violations()] == [True]
