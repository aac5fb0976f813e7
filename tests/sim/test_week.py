"""A week in virtual time: the world is as its description says, and the engines are the real ones."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from proto.v1 import desk_pb2 as pb
from proto.v1.routing_pb2 import OfferAccepted, RoutingEvent
from services.kernel.limits import DAY_MS, HOUR_MS
from sim.audit import Auditor
from sim.desk import capacities
from sim.figures import figures, pinball, quantile
from sim.hours import BusinessHours
from sim.shop import Contact, Shop
from sim.week import Week
from tests.sim.worlds import contact, person, shop


def played(
    *contacts: Contact, of: Shop | None = None, ring_s: float = 0.0, preset: str = "longest_idle"
) -> Week:
    """The week of these contacts, in which nothing was violated."""
    week = Week(of or shop(), contacts, pb.Routing(preset=preset), ring_s, Auditor())
    assert week.run() == []
    return week


def started_s(week: Week) -> list[float]:
    """When each contact was answered; below 0: never."""
    return [outcome.started_ms / 1000 for outcome in week.outcomes]


def test_slowdown_and_levels_stretch_work() -> None:
    """Handling takes work * level factor * (1 + slowdown * items in hand), frozen when it starts."""
    of = shop(person("anna", topics={"returns": 5}))
    # Three chats fill her. The first takes 82 s, the second 82 * 1.35, the third 82 * 1.7 from their starts.
    calls = [contact(0.0, work=100), contact(0.0, work=100), contact(0.0, work=100)]
    week = played(*calls, *(contact(1.0) for _ in range(3)), of=of)
    assert started_s(week) == [0.0, 0.0, 0.0, 82.0, 82 * 1.35, 82 * 1.7]


def test_patience_ends_a_wait_only() -> None:
    """A customer gives up while waiting, never once they are served, and a miss it is."""
    week = played(
        contact(0, "voice", 100), contact(5, "voice", patience=20.0), contact(6, "voice", patience=200.0)
    )
    assert started_s(week) == [0.0, -0.001, 100.0]
    assert week.outcomes[1].gone_ms == 25_000
    assert figures(week)["breaches"] == 2, "one gave up, one waited 94 s for a promise of 60"
    assert figures(week)["abandoned"]["voice"] == round(1 / 3, 4)


def test_the_day_ends_on_live_channels() -> None:
    """Who sits waiting at the end of a day is lost; mail waits for the next day, in business time."""
    calls = [contact(3590, "voice", 60), contact(3591, "voice"), contact(3592, "email")]
    week = played(*calls)
    assert [o.lost for o in week.outcomes] == [False, True, False]
    assert started_s(week)[2] == 3650.0, "what was open at the end of the shift was finished first"


def test_agents_take_nothing_new_in_a_break() -> None:
    """In a break and off shift an agent takes nothing, and finishes what they hold."""
    of = shop(person("anna", break_start=100.0, break_len=50.0))
    week = played(contact(90, "voice", 30), contact(110, "email"), of=of)
    assert started_s(week) == [90.0, 150.0]
    late = shop(person("anna", shift="late"), shifts={"late": (1800.0, 3600.0)})
    assert started_s(played(contact(10, "email"), of=late)) == [1800.0]


def test_unanswered_mail_counts_once_its_time_is_over() -> None:
    """At the end an unanswered contact is a miss past its deadline, and does not count before it."""
    of = shop(person("anna", topics={"other": 3}), topics={"returns": 1.0, "other": 0.0})
    told = figures(played(contact(10, "email"), contact(7190, "email", tier="vip"), of=of))
    assert (told["breaches"], told["sla"]["email"], told["sla"]["vip"]) == (1, 0.0, None)


def test_ringing_takes_its_time() -> None:
    """With a ringing time, handling starts that much later."""
    assert started_s(played(contact(10), ring_s=7.0)) == [17.0]


def test_the_preferred_agent_is_known_from_the_past() -> None:
    """sticky_u names one of the qualified in file order, whom the router knows as the last agent."""
    of = shop(person("anna"), person("bob", langs=["en"]), person("cyd"), languages={"pl": 0.9, "en": 0.1})
    week = played(contact(10, sticky_u=0.6), contact(3000, sticky_u=1.0), contact(3001, sticky_u=0.0), of=of)
    assert week.preferred == ["cyd", "cyd", "anna"], "a draw that was rounded to 1 names the last"
    assert week.outcomes[0].agent == "cyd"
    assert figures(week)["sticky_hit"] == figures(week)["sticky_hit_free"] == 1.0


def test_estimates_that_nobody_was_told_are_none() -> None:
    """A channel without a wait has every measure of its estimates, as null: a reader finds the same keys."""
    told = figures(played(contact(0.0), contact(0.5, "voice", 60), contact(61.0, "voice")))["wait_estimate"]
    assert told["chat"]["n"] == 0
    measures = {"rmse_s", "rmse_constant_s", "coverage_p90", "pinball_p90", "pinball_p90_constant"}
    assert set(told["chat"]) == {"n", *measures}
    assert {told["chat"][name] for name in measures} == {None}


def test_the_same_week_twice_is_the_same() -> None:
    """A run depends on nothing but its inputs: every event and figure comes out alike."""
    of = shop(person("anna"), person("bob"))
    week = [contact(3.0 * i, ("chat", "voice", "email")[i % 3], 40 + i, patience=90.0) for i in range(200)]
    first, again = played(*week, of=of), played(*week, of=of)
    assert figures(first) == figures(again)
    assert first.engines.events == again.engines.events


def test_sla_measures_what_the_world_sees() -> None:
    """The sla engine's own breaches of first answers are the misses that the figures count."""
    of = shop(person("anna"))
    week = played(*(contact(20.0 * i, "chat", 90.0) for i in range(60)), of=of)
    assert week.engines.sla is not None
    late = sum(o.started_ms - o.arrived_ms > 60_000 for o in week.outcomes)
    assert late > 0
    assert figures(week)["breaches"] == late
    assert week.engines.breached == late


def test_the_auditor_sees_a_broken_run() -> None:
    """An accept of what was never offered, put on the log, is found."""
    week = Week(shop(), [contact(10)], pb.Routing(preset="default"), 0.0, Auditor())
    forged = OfferAccepted(conversation_id="c9", offer_id="o", agent_id="anna")
    week.stage.at(
        week.hours.clock_ms(5_000), week.engines.past, RoutingEvent(desk_id="shop", accepted=forged)
    )
    assert any("c9 is accepted while it is new" in line for line in week.run())


@given(st.integers(1, 20), st.integers(1, 7), st.integers(0, 10**10))
def test_business_time_is_a_clock(hours: int, days: int, business_ms: int) -> None:
    """The instant of a business time is within opening hours, and leads back to it."""
    times = BusinessHours(hours * HOUR_MS, days)
    at_ms = times.clock_ms(business_ms)
    assert times.business_ms(at_ms) == business_ms
    assert times.opens_ms <= at_ms % DAY_MS < times.opens_ms + times.day_ms


def test_units_by_channel_say_what_profiles_may_hold() -> None:
    """With the units and capacities that are found, each profile may hold just what it may."""
    profiles = {
        "V": {"voice": 100, "email": 100},
        "D": {"chat": 33, "email": 34},
        "B": {"voice": 100, "chat": 50, "email": 50},
    }
    of = shop(person("a", "V"), profiles=profiles)
    units, capacity = capacities(of)
    for name, own in profiles.items():
        for counts in itertools.product(range(5), repeat=len(own)):
            takes = sum(n * own[channel] for n, channel in zip(counts, own, strict=True))
            as_desk = sum(n * units[channel] for n, channel in zip(counts, own, strict=True))
            assert (takes <= 100) == (as_desk <= capacity[name]), (name, counts)


def test_the_quantile_minimises_its_loss() -> None:
    """No constant has a lower pinball loss than the 0.9 quantile of a sample."""
    waits = sorted(float(i * i % 97) for i in range(101))
    best = quantile(waits, 0.9)

    def loss(said: float) -> float:
        return sum(pinball(said, wait) for wait in waits)

    assert all(loss(best) <= loss(best + by) for by in (-5.0, -1.0, 1.0, 5.0))
