"""One desk's floor: agents by what they have, waiting conversations by what they ask for.

The structures behind `matching.py`, which explains them and is the only one to change them; what stands on
it is in `profiles.py`.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from proto.v1 import desk_pb2 as pb
from proto.v1 import routing_pb2 as rt
from services.router.learning import HANDS_MAX, Demand, Learned, demand_key
from services.router.lines import Line, Waiter
from services.router.ordered import Ordered
from services.router.policy import Policy
from services.router.profiles import (
    HANDS_AWAY,
    HANDS_MANY,
    SLOTS_MAX,
    Ask,
    Fit,
    Key,
    Profile,
    Seat,
    Shape,
    relive,
)

SHAPES_MAX = 1_000
"""Shapes of a desk kept although nobody waits in them and they are not known to come; they cost a judgement
to make anew."""


class Floor:
    """One desk's agents and waiting conversations."""

    __slots__ = ("able_later", "asked", "away", "costly", "crowd", "demands", "hand_factors", "kinds",
                 "later", "learned", "level_factors", "limits", "lost", "policy", "profiles", "seats",
                 "shapes", "singled", "sizes", "staffed", "stale", "waited", "waiting", "where")  # fmt: skip

    def __init__(self, policy: Policy, learned: Learned) -> None:
        self.policy = policy
        self.costly = policy.is_costly
        self.limits = dict(policy.limits)
        self.learned = learned
        self.demands = {demand_key(demand): demand for demand in learned.demands}
        self.seats: dict[str, Seat] = {}
        self.profiles: dict[object, Profile] = {}
        self.shapes: dict[tuple[object, ...], Shape] = {}
        self.kinds: dict[tuple[str, int], int] = {}
        """Channel and units that somebody asked for, numbered."""
        self.sizes: list[int] = []
        """Units by kind."""
        self.crowd: dict[int, Ordered[Key]] = {}
        """All who have room, by the kinds that fit (bits)."""
        self.away = 0
        self.lost = 0
        self.where: dict[str, tuple[Shape, Line, tuple[int, int, str]]] = {}
        self.waited: dict[Shape, None] = {}
        """Shapes in which somebody waits."""
        self.singled: dict[str, int] = {}
        """In how many lines an agent is the only one who may take it, or is barred."""
        self.waiting: dict[str, int] = {}
        """By queue."""
        self.later = 0
        """How many of those who wait were not promised an answer within minutes."""
        self.able_later: dict[str, int] = {}
        """By language: available agents who could do work that comes and can wait."""
        self.asked: tuple[Ask, Shape] | None = None
        """The signature that was looked up last, with its shape: one decision asks for it again and again."""
        self.stale: dict[Seat, None] = {}
        """Whose hands have changed since counts and lists were right; `settle` makes them right again."""
        self.staffed = 0
        """Changes whenever the shares of live work do."""
        self._factor()

    def _factor(self) -> None:
        self.level_factors = [self.learned.level_factor(level) for level in range(6)]
        self.hand_factors = [self.learned.hand_factor(in_hand) for in_hand in range(HANDS_MAX)]

    def shape(self, ask: Ask) -> Shape:
        """The shape of a signature, judged against every profile when it is new."""
        if self.asked is not None and self.asked[0] is ask:
            return self.asked[1]
        key = demand_key(ask)
        shape = self.shapes.get(key)
        if shape is None:
            if len(self.shapes) - len(self.demands) >= SHAPES_MAX:
                self._drop_idle_shapes()
            shape = self.shapes[key] = Shape(ask, self._kind(ask.channel, ask.units))
            shape.demand = self.demands.get(key)
            for profile in self.profiles.values():
                self.introduce(shape, profile)
            shape.each = shape.each_of()
            self._rate(shape, self.learned.is_live(shape.channel))
        self.asked = ask, shape
        return shape

    def demand_of(self, shape: Shape) -> Demand:
        """What is known of how much of this comes."""
        if shape.demand is None:
            demand = Demand(
                shape.requires, shape.prefers, shape.language, shape.channel, shape.human_only, shape.units
            )
            shape.demand = self.demands[demand_key(demand)] = demand
            self._plan(shape)
        return shape.demand

    def rates_changed(self) -> None:
        """What comes is rated anew: every shape's risk follows, and demands without a shape get one."""
        if len(self.demands) > len(self.learned.demands):
            self.demands = {demand_key(demand): demand for demand in self.learned.demands}
            for key, shape in self.shapes.items():
                shape.demand = self.demands.get(key)
        self.staffed += 1
        live: dict[str, bool] = {}
        for shape in self.shapes.values():
            channel = shape.channel
            if channel not in live:
                live[channel] = self.learned.is_live(channel)
            self._rate(shape, live[channel])

    def know_demands(self, desk_id: str) -> None:
        """Make the shapes of all that is learned; for a floor that was made anew."""
        for d in self.learned.demands:
            self.shape(
                Ask(desk_id, d.requires, d.language, d.channel, d.units, d.human_only, "", (), d.prefers)
            )

    def _rate(self, shape: Shape, is_live: bool) -> None:
        if shape.live != is_live:
            shape.live = is_live
            waiting = sum(line.count for line in shape.lines.values())
            self.later += -waiting if is_live else waiting
            if waiting and not self.policy.priority_first:
                self._wait_for(shape, int(not is_live), -waiting)
                self._wait_for(shape, int(is_live), waiting)
            for profile in shape.able:
                relive(profile)
        demand = shape.demand
        shape.rate = demand.rate if demand is not None and is_live else 0.0
        shape.risk = shape.risk_at(shape.slots)
        self._plan(shape)

    def _plan(self, shape: Shape) -> None:
        """Count the shape among what comes and can wait, or no longer."""
        later = shape.demand is not None and not shape.live
        if later != shape.later:
            shape.later = later
            for profile in shape.able:
                self._plan_for(profile, shape.language, 1 if later else -1)

    def _plan_for(self, profile: Profile, language: str, by: int) -> None:
        """So many more shapes of the language come, can wait, and fit the profile."""
        was = profile.later.get(language, 0)
        profile.later[language] = was + by
        if not was:
            self._able_later(language, profile.available)
        elif not was + by:
            del profile.later[language]
            self._able_later(language, -profile.available)

    def _able_later(self, language: str, by: int) -> None:
        self.able_later[language] = self.able_later.get(language, 0) + by

    def line(self, shape: Shape, ask: Ask, c: Waiter) -> Line:
        """The line of a signature; somebody will wait in it."""
        key = (ask.only, ask.barred, c.queue, c.weight, c.priority, c.raised)
        line = shape.lines.get(key)
        if line is None:
            line = shape.lines[key] = Line(self.policy, key, c, shape.channel)
            self.waited[shape] = None
            for agent_id in line.about:
                self.singled[agent_id] = self.singled.get(agent_id, 0) + 1
        return line

    def waited_of(self, able: dict[Shape, Fit]) -> list[tuple[Shape, Fit]]:
        """Those of these shapes in which somebody waits."""
        return [(shape, able[shape]) for shape in self.waited if shape in able]

    def end_line(self, shape: Shape, line: Line) -> None:
        """Nobody waits in the line any more."""
        del shape.lines[line.key]
        if not shape.lines:
            del self.waited[shape]
        for agent_id in line.about:
            self.singled[agent_id] -= 1
            if not self.singled[agent_id]:
                del self.singled[agent_id]

    def introduce(self, shape: Shape, profile: Profile) -> None:
        """Judge a pair of shape and profile, of which one is new."""
        rule = shape.judge(profile)
        available = [seat for seat in profile.seats.values() if not seat.ruled]
        if rule:
            shape.unable[profile] = rule
            profile.rulings[shape] = rule
            if available:
                shape.ruled[rule] += len(available)
            return
        shape.able[profile] = profile.able[shape] = shape.fit(profile)
        shape.agents += len(profile.seats)
        for urgency, count in shape.waiting.items():
            profile.load[urgency] += count * shape.each
        profile.by_kind[shape.kind].append(shape)
        if shape.later:
            self._plan_for(profile, shape.language, 1)
        if shape.live:
            relive(profile)
        shape.able_available += len(available)
        bit = 1 << shape.kind
        for seat in available:
            shape.slots += seat.slots[shape.kind]
            shape.fitting += bool(seat.slots[shape.kind])
            shape.limited += bool(seat.limited & bit)

    def wait(self, shape: Shape, line: Line, by: int) -> None:
        """So many more wait in the line."""
        self.waiting[line.queue] = self.waiting.get(line.queue, 0) + by
        if not shape.live:
            self.later += by
        self._wait_for(shape, line.priority if self.policy.priority_first else int(shape.live), by)

    @staticmethod
    def _wait_for(shape: Shape, urgency: int, by: int) -> None:
        shape.waiting[urgency] = shape.waiting.get(urgency, 0) + by
        load = by * shape.each
        for profile in shape.able:
            profile.load[urgency] += load

    @staticmethod
    def seat(seat: Seat, profile: Profile, by: int) -> None:
        """Somebody comes into the profile, or leaves it: each of its agents' part of what waits changes."""
        if by > 0:
            profile.seats[seat.id] = seat
        else:
            del profile.seats[seat.id]
        for shape in profile.able:
            shape.agents += by
            each = shape.each_of()
            if each == shape.each:
                continue
            for urgency, count in shape.waiting.items() if shape.lines else ():
                step = count * (each - shape.each)
                for other in shape.able:
                    other.load[urgency] += step
            shape.each = each

    def _drop_idle_shapes(self) -> None:
        self.asked = None
        for key in [key for key, s in self.shapes.items() if not s.lines and s.demand is None]:
            shape = self.shapes.pop(key)
            for profile in shape.able:
                del profile.able[shape]
                profile.by_kind[shape.kind].remove(shape)
                relive(profile)
            for profile in shape.unable:
                del profile.rulings[shape]

    def _kind(self, channel: str, units: int) -> int:
        kind = self.kinds.get((channel, units))
        if kind is None:
            kind = self.kinds[channel, units] = len(self.kinds)
            self.sizes.append(units)
            for profile in self.profiles.values():
                profile.by_kind.append([])
            for seat in self.seats.values():
                seat.slots.append(0)
            for seat in self.seats.values():
                self.reseat(seat)
        return kind

    def key(self, seat: Seat, units: int = 0, cases: int = 0, at_ms: int = 0, last_offer: int = 0) -> Key:
        """Where the policy puts an agent, with so much more in hand; the least is asked first."""
        agent, who = seat.agent, self.policy.agent
        if who == pb.POLICY_AGENT_LEAST_LOADED:
            load = (seat.used + units) * 1000 // max(agent.capacity, 1)
            return load, at_ms or agent.idle_ms, seat.id
        if who in (pb.POLICY_AGENT_LEAST_ACTIVE, pb.POLICY_AGENT_LEAST_COST):
            return len(seat.held) + cases, at_ms or agent.idle_ms, seat.id
        if who == pb.POLICY_AGENT_ROUND_ROBIN:
            return last_offer or agent.last_offer, 0, seat.id
        return at_ms or agent.idle_ms, 0, seat.id

    def room(self, seat: Seat, units: int = 0, more: dict[str, int] | None = None) -> tuple[list[int], int]:
        """How many of each kind the agent could take with so much more in hand, and for which kinds only a
        limit stands in the way."""
        room = seat.agent.capacity - seat.used - units
        if seat.ruled or room <= 0:
            return [0] * len(self.kinds), 0
        slots = [room // size for size in self.sizes]
        if not self.limits and not seat.profile.limits:
            return slots, 0
        limited = 0
        for (channel, _), kind in self.kinds.items():
            limit = seat.profile.limits.get(channel, self.limits.get(channel))
            if limit is not None and slots[kind]:
                has = seat.by_channel.get(channel, 0) + (more.get(channel, 0) if more else 0)
                slots[kind] = min(slots[kind], max(0, limit - has))
                if not slots[kind]:
                    limited |= 1 << kind
        return slots, limited

    def settle(self) -> None:
        """Count whoever was given or has done work. Late, since most who are freed are given other work by
        the same decision: then nothing of what is counted has changed."""
        stale, self.stale = self.stale, {}
        for seat in stale:
            self.reseat(seat)

    def reseat(self, seat: Seat) -> None:
        """Anything of the agent has changed: counts and lists follow."""
        slots, limited = self.room(seat)
        profile = seat.profile
        hands = HANDS_AWAY if seat.ruled else min(len(seat.held), HANDS_MANY)
        if hands != seat.hands:
            profile.hands[seat.hands] -= 1
            profile.hands[hands] += 1
            seat.hands = hands
        if limited != seat.limited:
            self._recount_limited(seat, limited)
        if slots != seat.slots:
            mask = 0
            for kind, (now, was) in enumerate(zip(slots, seat.slots, strict=True)):
                if now:
                    mask |= 1 << kind
                if now == was:
                    continue
                step, fitting = now - was, bool(now) - bool(was)
                for shape in profile.by_kind[kind]:
                    shape.slots = left = shape.slots + step
                    shape.fitting += fitting
                    if shape.rate:
                        shape.risk = shape.rate * shape.needed[left] if 0 < left < SLOTS_MAX else 0.0
            seat.slots = slots
        else:
            mask = seat.mask
        key = self.key(seat) if mask else None
        if key != seat.key or mask != seat.mask:
            self.unlist(seat)
            if key is not None:
                self._enlist(seat, key, mask)

    def count(self, seat: Seat, by: int) -> None:
        """`by` more agents as this one is now; an available one has no slots yet, or none any more."""
        if seat.ruled == rt.RULE_NOT_ONLINE:
            self.away += by
        elif seat.ruled == rt.RULE_LOST:
            self.lost += by
        else:
            self.staffed += 1
            seat.profile.available += by
            for language in seat.profile.later:
                self._able_later(language, by)
            for shape in seat.profile.able:
                shape.able_available += by
            for shape, rule in seat.profile.rulings.items():
                shape.ruled[rule] += by

    def forget(self, profile: Profile) -> None:
        """Nobody has this profile any more."""
        del self.profiles[profile.given]
        for shape in profile.able:
            del shape.able[profile]
        for shape in self.shapes.values():
            shape.unable.pop(profile, None)

    def _recount_limited(self, seat: Seat, limited: int) -> None:
        for kind in range(len(self.kinds)):
            step = (limited >> kind & 1) - (seat.limited >> kind & 1)
            for shape in seat.profile.by_kind[kind] if step else ():
                shape.limited += step
        seat.limited = limited

    def unlist(self, seat: Seat) -> None:
        """Take an agent out of the lists."""
        if seat.key is None:
            return
        there = seat.profile.lists[seat.mask]
        del there[bisect_left(there, seat.key)]
        if not there:
            del seat.profile.lists[seat.mask]
        self.crowd[seat.mask].remove(seat.key)
        seat.key, seat.mask = None, 0

    def _enlist(self, seat: Seat, key: Key, mask: int) -> None:
        seat.key, seat.mask = key, mask
        insort(seat.profile.lists.setdefault(mask, []), key)
        crowd = self.crowd.get(mask)
        if crowd is None:
            crowd = self.crowd[mask] = Ordered()
        crowd.add(key)
