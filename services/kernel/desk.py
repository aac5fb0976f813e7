"""A desk's configuration: from the document that a shop's lead writes to what the engines read.

`parse_desk` takes plain values (a map as JSON has them; `services.runtime.desk_file` reads YAML), finds
everything that is wrong at once, and fills in what is left out: only a name, channels and skills are
required. What is accepted and not honoured yet is named, so that nobody is surprised.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from proto.v1.desk_pb2 import AGENT_KIND_BOT, AGENT_KIND_HUMAN, Agent, DeskConfig, Queue
from services.kernel.conditions import attributes_named, span_for, units_for, when_matches
from services.kernel.desk_hours import parse_hours
from services.kernel.desk_parse import (
    PRIORITY_DEFAULT,
    UNITS_MAX,
    Context,
    language,
    names,
    parse_accounts,
    parse_bots,
    parse_holidays,
    parse_levels,
    parse_notices,
    parse_queues,
    parse_webhooks,
)
from services.kernel.desk_policy import parse_limits, parse_routing
from services.kernel.desk_sla import default_policies, parse_sla
from services.kernel.document import Node, plain_problems
from services.kernel.errors import Invalid, Problem
from services.kernel.limits import CAPACITY_DEFAULT

__all__ = [
    "DeskDocument",
    "attributes_named",
    "parse_agent",
    "parse_desk",
    "span_for",
    "units_for",
    "when_matches",
]

SECTIONS = (
    "name locale time_zone hours holidays channels skills languages leads "
    "queues routing sla bots notices webhooks"
).split()
AGENT_KINDS = {"human": AGENT_KIND_HUMAN, "bot": AGENT_KIND_BOT}
SKILL_CHARS_MAX = 64


@dataclass(frozen=True, slots=True)
class DeskDocument:
    """A configuration that holds.

    source_json: the document as it was written, as canonical JSON (sorted keys, no spaces).
    not_in_effect: JSON pointers to what is accepted but not honoured by this release.
    """

    desk: DeskConfig
    source_json: str
    not_in_effect: list[str]


def parse_desk(document: object) -> DeskDocument:
    """The desk that a document describes.

    Raises Invalid with a pointer and a rule for each thing that is wrong.
    """
    problems = plain_problems(document)
    desk, context = DeskConfig(), Context()
    if not problems:
        _parse(Node(document, "", problems), desk, context)
    if problems:
        raise _invalid("the configuration", problems)
    source = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return DeskDocument(desk, source, sorted(context.not_in_effect))


def _parse(node: Node, desk: DeskConfig, context: Context) -> None:
    fields = node.fields(SECTIONS, required=("name", "channels", "skills"))
    desk.name = fields["name"].name() if "name" in fields else ""
    desk.locale = language(fields["locale"]) if "locale" in fields else "en"
    desk.time_zone = _time_zone(fields["time_zone"]) if "time_zone" in fields else "UTC"
    if "hours" in fields:
        desk.hours.extend(parse_hours(fields["hours"]))
    if "holidays" in fields:
        parse_holidays(fields["holidays"], context)
    if "channels" in fields:
        desk.accounts.extend(parse_accounts(fields["channels"], context))
    if "skills" in fields:
        context.skills = names(fields["skills"], lambda item: item.text(SKILL_CHARS_MAX), 200)
        desk.skills.extend(context.skills)
    if "languages" in fields:
        desk.languages.extend(names(fields["languages"], language, 100))
    if "leads" in fields:
        context.leads = names(fields["leads"], Node.name, 100)
        desk.leads.extend(context.leads)
    if "queues" in fields:
        desk.queues.extend(parse_queues(fields["queues"], context))
    else:
        desk.queues.append(Queue(name="default", priority=PRIORITY_DEFAULT))
    queues = [queue.name for queue in desk.queues]
    desk.routing.CopyFrom(parse_routing(fields.get("routing"), queues, context))
    desk.sla.extend(parse_sla(fields["sla"], context) if "sla" in fields else default_policies())
    desk.bots.CopyFrom(parse_bots(fields.get("bots"), context))
    desk.notices.CopyFrom(parse_notices(fields.get("notices"), context))
    if "webhooks" in fields:
        desk.webhooks.extend(parse_webhooks(fields["webhooks"]))


def _time_zone(node: Node) -> str:
    name = node.text()
    try:
        return ZoneInfo(name).key if name else ""
    except (ZoneInfoNotFoundError, ValueError, OSError):
        node.wrong('must be a time zone of the IANA database such as "Europe/Warsaw"')
        return ""


def parse_agent(agent_id: str, document: object, desk: DeskConfig) -> Agent:
    """An agent of the desk: name, kind, skills and languages with levels, capacity, channels.

    Raises Invalid with a pointer and a rule for each thing that is wrong.
    """
    problems: list[Problem] = plain_problems(document)
    agent = Agent(agent_id=agent_id, name=agent_id, kind=AGENT_KIND_HUMAN, capacity=CAPACITY_DEFAULT)
    if not problems:
        _parse_agent(Node(document, "", problems), agent, desk)
    if problems:
        raise _invalid("the agent", problems)
    return agent


def _parse_agent(node: Node, agent: Agent, desk: DeskConfig) -> None:
    fields = node.fields("name kind skills languages capacity channels limits".split())
    if "name" in fields:
        agent.name = fields["name"].name()
    if "kind" in fields:
        agent.kind = AGENT_KINDS.get(fields["kind"].choice(AGENT_KINDS, "a kind of agent"), AGENT_KIND_HUMAN)
    if "skills" in fields:
        agent.skills.update(parse_levels(fields["skills"], list(desk.skills)))
    if "languages" in fields:
        for key, level in fields["languages"].entries(limit=100).items():
            tag = language(Node(key, level.pointer, level.problems))
            agent.languages[tag] = level.integer(1, 5)
    if "capacity" in fields:
        agent.capacity = fields["capacity"].integer(1, UNITS_MAX)
    known = sorted({account.channel for account in desk.accounts})
    if "limits" in fields:
        agent.limits.update(parse_limits(fields["limits"]))
        for key in agent.limits:
            fields["limits"].at(key, key).choice(known, "a channel of this desk")
    if "channels" in fields:
        agent.channels.extend(
            names(fields["channels"], lambda item: item.choice(known, "a channel of this desk"), 100)
        )


def _invalid(what: str, problems: list[Problem]) -> Invalid:
    each = list(dict.fromkeys(problems))
    more = f" (and {len(each) - 1} more)" if len(each) > 1 else ""
    return Invalid(f"{what} is not valid: {each[0].pointer or '/'} {each[0].rule}{more}", each)
