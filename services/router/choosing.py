"""One conversation, many agents: who could take it, compared as the policy says.

The structures are the floor's; nothing here changes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import merge, nsmallest
from itertools import islice
from math import inf
from typing import NamedTuple

from proto.v1 import desk_pb2 as pb
from proto.v1 import routing_pb2 as rt
from services.router import pricing
from services.router.floor import Floor
from services.router.lines import Line, Place, Rank
from services.router.moves import UNMOVED, Moves
from services.router.policy import Policy
from services.router.profiles import Ask, Fit, Key, Profile, Seat, Shape, mask_of

BEST_MAX = 5
"""Candidates that an explanation names."""
WINDOW = 24
"""So many of those who fit are compared by what they cost: fewer loaded first, then longer idle."""
WINDOW_SCORE = 64
"""The same where agents are compared by a score or by pace, which is quicker to work out."""
PROFILES_FEW = 64
"""So many profiles are looked through quicker than one passes by who does not fit."""
BOTS_KNOWN = 20
"""Before so many ends of a bot's work nobody knows what share it solves alone."""

Numbers = tuple[float, ...]


class Want(NamedTuple):
    """What a choice depends on beside the signature. `most`: what it may cost."""

    last_agent: str = ""
    worth_ms: int = 0
    queue: str = ""
    most: float = inf
    weight: int = 1_000


class Candidate(NamedTuple):
    """An agent who could take it. They compare as the policy prefers, best first."""

    key: Numbers
    agent_id: str
    parts: Numbers
    """What an explanation tells, in the order of `part_names`."""


class Choice(NamedTuple):
    """The answer for one conversation. `ruled_out`: rule -> agents whom it excluded first. `held`: somebody
    could take it, but that would cost more than it may."""

    considered: int
    ruled_out: dict[int, int]
    best: list[Candidate]
    held: bool = False


def is_plain(policy: Policy) -> bool:
    """Whether lines compare by nothing but what they are."""
    return not (
        policy.levels_first
        or policy.surges
        or policy.shares
        or policy.order in (pb.POLICY_ORDER_WEIGHTED, pb.POLICY_ORDER_PRESSURE)
    )


def rank(floor: Floor, line: Line, its: Rank, place: Place, seat: Seat, fit: Fit, now_ms: int) -> Rank:
    """What lines compare by for an agent, before their heads' places, where their own rank is not all."""
    policy = floor.policy
    surge = next((at for queue, at in policy.surges if queue == line.queue), 0)
    above = (-1 if floor.waiting.get(line.queue, 0) >= surge else 1) if surge else 0
    share = next((share for queue, share in policy.shares if queue == line.queue), 0)
    given = floor.learned.given.get(line.queue, 0.0) / share if share else 0.0
    level = -fit.level if policy.levels_first else 0
    if policy.order == pb.POLICY_ORDER_WEIGHTED:
        usual_ms = floor.learned.target_ms(line.channel, line.weight)
        took_ms = floor.learned.handled_ms(None, line.channel)
        gone = line.weight * max(0, now_ms - place[1]) / max(usual_ms, 1) / took_ms
        return above, its[0], level, given, -gone
    if policy.order == pb.POLICY_ORDER_PRESSURE:
        pressure = line.weight * floor.waiting.get(line.queue, 0) / pace(floor, seat, line.queue, fit)
        return above, its[0], level, given, -pressure
    return above, its[0], level, given, *its[1:]


def pace(floor: Floor, seat: Seat, queue: str, fit: Fit) -> float:
    """Milliseconds that this agent takes for work of a queue: what they have shown, else by their level."""
    shown = seat.agent.paces.get(queue) if seat.agent.paces else None
    usual = floor.learned.handled_ms(None, "") * floor.level_factors[fit.level]
    if shown is None:
        return usual
    count, mean_ms = shown
    return (count * mean_ms + usual) / (count + 1)


def choose(floor: Floor, shape: Shape, ask: Ask, want: Want, moves: Moves) -> Choice:
    """Whom to offer it to, best first, and who is ruled out by what."""
    ruled = {rule: count for rule, count in enumerate(shape.ruled) if count}
    if floor.away:
        ruled[rt.RULE_NOT_ONLINE] = floor.away
    if floor.lost:
        ruled[rt.RULE_LOST] = floor.lost
    able, fitting, limited = shape.able_available, shape.fitting, shape.limited
    apart = {*ask.barred, *moves.agents}
    if want.last_agent:
        apart.add(want.last_agent)
    seats: list[tuple[Seat, int]] = []
    if ask.only:
        able, fitting, limited = _named(floor, shape, ask, ruled), 0, 0
        apart = {ask.only}
    elif fitting:
        seats = [(seat, len(seat.held)) for seat in _line_up(floor, shape, apart)]
    bit = 1 << shape.kind
    for agent_id in sorted(apart):
        seat = floor.seats.get(agent_id)
        if seat is None or seat.ruled or seat.profile not in shape.able:
            continue
        if not ask.only:
            fitting -= bool(seat.slots[shape.kind])
            limited -= bool(seat.limited & bit)
        moved = moves.agents.get(agent_id, UNMOVED)
        slots, at_limit = floor.room(seat, moved.units, moved.by_channel)
        if agent_id in ask.barred:
            ruled[rt.RULE_BARRED] = ruled.get(rt.RULE_BARRED, 0) + 1
            able -= 1
        elif slots[shape.kind]:
            fitting += 1
            seats.append((seat, len(seat.held) + moved.cases))
        else:
            limited += bool(at_limit & bit)
    if limited:
        ruled[rt.RULE_LIMIT] = limited
    if able > fitting + limited:
        ruled[rt.RULE_CAPACITY] = able - fitting - limited
    if not seats:
        return Choice(len(floor.seats), ruled, [])
    if floor.costly:
        best = _cheapest(floor, shape, seats, want, moves)
    else:
        best = nsmallest(BEST_MAX, _plain_keys(floor, shape, seats, want, moves))
    return Choice(len(floor.seats), ruled, best, not best)


def _named(floor: Floor, shape: Shape, ask: Ask, ruled: dict[int, int]) -> int:
    """Rule out everybody but the named agent; how many able ones are left: one or none."""
    seat = floor.seats.get(ask.only)
    is_able = seat is not None and not seat.ruled and seat.profile in shape.able
    if shape.able_available > is_able:
        ruled[rt.RULE_NOT_NAMED] = shape.able_available - is_able
    return int(is_able)


def _line_up(floor: Floor, shape: Shape, apart: set[str]) -> list[Seat]:
    """Those who fit and are not apart, in the order of the lists: as many as the policy compares."""
    policy, who = floor.policy, floor.policy.agent
    by_score = who in (pb.POLICY_AGENT_SCORE, pb.POLICY_AGENT_FASTEST)
    most = WINDOW if floor.costly else WINDOW_SCORE if by_score else BEST_MAX
    bit = 1 << shape.kind
    seats = floor.seats
    is_by_profile = who in _BY_PROFILE or policy.levels_first or policy.bots_first or bool(shape.prefers)
    enough = most + len(apart)
    if is_by_profile or len(shape.able) <= PROFILES_FEW:
        keys: list[Key] = []
        for profile in shape.able:
            for mask, there in profile.lists.items():
                if mask & bit:
                    keys += there[:enough]
        if not is_by_profile:
            keys.sort()
            del keys[enough:]
    else:
        keys = _from_crowd(floor, shape, enough)
    found = [seats[key[2]] for key in keys if key[2] not in apart]
    return found if is_by_profile else found[:most]


_BY_PROFILE = (pb.POLICY_AGENT_BEST_SKILLED, pb.POLICY_AGENT_LEAST_FLEXIBLE)
"""Where the profile decides, the first of each profile are compared."""


def _from_crowd(floor: Floor, shape: Shape, enough: int) -> list[Key]:
    """The same from the common lists, passing by who does not fit."""
    bit, able, seats = 1 << shape.kind, shape.able, floor.seats
    lists = [there for mask, there in floor.crowd.items() if mask & bit and there]
    keys: Iterable[Key] = lists[0] if len(lists) == 1 else merge(*lists)
    return list(islice((key for key in keys if seats[key[2]].profile in able), enough))


def _cheapest(
    floor: Floor, shape: Shape, seats: Sequence[tuple[Seat, int]], want: Want, moves: Moves
) -> list[Candidate]:
    """The best few by work, price and usual work; the last agent saves some. Who costs too much is left out.

    The parts of those few only are told, so they are worked out at the end.
    """
    seconds, levels, hands = pricing.work(floor, shape)
    most, last_hand, units = want.most, len(hands) - 1, shape.units
    bots = _bots_rank(floor, want.queue) if floor.policy.bots_first else 0
    able, agents = shape.able, moves.agents
    shift = pricing.shifted(floor, moves) if agents else {}
    known: dict[tuple[Profile, int, int, tuple[int, ...]], tuple[float, float, float, int, float]] = {}
    found: list[tuple[int, float, int, str, float, float, float, float, int]] = []
    for seat, in_hand in seats:
        profile, agent = seat.profile, seat.agent
        room = agent.capacity - seat.used
        slots, idle_ms = seat.slots, agent.idle_ms
        moved = agents.get(seat.id) if agents else None
        if moved is not None:
            room -= moved.units
            slots = floor.room(seat, moved.units, moved.by_channel)[0]
            idle_ms = moves.now_ms
        # Agents of a profile with the same room and as much in hand are worth the same.
        alike = profile, room, in_hand, tuple(slots)
        worth = known.get(alike)
        if worth is None:
            level, missing = able[profile]
            price = pricing.price(floor, profile, slots, room, units, shift)
            usual = seconds * pricing.usual(floor, profile, mask_of(slots) if moved else seat.mask)
            work = levels[level] * hands[in_hand if in_hand < last_hand else last_hand]
            cost = seconds * work * price
            total = (
                work + pricing.PRICE_WEIGHT * cost + pricing.USUAL_WEIGHT * usual
                + pricing.MISSING_WORK * missing
            )  # fmt: skip
            worth = known[alike] = total, work, cost, missing, usual
        total, work, cost, missing, usual = worth
        if cost > most:
            continue
        saved = want.worth_ms / 1000 / seconds if seat.id == want.last_agent else 0.0
        bot = bots if profile.bot else 0
        found.append((bot, total - saved, idle_ms, seat.id, saved, work, cost, usual, missing))
    found.sort()
    return [Candidate(one[:3], one[3], one[4:]) for one in found[:BEST_MAX]]


def _bots_rank(floor: Floor, queue: str) -> int:
    """Before people or behind them, where the policy asks bots first."""
    policy = floor.policy
    known = floor.learned.contained.get(queue)
    if known is None or known.count < BOTS_KNOWN:
        return -1
    return -1 if known.value >= policy.bots_contain else 1


def _plain_keys(
    floor: Floor, shape: Shape, seats: Sequence[tuple[Seat, int]], want: Want, moves: Moves
) -> Iterable[Candidate]:
    """By bots, last agent, what is preferred, level if that goes first, and the policy's own key."""
    policy, able, agents = floor.policy, shape.able, moves.agents
    own = _OWN.get(policy.agent)
    bots = _bots_rank(floor, want.queue) if policy.bots_first else 0
    for seat, in_hand in seats:
        fit = able[seat.profile]
        moved = agents.get(seat.id)
        if moved is None:
            place = seat.key if seat.key is not None else floor.key(seat)
            idle_ms, used = seat.agent.idle_ms, seat.used
        else:
            idle_ms, used = moves.now_ms, seat.used + moved.units
            place = floor.key(seat, moved.units, moved.cases, idle_ms, moved.last_offer)
        value = own(floor, seat, fit, want.queue, in_hand, used, moves.now_ms) if own else 0.0
        not_last = not (want.last_agent and want.worth_ms and seat.id == want.last_agent)
        level = -fit.level if policy.levels_first else 0
        key = (bots if seat.profile.bot else 0, not_last, fit.missing, level, value, place[0], place[1])
        parts = (0.0 if not_last else 1.0, fit.missing, fit.level, value if own else place[0], idle_ms)
        yield Candidate(key, seat.id, parts)


_Own = Callable[[Floor, Seat, Fit, str, int, int, int], float]


def _by_level(_: Floor, __: Seat, fit: Fit, *rest: object) -> float:
    return -fit.level


def _by_breadth(_: Floor, seat: Seat, *rest: object) -> float:
    return seat.profile.breadth


def _by_pace(floor: Floor, seat: Seat, fit: Fit, queue: str, *rest: object) -> float:
    return pace(floor, seat, queue, fit)


def _by_score(floor: Floor, seat: Seat, fit: Fit, queue: str, in_hand: int, used: int, now_ms: int) -> float:
    """The least is best, so what is good counts against it."""
    total = 0.0
    for name, weight in floor.policy.score:
        if name == "idle":
            value = max(0, now_ms - seat.agent.idle_ms) / 60_000
        elif name == "load":
            value = -used / max(seat.agent.capacity, 1)
        elif name == "active":
            value = -in_hand
        elif name == "skill":
            value = fit.level
        elif name == "flexibility":
            value = -seat.profile.breadth
        else:
            value = -pace(floor, seat, queue, fit) / 60_000
        total -= weight * value
    return total


_OWN: dict[int, _Own] = {
    pb.POLICY_AGENT_BEST_SKILLED: _by_level,
    pb.POLICY_AGENT_LEAST_FLEXIBLE: _by_breadth,
    pb.POLICY_AGENT_FASTEST: _by_pace,
    pb.POLICY_AGENT_SCORE: _by_score,
}
