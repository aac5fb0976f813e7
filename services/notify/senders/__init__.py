"""The sender port: one attempt to hand a message to a provider, and what is known of it afterwards.

A sender never tries twice by itself, never logs content, addresses or secrets, and tells the four outcomes
apart by one question: can the provider have taken it? SENT: it said so. FAILED: it said no, for good. RETRY:
it said no for now, or was never asked. UNCERTAIN: it was asked, and nobody heard the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from proto.v1.content_pb2 import Attachment, MessageContent, MessageRoute
from proto.v1.desk_pb2 import Account, DeskConfig
from proto.v1.inbound_pb2 import (
    SEND_OUTCOME_FAILED,
    SEND_OUTCOME_RETRY,
    SEND_OUTCOME_SENT,
    SEND_OUTCOME_UNCERTAIN,
    SendOutcome,
)
from proto.v1.notices_pb2 import SendRequested


@dataclass(frozen=True, slots=True)
class SendRequest:
    """Everything that one attempt needs, opened and rendered."""

    send_id: str
    requested: SendRequested
    content: MessageContent
    route: MessageRoute
    account: Account
    desk_id: str
    desk: DeskConfig
    desk_key: bytes
    requested_ms: int
    """When it was asked for: the same on every attempt."""
    now_ms: int
    """When this attempt begins."""
    attachments: Sequence[tuple[Attachment, bytes]] = field(default=())


@dataclass(frozen=True, slots=True)
class SendResult:
    """What is known after an attempt. `error` names a class and a code, never content or secrets."""

    outcome: SendOutcome
    provider_id: str = ""
    error: str = ""
    retry_after_ms: int = 0


class Sender(Protocol):
    """Sends by one kind of channel."""

    async def send(self, request: SendRequest, within_s: float) -> SendResult:
        """One attempt, over after `within_s` seconds at the latest. Raises nothing of the provider's."""


def sent(provider_id: str) -> SendResult:
    """The provider took it."""
    return SendResult(SEND_OUTCOME_SENT, provider_id)


def retry(error: str, retry_after_ms: int = 0) -> SendResult:
    """Certainly not taken; may be tried again."""
    return SendResult(SEND_OUTCOME_RETRY, error=error, retry_after_ms=retry_after_ms)


def failed(error: str) -> SendResult:
    """Certainly not taken; trying again is useless."""
    return SendResult(SEND_OUTCOME_FAILED, error=error)


def uncertain(error: str) -> SendResult:
    """Perhaps taken."""
    return SendResult(SEND_OUTCOME_UNCERTAIN, error=error)
