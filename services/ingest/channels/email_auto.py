"""Mails that no person wrote: auto-replies, bounces, lists, other machines.

Such a mail is stored, and is answered by nobody: that is what stops two machines from writing to each
other for ever (RFC 3834 section 2). Signs by their strength: what the mail is (multipart/report,
RFC 3464, 3798, 5965), what it says about itself (Auto-Submitted and the headers that came before it),
what carried it (lists, a null return path), who sent it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from proto.v1.inbound_pb2 import AutoKind

Header = Callable[[str], str]
"""A header's first value by its lower-case name; empty when it is not there."""


class Signs(NamedTuple):
    """What of a mail tells whether a person wrote it. `return_path` None: not known, "": null."""

    header: Header
    content_type: str
    report_type: str
    sender: str
    account: str
    subject: str
    return_path: str | None


_AUTO_HEADERS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-auto-reply",
    "x-mail-autoreply",
    "x-autoreply-from",
    "x-vacation",
)
_LIST_HEADERS = ("list-id", "list-unsubscribe", "list-post", "list-help", "mailing-list")
_BOUNCE_SENDER = re.compile(
    r"^(mailer-daemon|postmaster|mail-daemon|bounce[s]?)([+\-][^@]{0,64})?@", re.IGNORECASE
)
_MACHINE_SENDER = re.compile(
    r"^(no-?reply|do-?not-?reply|nie-?odpowiadaj|noreply|donotreply)([+\-._][^@]{0,64})?@", re.IGNORECASE
)
_BOUNCE_SUBJECT = re.compile(
    r"undeliver|delivery (status )?(notification|failure|has failed)|delivery.{0,20}fail|failure notice"
    r"|returned (mail|to sender)|mail delivery|nie ?(można|udało się|zostało) ?(dostarczy|dosta)"
    r"|niedostarczon|zwrot wiadomości|unzustellbar",
    re.IGNORECASE,
)
_AUTO_SUBJECT = re.compile(
    r"^\s{0,8}(auto(matic|matyczna)?[\s\-:]{0,3}(reply|response|odpowied)|autoreply|out of (the )?office"
    r"|ooo\b|odpowiedź automatyczna|automatyczna odpowiedź|poza biurem|nieobecno|abwesenheit"
    r"|away (from|until))",
    re.IGNORECASE,
)


def auto_kind(signs: Signs) -> AutoKind:
    """Who wrote the mail: a person (NONE), or which kind of machine."""
    if signs.content_type == "multipart/report":
        if signs.report_type in ("delivery-status", ""):
            return AutoKind.AUTO_KIND_BOUNCE
        return AutoKind.AUTO_KIND_SYSTEM
    if _is_bounce(signs):
        return AutoKind.AUTO_KIND_BOUNCE
    if _is_auto_reply(signs):
        return AutoKind.AUTO_KIND_AUTO_REPLY
    if _is_list(signs):
        return AutoKind.AUTO_KIND_LIST
    if _is_machine(signs):
        return AutoKind.AUTO_KIND_SYSTEM
    return AutoKind.AUTO_KIND_NONE


def _is_bounce(signs: Signs) -> bool:
    if signs.header("x-failed-recipients"):
        return True
    if _BOUNCE_SENDER.match(signs.sender):
        return True
    return signs.return_path == "" and _BOUNCE_SUBJECT.search(signs.subject) is not None


def _is_auto_reply(signs: Signs) -> bool:
    submitted = signs.header("auto-submitted").partition(";")[0].strip().lower()
    if submitted.startswith("auto-replied"):
        return True
    if signs.header("x-apple-action").strip().lower() == "vacation":
        return True
    if signs.header("precedence").strip().lower() in ("auto_reply", "auto-reply"):
        return True
    # "X-Autoreply: no" says that it is none.
    if any(signs.header(name).strip().lower() not in ("", "no", "false") for name in _AUTO_HEADERS):
        return True
    suppressing = bool(signs.header("x-auto-response-suppress"))
    machine = suppressing or signs.return_path == "" or _says_it_is_auto(submitted)
    return machine and _AUTO_SUBJECT.search(signs.subject) is not None


def _is_list(signs: Signs) -> bool:
    precedence = signs.header("precedence").strip().lower()
    if precedence in ("bulk", "junk"):
        return True
    listed = precedence == "list" or any(signs.header(name) for name in _LIST_HEADERS)
    return listed and not _is_our_group(signs)


def _is_our_group(signs: Signs) -> bool:
    """Whether the list is the mailbox itself: where that is a group (Google Groups, Mailman), whatever a
    customer writes to it comes with a list's headers (RFC 2369, RFC 2919)."""
    account = signs.account.lower()
    told = " ".join(signs.header(name).lower() for name in ("list-post", "mailing-list"))
    list_id = signs.header("list-id").lower()
    named = f"mailto:{account}>" in told or f"list {account};" in told
    return bool(account) and (named or f"<{account.replace('@', '.')}>" in list_id)


def _is_machine(signs: Signs) -> bool:
    submitted = signs.header("auto-submitted").partition(";")[0].strip().lower()
    return (
        _says_it_is_auto(submitted)
        or bool(signs.header("x-auto-response-suppress"))
        or signs.return_path == ""
        or _MACHINE_SENDER.match(signs.sender) is not None
        or (bool(signs.account) and signs.sender.lower() == signs.account.lower())
    )


def _says_it_is_auto(submitted: str) -> bool:
    return submitted not in ("", "no")


_FIELD = re.compile(r"^([A-Za-z\-]{1,40}):[ \t]*(.{0,998})$", re.MULTILINE)
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_MESSAGE_ID = re.compile(r"^message-id:\s{0,10}(<[^<>\s]{1,990}>)", re.IGNORECASE | re.MULTILINE)


class Bounce(NamedTuple):
    """What a delivery status notification says. `failed`: for good, for at least one recipient."""

    failed: bool
    status: str


def read_delivery_status(report: str) -> Bounce:
    """The fields of a message/delivery-status part (RFC 3464 section 2.3)."""
    action, status, failed = "", "", False
    for name, value in _FIELD.findall(report[:65_536]):
        match name.lower():
            case "action":
                action = value.strip().lower()
                failed = failed or action.startswith("failed")
            case "status":
                found = _STATUS.search(value)
                status = status or (found[0] if found else "")
            case _:
                pass
    if not action:
        failed = status.startswith("5")
    return Bounce(failed, status)


def original_message_id(text: str) -> str:
    """The Message-ID of the first mail copied into `text`: headers of an original, a bounce's tail."""
    found = _MESSAGE_ID.search(text[:262_144])
    return found[1] if found else ""
