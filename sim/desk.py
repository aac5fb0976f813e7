"""A shop as the desk that a lead would configure: queues, promises, agents, and one routing policy.

Each combination of channel, topic, least level and tier is a queue: it requires the topic at that level, and
its priority follows the channel and then the tier. The promise to each tier is an sla policy. What routing
does with it is the policy's, which is data of the desk.

A workload counts capacity by profile and channel, a desk by channel alone, with a capacity for each agent. So
units and capacities are looked for under which every profile may hold exactly the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from proto.v1 import desk_pb2 as pb
from services.kernel.desk_policy import PRESETS
from services.kernel.errors import Invalid
from services.kernel.limits import CAPACITY_DEFAULT, LAST_AGENT_WORTH_MS
from sim.hours import BusinessHours
from sim.shop import Contact, Person, Shop

CLASS = "class"
"""The attribute by which a contact finds its queue."""
TIER = "tier"
ACCOUNT = "shop"
CHANNEL_ORDER = ("voice", "chat", "social", "email")
"""Whose customers are served first where priority decides; other channels come behind."""
PRIORITY_MAX = 10
OFFER_EXPIRES_MS = 20_000
STEPS_MAX = 100_000

Holding = tuple[int, ...]


def class_of(contact: Contact) -> str:
    """The name of a contact's queue."""
    return f"{contact.channel}/{contact.topic}/{contact.min_level}/{contact.tier}"


def desk_of(shop: Shop, hours: BusinessHours, policy: pb.Routing, units: Mapping[str, int]) -> pb.DeskConfig:
    """The desk's configuration under a routing policy. `units`: by channel."""
    desk = pb.DeskConfig(
        name=shop.name,
        time_zone="UTC",
        hours=hours.ranges(),
        skills=list(shop.topics),
        languages=list(shop.languages),
        routing=policy,
        accounts=[pb.Account(channel=name, account=ACCOUNT, units=units[name]) for name in shop.channels],
    )
    desk.routing.offer_expires_ms = policy.offer_expires_ms or OFFER_EXPIRES_MS
    desk.queues.extend(_queues(shop))
    for tier, weight in shop.tier_weight.items():
        rule = desk.routing.weights.add(weight_permille=round(weight * 1000))
        rule.when.any.add(field=f"attributes.{TIER}", values=[tier])
    for tier in shop.tiers:
        promise = desk.sla.add(name=tier)
        promise.when.any.add(field=f"attributes.{TIER}", values=[tier])
        for name, channel in shop.channels.items():
            if tier in channel.sla:
                promise.first_response[name].ms = round(channel.sla[tier] * 1000)
    return desk


def _queues(shop: Shop) -> Iterator[pb.Queue]:
    """A queue for each class, those that most contacts find first."""
    ranks = list(product(_by_urgency(shop.channels), _by_weight(shop)))
    last = max(len(ranks) - 1, 1)
    priorities = {rank: 1 + (last - place) * (PRIORITY_MAX - 1) // last for place, rank in enumerate(ranks)}
    levels = {1: 1 - shop.complex_share, shop.complex_min_level: shop.complex_share}

    def share(combination: tuple[str, str, int, str]) -> float:
        channel, topic, level, tier = combination
        return shop.channels[channel].daily * shop.topics[topic] * levels[level] * shop.tiers[tier]

    every = sorted(product(shop.channels, shop.topics, levels, shop.tiers), key=share, reverse=True)
    for channel, topic, level, tier in every:
        name = f"{channel}/{topic}/{level}/{tier}"
        queue = pb.Queue(name=name, requires={topic: level}, priority=priorities[channel, tier])
        queue.when.any.add(field=f"attributes.{CLASS}", values=[name])
        yield queue


def _by_urgency(channels: Iterable[str]) -> list[str]:
    order = {name: place for place, name in enumerate(CHANNEL_ORDER)}
    return sorted(channels, key=lambda name: order.get(name, len(order)))


def _by_weight(shop: Shop) -> list[str]:
    return sorted(shop.tiers, key=lambda tier: -shop.tier_weight[tier])


def agent_of(shop: Shop, person: Person, capacity: int) -> pb.Agent:
    """An agent's settings."""
    return pb.Agent(
        agent_id=person.id,
        name=person.id,
        kind=pb.AGENT_KIND_HUMAN,
        skills=person.topics,
        languages=dict.fromkeys(person.langs, 5),
        capacity=capacity,
        channels=list(shop.profiles[person.profile]),
    )


def capacities(shop: Shop) -> tuple[dict[str, int], dict[str, int]]:
    """Units by channel, and capacity by profile, under which each profile may hold just what it may by its
    own units.

    A conversation of a profile's own takes units[profile][channel] of `capacity_units`. What may be held and
    what may not are separated by one linear bound a profile; the perceptron rule finds whole numbers for it
    if there are any. Raises Invalid if there are none.
    """
    channels = list(shop.channels)
    units = {name: min(p[name] for p in shop.profiles.values() if name in p) for name in channels}
    capacity = dict.fromkeys(shop.profiles, CAPACITY_DEFAULT)
    edges = {name: _edges([p.get(c, 0) for c in channels], shop) for name, p in shop.profiles.items()}
    for _ in range(STEPS_MAX):
        is_settled = True
        for name, (may, may_not) in edges.items():
            for holding, sign in [*((one, 1) for one in may), *((one, -1) for one in may_not)]:
                takes = sum(units[c] * n for c, n in zip(channels, holding, strict=True))
                if (takes <= capacity[name]) == (sign > 0):
                    continue
                is_settled = False
                capacity[name] += sign
                for c, n in zip(channels, holding, strict=True):
                    units[c] = max(1, units[c] - sign * n)
        if is_settled:
            return units, capacity
    raise Invalid("no units by channel say what these profiles may hold")


def _edges(profile: list[int], shop: Shop) -> tuple[list[Holding], list[Holding]]:
    """The largest holdings that fit a profile, and the smallest that do not."""
    most = shop.capacity_units
    ranges = [range(most // units + 2) if units else range(1) for units in profile]
    may = {one for one in product(*ranges) if _takes(profile, one) <= most}
    beyond = [one for one in product(*ranges) if one not in may]
    largest = [one for one in may if all(more not in may for more in _one_more(one, profile))]
    smallest = [one for one in beyond if all(less in may for less in _one_less(one))]
    return sorted(largest), sorted(smallest)


def _takes(profile: list[int], holding: Holding) -> int:
    return sum(units * n for units, n in zip(profile, holding, strict=True))


def _one_more(holding: Holding, profile: list[int]) -> Iterator[Holding]:
    return ((*holding[:i], holding[i] + 1, *holding[i + 1 :]) for i, units in enumerate(profile) if units)


def _one_less(holding: Holding) -> Iterator[Holding]:
    return ((*holding[:i], n - 1, *holding[i + 1 :]) for i, n in enumerate(holding) if n)


def policy_named(name: str) -> pb.Routing:
    """The preset of that name; the last agent is worth what a desk gives them unless it says otherwise, and
    nobody waits for them. Raises Invalid if there is none."""
    if name not in PRESETS:
        raise Invalid(f"no policy {name!r}: there are {', '.join(PRESETS)}")
    return pb.Routing(preset=name, last_agent_worth_ms=LAST_AGENT_WORTH_MS)
