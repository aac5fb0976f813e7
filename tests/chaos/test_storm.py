"""For how long a broker that is stopped holds a partition up."""

from __future__ import annotations

from typing import Any

from bench.storm import NO_LEADER, held_by


def described(*partitions: tuple[int, list[int]]) -> dict[str, Any]:
    """A topic as Kafka describes it. partitions: leader and who is in sync."""
    return {
        "partitions": [
            {"partition": number, "leader": leader, "isr": isr}
            for number, (leader, isr) in enumerate(partitions)
        ]
    }


def test_a_stopped_broker_holds_what_it_leads_and_what_waits_for_it() -> None:
    """A partition is held while the broker leads one of its logs or is waited for in one, not once the others
    go on without it."""
    topics = [
        described((1, [1, 2, 3]), (2, [1, 2, 3]), (2, [2, 3]), (3, [2, 3])),
        described((2, [2, 3]), (3, [2, 3]), (3, [2, 3]), (3, [1, 3])),
    ]
    assert held_by(1, topics, 4, "leader") == {0}
    assert held_by(1, topics, 4, "leader", "isr") == {0, 1, 3}


def test_a_log_without_a_leader_holds_its_partition_whoever_is_back() -> None:
    """Roles of a broker that is back do not count, a log that nobody leads does."""
    assert held_by(1, [described((1, [1, 2]), (NO_LEADER, [2]))], 2) == {1}


def test_brokers_that_do_not_say_hold_everything() -> None:
    """Without an answer every partition counts as held."""
    assert held_by(1, [], 3, "leader") == {0, 1, 2}
