"""By which way a message leaves: a sender of ours, a webhook of the desk's, or fetched by the client."""

from __future__ import annotations

from typing import NamedTuple

from proto.v1.conversations_pb2 import OrderSeen
from proto.v1.desk_pb2 import Account, DeskConfig
from proto.v1.envelope_pb2 import Sealed

NO_WAY_OUT = "account has no way out: configure smtp/secret/webhook"

MESSAGE_OUT = "message.out"
NOTICE = "notice"
SLA_BREACHED = "sla.breached"
SLA_ESCALATION = "sla.escalation"
"""Names of webhook events. The last is for escalation steps, which name their URL themselves."""


class Way(NamedTuple):
    """url "": a sender of ours, or (web chat) the client fetches it. `copies`: webhooks that want to know."""

    url: str = ""
    copies: tuple[str, ...] = ()


def account_of(desk: DeskConfig, channel: str, account: str) -> Account | None:
    """The desk's account of that name."""
    for each in desk.accounts:
        if each.channel == channel and each.account == account:
            return each
    return None


def has_sender(account: Account) -> bool:
    """Whether we can send by this account ourselves."""
    if account.channel == "email":
        return bool(account.smtp_host)
    if account.channel == "telegram":
        return bool(account.secret)
    if account.channel == "whatsapp":
        return bool(account.secret and account.phone_number_id)
    return False


def subscribers(desk: DeskConfig, event_name: str) -> tuple[str, ...]:
    """URLs that want this event, each once, in the desk's order."""
    return tuple(dict.fromkeys(hook.url for hook in desk.webhooks if event_name in hook.events))


def way_out(desk: DeskConfig | None, channel: str, account: str, event_name: str) -> Way | None:
    """How a message of this account gets to the customer; None if there is no way.

    A sender of ours comes first, then the first webhook that wants the event; the others get copies.
    Web chat without either is fetched by the client: what is on the log is there for it.
    """
    if desk is None:
        return None
    own = account_of(desk, channel, account)
    urls = subscribers(desk, event_name)
    if own is not None and has_sender(own):
        return Way(copies=urls)
    if urls:
        return Way(urls[0], urls[1:])
    return Way() if channel == "chat" else None


def account_for(desk: DeskConfig, channel: str, event_name: str) -> str | None:
    """The first account of a channel that has a way out, for a customer who never wrote to any.

    "" when the desk has no account of the channel but a webhook takes the event. What a web chat would fetch
    reaches nobody here: it asks for its conversation, and there is none."""
    urls = subscribers(desk, event_name)
    for each in desk.accounts:
        if each.channel == channel and (urls or has_sender(each)):
            return each.account
    return "" if channel != "chat" and urls else None


def reached_by(desk: DeskConfig | None, seen: OrderSeen) -> tuple[str, Sealed]:
    """Channel and sealed identity of the order's first address that the desk has a way to; of its first one
    if there is a way to none. Without an address: "" and nothing."""
    if not seen.identity_channels:
        return "", Sealed()
    addresses = list(zip(seen.identity_channels, (seen.first_identity, *seen.more_identities), strict=False))
    for channel, sealed in addresses:
        if desk is not None and account_for(desk, channel, NOTICE) is not None:
            return channel, sealed
    return addresses[0]
