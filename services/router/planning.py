"""What a desk's rules say of a conversation: its queue, what it requires, whether humans only.

Pure functions of the configuration and of what is known about the conversation. The first queue
whose `when` fits takes it; if none does it waits in the queue "" that requires nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sys import intern
from typing import NamedTuple

from proto.v1 import routing_pb2 as rt
from proto.v1.conversations_pb2 import MessageReceived
from proto.v1.desk_pb2 import DeskConfig
from proto.v1.desk_pb2 import Queue as QueueConfig
from proto.v1.inbound_pb2 import AUTO_KIND_NONE, AUTO_KIND_UNSPECIFIED
from services.kernel.conditions import ATTRIBUTE_PREFIX, Compiled, compile_when
from services.kernel.desk_policy import WEIGHT_PERMILLE
from services.kernel.limits import UNITS_DEFAULT, UNITS_OTHER
from services.router.policy import policy_of, shadow_of
from services.router.state import RELAX_DONE, Conversation, Desk, Labels, Pairs, Queue, Relaxation, Weights

NO_QUEUE = Queue(name="")
"""Where a conversation waits that no queue of its desk takes."""


def pairs(levels: Mapping[str, int]) -> Pairs:
    """Skills and levels in the form that signatures compare."""
    return tuple(sorted([(intern(skill), levels[skill]) for skill in levels]))


def labels_of(message: MessageReceived) -> Labels:
    """What of a message the rules may look at, beside the channel."""
    attributes = message.attributes  # whose items are looked up one by one: its own way takes twice as long
    found = [(ATTRIBUTE_PREFIX + name, attributes[name]) for name in attributes if attributes[name]]
    if message.intent:
        found.append(("intent", message.intent))
    if message.language:
        found.append(("language", message.language))
    if message.mood:
        found.append(("mood", message.mood))
    found.sort()
    return tuple(found)


def is_automatic(message: MessageReceived) -> bool:
    """A machine's mail: an automatic reply, a bounce, a list."""
    return message.auto_kind not in (AUTO_KIND_UNSPECIFIED, AUTO_KIND_NONE)


class _Table(NamedTuple):
    """Conditions in their order, to be found without looking at each: one holds if any value is there."""

    of: object
    """The queues or weights, whose table it is."""
    by_value: dict[tuple[str, str], int]
    """Place of the first whose conditions have the value in the field."""
    by_name: dict[str, Queue]
    always: int
    """Place of the first without conditions; behind the last if there is none."""

    def first(self, c: Conversation) -> int:
        """Place of the first that fits; behind the last if none does."""
        places, best = self.by_value, self.always
        place = places.get(("channel", c.channel))
        if place is not None and place < best:
            best = place
        for label in c.labels:
            place = places.get(label)
            if place is not None and place < best:
                best = place
        return best


TABLES_MAX = 10_000
"""Desks whose tables are kept."""
_TABLES: dict[int, _Table] = {}


def _table(of: tuple[Queue, ...] | Weights) -> _Table:
    """The table of these queues or weights: a memo by identity, since they never change."""
    known = _TABLES.get(id(of))
    if known is not None and known.of is of:
        return known
    by_value: dict[tuple[str, str], int] = {}
    by_name: dict[str, Queue] = {}
    always = len(of)
    every: Sequence[Queue | tuple[Compiled, int]] = of
    for place, one in enumerate(every):
        when = one.when if isinstance(one, Queue) else one[0]
        if isinstance(one, Queue):
            by_name.setdefault(one.name, one)
        if not when:
            always = min(always, place)
        for field, values in when:
            for value in values:
                by_value.setdefault((field, value), place)
    if len(_TABLES) >= TABLES_MAX:
        _TABLES.clear()
    table = _TABLES[id(of)] = _Table(of, by_value, by_name, always)
    return table


def queue_of(desk: Desk, c: Conversation) -> Queue:
    """The first queue whose conditions fit."""
    place = _table(desk.queues).first(c)
    return desk.queues[place] if place < len(desk.queues) else NO_QUEUE


def language_of(desk: Desk, c: Conversation) -> str:
    """The language that agents need, by the label or, without one, as it was asked for before."""
    for name, value in c.labels:
        if name == "language":
            return language_asked(desk, value)
    return language_asked(desk, c.language)


def queue_named(desk: Desk, name: str) -> Queue | None:
    """The queue of that name, or None."""
    return _table(desk.queues).by_name.get(name)


def language_asked(desk: Desk, language: str) -> str:
    """The language that agents need, by the desk's own name; "" if the desk does not list it."""
    if language in desk.languages:
        return language
    base = language.partition("-")[0].lower()
    return base if base in desk.languages else ""


def units_asked(desk: Desk, c: Conversation) -> int:
    """Capacity units of a conversation on its channel and account."""
    known = desk.units.get(f"{c.channel}/{c.account}")
    return known if known is not None else UNITS_DEFAULT.get(c.channel, UNITS_OTHER)


def steps_done(queue: Queue, since_ms: int, now_ms: int) -> int:
    """How many of the queue's relaxation steps are due for somebody who waits since then."""
    done = 0
    while done < len(queue.relax) and since_ms + queue.relax[done].after_ms <= now_ms:
        done += 1
    return done


def steps_within(queue: Queue, step: int) -> int:
    """So many relaxation steps without the last one, if that overflows into another queue."""
    return step - 1 if step and queue.relax[step - 1].queue else step


def is_there(desk: Desk, c: Conversation) -> bool:
    """Whether what a transfer or an escalation fixed is still to be had: the queue, or the skills."""
    if c.given:
        return queue_named(desk, c.given) is not None
    return all(skill in desk.skills for skill, _ in c.requires)


def relax(desk: Desk, queue: Queue, step: int, c: Conversation) -> Queue:
    """Put into `c` what so many steps of its queue make of it, and the queue that it waits in then."""
    last = queue.relax[step - 1] if step else None
    c.relax_step, c.prefers = step, queue.prefers
    c.requires = last.requires if last is not None else queue.requires
    overflow = queue_named(desk, last.queue) if last is not None and last.queue else None
    if last is not None and overflow is not None:
        c.relax_step, c.prefers = RELAX_DONE, overflow.prefers
        c.requires = overflow.requires if last.as_queue else last.requires
        queue = overflow
    c.queue = queue.name
    if not c.raised:
        c.priority = queue.priority
    return queue


def weight_of(desk: Desk, c: Conversation) -> int:
    """What a broken promise to this customer weighs, in thousandths."""
    weights = desk.weights
    if not weights:
        return WEIGHT_PERMILLE
    place = _table(weights).first(c)
    return weights[place][1] if place < len(weights) else WEIGHT_PERMILLE


def timer_ms(desk: Desk, c: Conversation) -> int:
    """When the next of its bars, its wait for one agent, or a relaxation step ends; 0: never."""
    queue = queue_named(desk, c.queue) if c.relax_step < RELAX_DONE else None
    relaxes = queue is not None and c.relax_step < len(queue.relax)
    if not (relaxes or c.barred or c.hold_ms or c.only):
        return 0
    times = list(c.barred.values()) if c.barred else []
    if c.hold_ms:
        times.append(c.hold_ms)
    if c.only and c.only_until_ms:
        times.append(c.only_until_ms)
    if queue is not None and relaxes:
        times.append(c.since_ms + queue.relax[c.relax_step].after_ms)
    return min(times, default=0)


def human_wanted(desk: Desk, wants_human: bool, order_value: int) -> rt.HumanWhy | None:
    """Why a message or an order makes it one for humans only, or None."""
    if wants_human and desk.bots_asked:
        return rt.HUMAN_WHY_ASKED
    if desk.bots_order_value and order_value > desk.bots_order_value:
        return rt.HUMAN_WHY_ORDER_VALUE
    return None


def has_failed(desk: Desk, bot_failed: int) -> bool:
    """Whether so many answers of bots in a row are too many."""
    return bool(desk.bots_failed_answers) and bot_failed >= desk.bots_failed_answers


def taken_over(config: DeskConfig) -> DeskConfig:
    """The part of a configuration that routing looks at: all that the router logs of it."""
    part = DeskConfig(
        skills=config.skills,
        languages=config.languages,
        leads=config.leads,
        queues=config.queues,
    )
    if config.HasField("routing"):
        part.routing.CopyFrom(config.routing)
    if config.HasField("bots"):
        part.bots.CopyFrom(config.bots)
    for account in config.accounts:
        part.accounts.add(channel=account.channel, account=account.account, units=account.units)
    return part


def configure(desk: Desk, config: DeskConfig, version: int) -> None:
    """Put a configuration into the desk; what it leaves at 0 or empty keeps the default."""
    routing, plain = config.routing, Desk()
    desk.version = version
    desk.skills = tuple(config.skills)
    desk.languages = tuple(config.languages)
    desk.leads = tuple(config.leads)
    desk.queues = tuple(_queue(queue) for queue in config.queues)
    desk.policy, desk.shadow = policy_of(routing), shadow_of(routing)
    desk.weights = tuple((compile_when(one.when), one.weight_permille) for one in routing.weights)
    desk.offer_expires_ms = routing.offer_expires_ms or plain.offer_expires_ms
    # Without the field 0 means "do not wait for the last agent", which a desk may say.
    desk.last_agent_wait_ms = (
        routing.last_agent_wait_ms if config.HasField("routing") else plain.last_agent_wait_ms
    )
    has_worth = routing.HasField("last_agent_worth_ms")
    desk.last_agent_worth_ms = routing.last_agent_worth_ms if has_worth else plain.last_agent_worth_ms
    desk.agent_lost_after_ms = routing.agent_lost_after_ms or plain.agent_lost_after_ms
    desk.bots_asked = config.bots.asked if config.HasField("bots") else plain.bots_asked
    desk.bots_order_value = config.bots.order_value_over_minor
    desk.bots_failed_answers = config.bots.failed_answers
    desk.bots_silent_ms = config.bots.silent_for_ms
    desk.units = {
        f"{account.channel}/{account.account}": account.units for account in config.accounts if account.units
    }


def _queue(queue: QueueConfig) -> Queue:
    return Queue(
        name=intern(queue.name),
        when=compile_when(queue.when),
        requires=pairs(queue.requires),
        priority=queue.priority or NO_QUEUE.priority,
        human_only=queue.human_only,
        relax=tuple(
            Relaxation(step.after_ms, pairs(step.requires), intern(step.queue), step.as_queue)
            for step in sorted(queue.relax, key=lambda step: step.after_ms)
        ),
        prefers=pairs(queue.prefers),
    )
