"""Why a conversation was offered to whom, or why it waits: in numbers and in a sentence.

`explain_offered` tells a decision as its event recorded it; `with_names` adds who they were whom settings
ruled out. `explain_waiting` judges every agent of
the desk by the rules as they stand now, one by one; it is also what the matcher is tested against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct, structs

from proto.v1 import routing_pb2 as rt
from proto.v1.routing_pb2 import Offered
from services.router import choosing, scoring
from services.router.choosing import Want, choose
from services.router.floor import Floor
from services.router.lines import Line, Place, Rank
from services.router.matching import ruled_out
from services.router.moves import Moves
from services.router.policy import Policy
from services.router.profiles import LEVEL_NONE, Ask, Fit, Shape
from services.router.state import Agent, Conversation, Desk, State, Status, ask_of

AGENTS_NAMED_MAX = 20
"""Agents whom a rule excluded that an explanation names."""
AHEAD_LOOKED_MAX = 2_000
"""Waiting conversations that are looked at for who goes before one: some milliseconds."""

_HAD_PL = "odmowa, brak odpowiedzi lub przekazanie dalej"
_HAD_EN = "declined, let ring or handed on"
"""What an agent is barred for: escalations and transfers hand on."""


class RuledOut(Struct, frozen=True):
    """A rule, how many agents it excluded first, and some of their ids."""

    rule: str
    count: int
    agents: tuple[str, ...] = ()


class Best(Struct, frozen=True):
    """A candidate, its score, and what that is made of."""

    agent: str
    score: float
    parts: dict[str, float]


class Sentence(Struct, frozen=True):
    """The same for people."""

    pl: str
    en: str


class Explanation(Struct, frozen=True):
    """One decision. `chosen` is "" where nobody could be."""

    conversation_id: str
    chosen: str
    policy: str
    policy_version: int
    considered: int
    ruled_out: tuple[RuledOut, ...]
    best: tuple[Best, ...]
    sentence: Sentence


def rule_for(
    agent: Agent, agent_id: str, used: int, ask: Ask, of_channel: int = 0, policy: Policy | None = None
) -> int:
    """The first rule that excludes an agent from a conversation; 0: they can take it.

    used: units in hand; of_channel: conversations of its channel in hand.
    """
    rule = ruled_out(agent) or unfit_for(agent, ask)
    if rule:
        return rule
    if ask.only and agent_id != ask.only:
        return rt.RULE_NOT_NAMED
    if agent_id in ask.barred:
        return rt.RULE_BARRED
    if used + ask.units > agent.capacity:
        return rt.RULE_CAPACITY
    limits = dict(policy.limits) if policy is not None else {}
    limits.update(agent.limits)
    return rt.RULE_LIMIT if of_channel >= limits.get(ask.channel, of_channel + 1) else 0


def unfit_for(agent: Agent, ask: Ask) -> int:
    """The first rule about an agent's settings that excludes them; 0: they fit."""
    if ask.human_only and agent.bot:
        return rt.RULE_HUMAN_ONLY
    if agent.channels and ask.channel not in agent.channels:
        return rt.RULE_CHANNEL
    if ask.language and ask.language not in agent.languages:
        return rt.RULE_LANGUAGE
    skills = dict(agent.skills)
    if any(skills.get(skill, 0) < level for skill, level in ask.requires):
        return rt.RULE_SKILL
    return 0


def explain_offered(offered: Offered) -> Explanation:
    """The decision that an offer recorded."""
    names = list(offered.score_parts)
    width = len(names)
    best = tuple(
        Best(agent, score, dict(zip(names, offered.best_parts[i * width : (i + 1) * width], strict=True)))
        for i, (agent, score) in enumerate(zip(offered.best_agents, offered.best_scores, strict=True))
    )
    ruled = tuple(
        RuledOut(rule_name(rule), count)
        for rule, count in zip(offered.ruled_out_rules, offered.ruled_out_counts, strict=True)
    )
    return Explanation(
        conversation_id=offered.conversation_id,
        chosen=offered.agent_id,
        policy=offered.policy,
        policy_version=offered.policy_version,
        considered=offered.considered,
        ruled_out=ruled,
        best=best,
        sentence=_chosen_sentence(offered, best, ruled),
    )


def with_names(past: Explanation, state: State, ask: Ask) -> Explanation:
    """A past decision with the agents by name whom their settings ruled out, as those are now.

    Only the counts of a decision are kept. Who was away, lost, full or barred was so at that moment, and
    is not told. Whoever is there now comes first, and never more than were counted: who is not there
    may have been away then, too, which is the rule that counted them.
    """
    found: dict[str, list[tuple[int, str]]] = {}
    for agent_id, agent in state.desk(ask.desk).agents.items():
        rule = unfit_for(agent, ask)
        if rule and agent_id != past.chosen:
            found.setdefault(rule_name(rule), []).append((ruled_out(agent), agent_id))
    ruled = []
    for one in past.ruled_out:
        first = sorted(found.get(one.rule, ()))[: min(one.count, AGENTS_NAMED_MAX)]
        names = tuple(sorted(agent_id for _, agent_id in first))
        ruled.append(structs.replace(one, agents=names))
    return structs.replace(past, ruled_out=tuple(ruled))


def explain_waiting(state: State, conversation_id: str, now_ms: int = 0) -> Explanation | None:
    """Why a waiting conversation has nobody now; None if it does not wait.

    Whoever could take it is scored all the same: it is held back from them, for what cannot wait.
    """
    c = state.data.conversations.get(conversation_id)
    if c is None or c.status != Status.WAITING:
        return None
    desk, ask = state.desk(c.desk), ask_of(c)
    found = _judge_all(state, c.desk, desk, ask)
    reason = _reason(state, conversation_id, c, found, now_ms)
    floor = state.matcher.floor(c.desk)
    want = Want(c.last_agent, desk.last_agent_worth_ms, c.queue)
    best = choose(floor, floor.shape(ask), ask, want, Moves(now_ms)).best
    names, scores, parts = scoring.explained(desk.policy, best, now_ms)
    width = len(names)
    ruled = tuple(
        RuledOut(rule_name(rule), len(agents), tuple(sorted(agents)[:AGENTS_NAMED_MAX]))
        for rule, agents in sorted(found.items())
        if rule
    )
    return Explanation(
        conversation_id=conversation_id,
        chosen="",
        policy=desk.policy.name,
        policy_version=desk.version,
        considered=len(desk.agents),
        ruled_out=ruled,
        best=tuple(
            Best(one.agent_id, score, dict(zip(names, parts[i * width : (i + 1) * width], strict=True)))
            for i, (one, score) in enumerate(zip(best, scores, strict=True))
        ),
        sentence=_waiting_sentence(reason, len(desk.agents), ruled),
    )


class Reason(NamedTuple):
    """Why it waits, in both languages."""

    pl: str
    en: str


def _reason(
    state: State, key: str, c: Conversation, found: Mapping[int, Sequence[str]], now_ms: int
) -> Reason:
    """The one thing that keeps it waiting: somebody named, that it can wait, that nobody can do it at all,
    that nobody is there, or who stands before it."""
    named = c.only or (c.last_agent if c.hold_ms else "")
    if named:
        return Reason(f"czeka na: {named}", f"it waits for {named}")
    could = len(found.get(0, ()))
    if could and 0 < c.due_ms <= now_ms:
        return Reason(
            f"jest już po terminie, a kto ma miejsce ({could}), jest potrzebny dla obietnic do dotrzymania",
            f"it is late already, and whoever has room ({could}) is needed for promises that can be kept",
        )
    if could:
        return Reason(
            f"może poczekać, a kto ma miejsce ({could}), jest potrzebny dla rozmów na żywo",
            f"it can wait, and whoever has room ({could}) is needed for customers who cannot",
        )
    shape, line, place = state.matcher.floor(c.desk).where[key]
    if not shape.able:
        pl, en = _asked(c)
        return Reason(f"nikt w zespole tego nie potrafi ({pl})", f"nobody of the desk can do it ({en})")
    if not shape.able_available:
        return Reason("nie ma teraz nikogo, kto to potrafi", "nobody who can do it is there now")
    agents = state.desk(c.desk).agents
    too_small = sum(agents[one].capacity < c.units for one in found.get(rt.RULE_CAPACITY, ()))
    barred = len(found.get(rt.RULE_BARRED, ()))
    ahead = _ahead(state.matcher.floor(c.desk), shape, line, place, now_ms)
    return _nobody_free(shape.able_available, barred, too_small, c.units, ahead)


def _asked(c: Conversation) -> Reason:
    """All that it asks of an agent."""
    asked = [f"{skill} {level}" for skill, level in c.requires]
    asked += [word for word in (c.language, c.channel) if word]
    pl, en = ("tylko ludzie", "humans only") if c.human_only else ("", "")
    return Reason(*(", ".join([*asked, word] if word else asked) for word in (pl, en)))


def _nobody_free(able: int, barred: int, too_small: int, units: int, ahead: str) -> Reason:
    """Of those who are there and could take it, why none does: `barred` do not want it, and for `too_small`
    it is too much even with empty hands; the others are busy."""
    busy = able - barred - too_small
    if barred == able:
        return Reason(
            f"kto może ją przyjąć ({barred}), już ją miał ({_HAD_PL}); pytamy znowu po kilku minutach",
            f"whoever can take it ({barred}) had it already ({_HAD_EN}); asked again after some minutes",
        )
    if too_small == able:
        return Reason(
            f"kto to potrafi ({able}), nie zmieści jej nawet z pustymi rękami: zajmuje {units}",
            f"for whoever can do it ({able}) it is too much even with empty hands: it takes {units}",
        )
    if busy == able:
        return Reason(
            f"wszyscy, którzy mogą ją przyjąć ({able}), są zajęci; przed nią w kolejce: {ahead}",
            f"all who can take it ({able}) are busy; before it in line: {ahead}",
        )
    told = (
        (busy, "zajęci", "busy"),
        (barred, f"już ją mieli ({_HAD_PL})", f"had it already ({_HAD_EN})"),
        (too_small, f"za mało miejsca nawet z pustymi rękami (zajmuje {units})",
         f"too little room even with empty hands (it takes {units})"),
    )  # fmt: skip
    pl, en = (", ".join(f"{one[word]}: {one[0]}" for one in told if one[0]) for word in (1, 2))
    return Reason(
        f"z tych, którzy mogą ją przyjąć ({able}): {pl}; przed nią w kolejce: {ahead}",
        f"of those who can take it ({able}): {en}; before it in line: {ahead}",
    )


def _ahead(floor: Floor, shape: Shape, line: Line, place: Place, now_ms: int) -> str:
    """How many go before it with somebody who could take it, in the policy's order; of very many no more than
    some are looked at, and it is said that there are more."""
    seat = next(seat for profile in shape.able for seat in profile.seats.values() if not seat.ruled)

    def ranked(its: Line, at: Place) -> tuple[Rank, Place]:
        rank = its.ranked(at, now_ms)
        if not choosing.is_plain(floor.policy):
            rank = choosing.rank(floor, its, rank, at, seat, Fit(LEVEL_NONE, 0), now_ms)
        return rank, at

    own, ahead, looked = ranked(line, place), 0, 0
    for other in floor.waited:
        if shape.able.keys().isdisjoint(other.able):
            continue
        for its in other.lines.values():
            named = floor.seats.get(its.only)
            if its.only and (named is None or named.profile not in shape.able):
                continue
            for at in its.places:
                looked += 1
                if looked > AHEAD_LOOKED_MAX:
                    return f"{ahead}+"
                ahead += ranked(its, at) < own
    return str(ahead)


def _judge_all(state: State, desk_id: str, desk: Desk, ask: Ask) -> Mapping[int, list[str]]:
    found: dict[int, list[str]] = {}
    for agent_id, agent in desk.agents.items():
        used = state.matcher.used(desk_id, agent_id)
        of_channel = state.matcher.held_of(desk_id, agent_id, ask.channel)
        rule = rule_for(agent, agent_id, used, ask, of_channel, desk.policy)
        found.setdefault(rule, []).append(agent_id)
    return found


def rule_name(rule: int) -> str:
    """The rule's name as the API has it."""
    name: str = rt.Rule.Name(rule)
    return name.removeprefix("RULE_").lower()


_RULES_PL = {
    "not_online": "poza stanem online",
    "lost": "bez połączenia",
    "channel": "bez tego kanału",
    "language": "bez języka klienta",
    "skill": "bez wymaganych umiejętności",
    "capacity": "bez wolnego miejsca",
    "barred": f"niedawno już ją mieli ({_HAD_PL})",
    "human_only": "boty (sprawa tylko dla ludzi)",
    "not_named": "inni niż wskazana osoba",
    "limit": "z tyloma sprawami z tego kanału, ile wolno naraz",
}
_RULES_EN = {
    "not_online": "not online",
    "lost": "without connection",
    "channel": "without this channel",
    "language": "without the customer's language",
    "skill": "without the required skills",
    "capacity": "without room",
    "barred": f"had it lately ({_HAD_EN})",
    "human_only": "bots (it is for humans only)",
    "not_named": "others than the named agent",
    "limit": "with as many of this channel as they may have",
}
_WHY = {
    "costs_others": (
        "najmniejszy koszt: praca i to, do czego inni będą potrzebować tej osoby",
        "the least cost: the work, and what others will need the agent for",
    ),
    "load_permille": ("najmniej obciążona osoba", "the least loaded"),
    "open": ("najmniej otwartych spraw", "the fewest open conversations"),
    "last_offer": ("kolej tej osoby", "next in turn"),
    "level": ("najlepsza w tym osoba", "the best at it"),
    "breadth": ("osoba, która umie najmniej innych rzeczy", "can do the fewest other things"),
    "pace_ms": ("zwykle najszybsza w tej kolejce", "usually the quickest in this queue"),
    "score": ("najlepszy wynik według wag działu", "the best score by the desk's weights"),
}
"""What decided, by the part that the scores have; without any of them whoever is idle for longest."""


def _decided(agent: str, best: Sequence[Best], ruled: Sequence[RuledOut]) -> Reason:
    """What it was offered to this agent for: what sets their score apart, else what the policy compares."""
    chosen = next((one for one in best if one.agent == agent), None)
    parts = chosen.parts if chosen is not None else {}
    others = [one.score for one in best if one.agent != agent]
    ahead = chosen.score - max(others) if chosen is not None and others else 0.0
    if ahead > scoring.BOTS / 2:
        return Reason("boty są tu pytane najpierw", "bots are asked first here")
    if parts.get("last_agent"):
        return Reason("ostatnia osoba tego klienta", "had this customer last")
    if any(one.rule == "not_named" for one in ruled):
        return Reason("wskazana osoba", "the named agent")
    if ahead > scoring.MISSING / 2:
        return Reason("ma więcej z tego, co kolejka woli", "has more of what the queue prefers")
    if ahead > scoring.LEVEL / 2:
        return Reason("najwyższy poziom", "the highest level")
    found = (_WHY[name] for name in parts if name in _WHY)
    return Reason(*next(found, ("najdłużej bez pracy", "the longest idle")))


def _chosen_sentence(offered: Offered, best: Sequence[Best], ruled: Sequence[RuledOut]) -> Sentence:
    agent, considered, together = offered.agent_id, offered.considered, offered.together
    why_pl, why_en = _decided(agent, best, ruled)
    if together:
        why_pl = f"najlepiej dla {together} rozmów razem"
        why_en = f"best for {together} conversations together"
    return Sentence(
        pl=f"Zaproponowano: {agent} ({why_pl}). Agenci w zespole: {considered}{_listed(ruled, _RULES_PL)}.",
        en=f"Offered to {agent} ({why_en}). Agents of the desk: {considered}{_listed(ruled, _RULES_EN)}.",
    )


def _waiting_sentence(reason: Reason, considered: int, ruled: Sequence[RuledOut]) -> Sentence:
    return Sentence(
        pl=f"Czeka: {reason.pl}. Agenci w zespole: {considered}{_listed(ruled, _RULES_PL)}.",
        en=f"Waits: {reason.en}. Agents of the desk: {considered}{_listed(ruled, _RULES_EN)}.",
    )


def _listed(ruled: Sequence[RuledOut], texts: Mapping[str, str]) -> str:
    parts = [f"{texts.get(one.rule, one.rule)}: {one.count}" for one in ruled]
    return "; " + ", ".join(parts) if parts else ""
