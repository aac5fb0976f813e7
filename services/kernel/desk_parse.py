"""The sections of a desk's configuration, each from its node to its message.

`Context` carries what the sections ask of each other: the channels, skills and leads that others name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from proto.v1.desk_pb2 import (
    SMTP_TLS_IMPLICIT,
    SMTP_TLS_NONE,
    SMTP_TLS_STARTTLS,
    Account,
    Bots,
    Condition,
    Notices,
    Queue,
    Relaxation,
    SmtpTls,
    Webhook,
    When,
)
from services.kernel.conditions import ATTRIBUTE_PREFIX
from services.kernel.desk_hours import check_date, parse_range
from services.kernel.document import Node
from services.kernel.languages import names_a_language
from services.kernel.limits import (
    HOUR_MS,
    UNITS_DEFAULT,
    UNITS_OTHER,
)

PRIORITY_DEFAULT = 5
LEVELS = (1, 5)
UNITS_MAX = 10_000
WEBHOOK_EVENTS = ("message.out", "notice", "sla.breached")
QUIET_DEFAULT = (21 * 60, 8 * 60)
"""Nobody is told anything at night unless the desk says otherwise."""

SMTP_TLS = {"starttls": SMTP_TLS_STARTTLS, "implicit": SMTP_TLS_IMPLICIT, "none": SMTP_TLS_NONE}
SMTP_PORTS = {SMTP_TLS_STARTTLS: 587, SMTP_TLS_IMPLICIT: 465, SMTP_TLS_NONE: 25}
"""Submission by STARTTLS (RFC 6409), by TLS from the start (RFC 8314), relay without."""

WHEN_FIELDS = ("intent", "mood", "language", "channel")
_CHANNEL = re.compile(r"[a-z][a-z0-9_]{0,31}")
CHANNEL_RULE = 'must be the name of a channel in small letters, such as "email", "chat", "whatsapp"'
_MAILBOX = re.compile(r"[^@\s]+@[^@\s]+")
_ATTRIBUTE = re.compile(r"attributes\.\S{1,100}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
LANGUAGE_RULE = 'must be a language tag such as "pl" or "pt-BR"'
_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass
class Context:
    """What sections ask of each other, and what turns out not to be in effect."""

    channels: set[str] = field(default_factory=set)
    skills: list[str] = field(default_factory=list)
    leads: list[str] = field(default_factory=list)
    not_in_effect: list[str] = field(default_factory=list)


def language(node: Node) -> str:
    """A language tag (BCP 47) of a language that there is."""
    tag = node.matching(_LANGUAGE, LANGUAGE_RULE)
    if tag and not names_a_language(tag):
        node.wrong(f'"{tag}" is no language: {LANGUAGE_RULE}, by its code of ISO 639-1')
        return ""
    return tag


def names(node: Node, read: Callable[[Node], str], limit: int) -> list[str]:
    """A list of different texts."""
    found: list[str] = []
    for item in node.items(limit):
        text = read(item)
        if text and text in found:
            item.wrong("is listed twice")
        elif text:
            found.append(text)
    return found


def one_name(node: Node | None, used: set[str], what: str) -> str:
    """The name of a queue or policy, different from those before."""
    text = node.name() if node else ""
    if node and text in used:
        node.wrong(f"another {what} has this name: give each its own")
    used.add(text)
    return text


def last_without_when(nodes: Sequence[Node], rules: Sequence[When], what: str) -> None:
    """Whatever stands behind a rule that always fits is never reached."""
    for node, when in list(zip(nodes, rules, strict=True))[:-1]:
        if not when.any:
            node.wrong(f"has no when, so no {what} behind it is ever reached: only the last may have none")
    never_reached(nodes, rules, what)


def never_reached(nodes: Sequence[Node], rules: Sequence[When], what: str) -> None:
    """One value that fits is enough, so what only names what others before it name gets nothing."""
    named: set[tuple[str, str]] = set()
    for node, when in zip(nodes, rules, strict=True):
        pairs = {(one.field, value) for one in when.any for value in one.values}
        if pairs and pairs <= named:
            node.at("when", None).wrong(f"is never reached: every value is taken by a {what} before it")
        named |= pairs


def parse_accounts(node: Node, context: Context) -> list[Account]:
    """The channels of a desk, each with one account."""
    accounts = []
    seen: set[tuple[str, str]] = set()
    for item in node.items(200):
        account = _account(item)
        if (account.channel, account.account) in seen:
            item.wrong("this account of this channel is listed twice")
        seen.add((account.channel, account.account))
        context.channels.add(account.channel)
        accounts.append(account)
    if not accounts and isinstance(node.value, list):
        node.wrong("must list at least one channel")
    context.channels.discard("")
    return accounts


def _account(node: Node) -> Account:
    known = "channel account units secret app_secret verify_token phone_number_id base_url smtp".split()
    fields = node.fields(known, required=("channel", "account"))
    account = Account()
    if "channel" in fields:
        account.channel = fields["channel"].matching(_CHANNEL, CHANNEL_RULE)
    if "account" in fields:
        account.account = fields["account"].name()
        if account.channel == "email" and account.account and not _MAILBOX.fullmatch(account.account):
            fields["account"].wrong('must be the address of a mailbox, such as "help@shop.example"')
    account.units = UNITS_DEFAULT.get(account.channel, UNITS_OTHER)
    if "units" in fields:
        account.units = fields["units"].integer(1, UNITS_MAX)
    for key in ("secret", "app_secret", "verify_token"):
        if key in fields:
            setattr(account, key, fields[key].secret())
    if "base_url" in fields:
        account.base_url = fields["base_url"].url().rstrip("/")
    for key, channel in (("phone_number_id", "whatsapp"), ("verify_token", "whatsapp"), ("smtp", "email")):
        if key in fields and account.channel and account.channel != channel:
            fields[key].wrong(f"only a channel {channel} has this")
    if "phone_number_id" in fields:
        account.phone_number_id = fields["phone_number_id"].name()
    if "smtp" in fields:
        _smtp(fields["smtp"], account)
    return account


def _smtp(node: Node, account: Account) -> None:
    fields = node.fields(("host", "port", "user", "secret", "tls"), required=("host",))
    port = fields["port"].integer(1, 65_535) if "port" in fields else 0
    tls: SmtpTls = SMTP_TLS_IMPLICIT if port == SMTP_PORTS[SMTP_TLS_IMPLICIT] else SMTP_TLS_STARTTLS
    if "tls" in fields:
        tls = SMTP_TLS.get(fields["tls"].choice(SMTP_TLS, "a way to encrypt"), tls)
    account.smtp_tls = tls
    account.smtp_port = port or SMTP_PORTS[tls]
    if "host" in fields:
        account.smtp_host = fields["host"].name()
    if "user" in fields:
        account.smtp_user = fields["user"].name()
    if "secret" in fields:
        account.smtp_secret = fields["secret"].secret()
    if ("user" in fields) != ("secret" in fields):
        node.wrong("user and secret go together: give both, or neither for a server that asks for none")


def parse_when(node: Node, context: Context) -> When:
    """The conditions: any of the listed values of any of the named labels or attributes."""
    when = When()
    for key, values in node.entries(limit=50).items():
        if key not in WHEN_FIELDS and not _ATTRIBUTE.fullmatch(key):
            shown = ", ".join(f'"{name}"' for name in WHEN_FIELDS)
            values.wrong(f'is no label: known are {shown} and "{ATTRIBUTE_PREFIX}NAME"')
            continue
        found = [_fitting(item, key, context) for item in values.one_or_more(100)]
        if not found:
            values.wrong("must list at least one value")
        when.any.append(Condition(field=key, values=[text for text in found if text]))
    return when


def _fitting(item: Node, key: str, context: Context) -> str:
    """A value that a label or attribute is compared with."""
    if key == "channel":
        return item.choice(sorted(context.channels), "a channel of this desk")
    return language(item) if key == "language" else item.value_text()


def parse_queues(node: Node, context: Context) -> list[Queue]:
    """The queues in order: the first whose conditions fit; the last has none."""
    used: set[str] = set()
    nodes = node.items(100)
    queues = [_queue(item, context, used) for item in nodes]
    if not queues:
        if isinstance(node.value, list):
            node.wrong("must list at least one queue, or be left out")
        return queues
    last_without_when(nodes, [queue.when for queue in queues], "queue")
    if queues[-1].when.any:
        nodes[-1].at("when", None).wrong("the last queue takes whatever no other takes: it has no when")
    known = [queue.name for queue in queues]
    for item, queue in zip(nodes, queues, strict=True):
        for index, step in enumerate(queue.relax):
            if step.queue and (step.queue not in known or step.queue == queue.name):
                item.at("relax", None).at(index, None).at("queue", step.queue).choice(
                    [name for name in known if name != queue.name], "another queue of this desk"
                )
    return queues


def _queue(node: Node, context: Context, used: set[str]) -> Queue:
    wrong = len(node.problems)
    fields = node.fields("name when requires prefers priority human_only relax".split(), required=("name",))
    queue = Queue(name=one_name(fields.get("name"), used, "queue"), priority=PRIORITY_DEFAULT)
    if "when" in fields:
        queue.when.CopyFrom(parse_when(fields["when"], context))
    if "requires" in fields:
        queue.requires.update(parse_levels(fields["requires"], context.skills))
    if "prefers" in fields:
        queue.prefers.update(parse_levels(fields["prefers"], context.skills))
    if "priority" in fields:
        queue.priority = fields["priority"].integer(1, 10)
    if "human_only" in fields:
        queue.human_only = fields["human_only"].flag()
    if "relax" in fields:
        queue.relax.extend(_relaxations(fields["relax"], context))
        if len(node.problems) == wrong:
            _must_relax(fields["relax"], queue)
    return queue


def _must_relax(node: Node, queue: Queue) -> None:
    """A step after which nobody may take it who could not before is a mistake."""
    before = dict(queue.requires)
    for index, step in enumerate(queue.relax):
        asked = dict(step.requires)
        if not step.queue and all(asked.get(skill, 0) >= level for skill, level in before.items()):
            node.at(index, None).at("requires", None).wrong(
                "asks for no less than before: lower a level, or leave a skill out"
            )
        before = asked


def _relaxations(node: Node, context: Context) -> list[Relaxation]:
    """The steps in time: what is required from then on, and into which queue it overflows."""
    steps: list[Relaxation] = []
    for item in node.items(20):
        fields = item.fields(("after", "requires", "queue"), required=("after",))
        if "after" not in fields:
            continue
        if "requires" not in fields and "queue" not in fields:
            item.wrong("changes nothing: say what it requires from then on, or into which queue it goes")
            continue
        after_ms = fields["after"].duration_ms()
        if steps and after_ms <= steps[-1].after_ms:
            fields["after"].wrong("each step comes later than the one before")
        step = Relaxation(after_ms=after_ms)
        if steps and steps[-1].queue:
            item.wrong("comes behind a step that overflows into another queue: that one is the last")
        if "queue" in fields:
            step.queue = fields["queue"].name()
        if "requires" in fields:
            step.requires.update(parse_levels(fields["requires"], context.skills))
        else:
            step.as_queue = True
        steps.append(step)
    return steps


def parse_levels(node: Node, skills: Sequence[str]) -> dict[str, int]:
    """Skills of the desk and their levels from 1 to 5."""
    levels = {}
    for key, level in node.entries(limit=200).items():
        if level.at("", key).value in skills:
            levels[key] = level.integer(*LEVELS)
        else:
            Node(key, level.pointer, level.problems).choice(skills, "a skill of this desk")
    return levels


def parse_bots(node: Node | None, context: Context) -> Bots:
    """When a conversation is for humans only. Moods and intents are accepted and not in effect."""
    bots = Bots(asked=True)
    outer = node.fields(("human_when",)) if node else {}
    if "human_when" not in outer:
        return bots
    known = "asked mood intent order_value_over failed_answers silent_for".split()
    fields = outer["human_when"].fields(known)
    for key in ("mood", "intent"):
        if key in fields:
            for item in fields[key].one_or_more(100):
                item.value_text()
            context.not_in_effect.append(fields[key].pointer)
    if "asked" in fields:
        bots.asked = fields["asked"].flag()
    if "order_value_over" in fields:
        value = fields["order_value_over"].number(0, 1_000_000_000)
        bots.order_value_over_minor = int(Decimal(str(value)) * 100)
    if "failed_answers" in fields:
        bots.failed_answers = fields["failed_answers"].integer(1, 100)
    if "silent_for" in fields:
        bots.silent_for_ms = fields["silent_for"].duration_ms()
    return bots


def parse_notices(node: Node | None, context: Context) -> Notices:
    """What the customer is told on our own initiative, where and when."""
    notices = Notices(quiet_start_min=QUIET_DEFAULT[0], quiet_end_min=QUIET_DEFAULT[1])
    notices.delay_on, notices.delay_tell_after_ms = True, HOUR_MS
    fields = node.fields("channels quiet at_most delay first_answer survey".split()) if node else {}
    if "channels" in fields:
        notices.channels.extend(
            names(fields["channels"], lambda item: item.matching(_CHANNEL, CHANNEL_RULE), 20)
        )
    if "quiet" in fields:
        found = (0, 0) if fields["quiet"].value == "none" else parse_range(fields["quiet"])
        if found is not None:
            notices.quiet_start_min, notices.quiet_end_min = (minute % 1440 for minute in found)
            if found == (0, 1440):
                fields["quiet"].wrong('is the whole day: for no quiet hours at all write "none"')
    if "delay" in fields:
        delay = fields["delay"].fields(("on", "tell_after"))
        if "on" in delay:
            notices.delay_on = delay["on"].flag()
        if "tell_after" in delay:
            notices.delay_tell_after_ms = delay["tell_after"].duration_ms(least_ms=0)
    if "first_answer" in fields:
        first = fields["first_answer"].fields(("on",))
        if "on" in first:
            first["on"].flag()
    if "at_most" in fields:
        _at_most(fields["at_most"])
    if "survey" in fields:
        survey = fields["survey"].fields(("on", "after", "at_most"))
        if "on" in survey:
            survey["on"].flag()
        if "after" in survey:
            survey["after"].duration_ms()
        if "at_most" in survey:
            _at_most(survey["at_most"])
    later = ("at_most", "first_answer", "survey")
    context.not_in_effect.extend(fields[key].pointer for key in later if key in fields)
    return notices


def _at_most(node: Node) -> None:
    for item in node.fields(("per_day", "per_week", "per_month")).values():
        item.integer(0, 1_000)


def parse_holidays(node: Node, context: Context) -> None:
    """Days off: their shape is checked; they are not in effect."""
    fields = node.fields(("country", "also", "open"))
    if "country" in fields:
        fields["country"].matching(_COUNTRY, 'must be a country\'s two letters such as "PL" (ISO 3166)')
    for key in ("also", "open"):
        for item in fields[key].items(1_000) if key in fields else []:
            check_date(item)
    context.not_in_effect.append(node.pointer)


def parse_webhooks(node: Node) -> list[Webhook]:
    """Where events and outgoing messages go."""
    webhooks = []
    for item in node.items(50):
        fields = item.fields(("url", "events", "secret"), required=("url",))
        webhook = Webhook(events=WEBHOOK_EVENTS)
        if "url" in fields:
            webhook.url = fields["url"].url()
        if "events" in fields:
            found = names(fields["events"], lambda event: event.choice(WEBHOOK_EVENTS, "an event"), 20)
            webhook.ClearField("events")
            webhook.events.extend(found)
        if "secret" in fields:
            webhook.secret = fields["secret"].secret()
        webhooks.append(webhook)
    return webhooks
