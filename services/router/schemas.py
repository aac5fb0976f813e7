"""Bodies of the router's HTTP requests."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from services.kernel.limits import DAY_MS, HOUR_MS, MINUTE_MS, NAME_CHARS_MAX
from services.runtime.fields import Base64, says_something
from services.runtime.problems import NO_NUL, ONE_LINE

TEXT_CHARS_MAX = 500_000
REASON_CHARS_MAX = 100
"""A reason is a code or a phrase of the desk's, and is kept in the plain: no place for what customers say."""
PROMISE_MS_MAX = 30 * DAY_MS
_DURATION = re.compile(r"(?:([0-9]{1,2})d)?(?:([0-9]{1,3})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,7})s)?")


def duration_ms(text: str) -> int:
    """Milliseconds of a duration such as "20s", "5m", "1h30m", "2d"; 0 for "".

    Raises ValueError for what is none, and beyond 30 days.
    """
    if not text:
        return 0
    found = _DURATION.fullmatch(text)
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0, 0)
    total = days * DAY_MS + hours * HOUR_MS + minutes * MINUTE_MS + seconds * 1_000
    if not 0 < total <= PROMISE_MS_MAX:
        raise ValueError('must be a duration such as "20s", "5m", "2h", at most 30 days')
    return total


def _duration(text: str) -> str:
    duration_ms(text)
    return text


def _said(text: str) -> str:
    if not says_something(text):
        raise ValueError("must say something")
    return text


Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARS_MAX, pattern=ONE_LINE)]
OptionalName = Annotated[str, Field(max_length=NAME_CHARS_MAX, pattern=ONE_LINE)]
Reason = Annotated[str, Field(max_length=REASON_CHARS_MAX, pattern=ONE_LINE)]
Text = Annotated[str, Field(max_length=TEXT_CHARS_MAX, pattern=NO_NUL)]
Duration = Annotated[str, Field(max_length=20), AfterValidator(_duration)]


class Body(BaseModel):
    """A body: types as JSON has them, and no unknown fields."""

    model_config = ConfigDict(strict=True, extra="forbid")


class AsksFor(Body):
    """What an agent asks for. `agent` may be left out with an agent's own key."""

    agent: OptionalName = ""


class OfferAnswer(AsksFor):
    """An agent's answer to an offer."""

    reason: Reason = ""


class AttachmentOut(Body):
    """A file to send: its bytes in base64."""

    name: Name
    media_type: OptionalName = "application/octet-stream"
    data: Base64


class ReplyIn(AsksFor):
    """What an agent answers. `promise_within`: "we tell you more by", such as "2h"."""

    text: Text = ""
    html: Text = ""
    attachments: Annotated[list[AttachmentOut], Field(max_length=20, default_factory=list)]
    promise_within: Duration = ""

    @model_validator(mode="after")
    def _says_something(self) -> ReplyIn:
        if not (says_something(self.text) or says_something(self.html) or self.attachments):
            raise ValueError("a reply has a text, html or attachments")
        return self


class TransferTarget(Body):
    """Where a conversation goes: exactly one of them."""

    skill: OptionalName = ""
    agent: OptionalName = ""
    queue: OptionalName = ""

    @model_validator(mode="after")
    def _one(self) -> TransferTarget:
        if sum(map(bool, (self.skill, self.agent, self.queue))) != 1:
            raise ValueError("must name exactly one of skill, agent, queue")
        return self


class TransferIn(AsksFor):
    """Hand a conversation over."""

    to: TransferTarget
    reason: Reason = ""
    note: Text = ""


class ResolveIn(AsksFor):
    """The matter is settled. Refused if a newer message than `last_message_seen` is there."""

    reason: Reason = ""
    last_message_seen: OptionalName = ""


class ReopenIn(AsksFor):
    """The matter is not settled after all."""

    reason: Reason = ""


class PriorityIn(AsksFor):
    """1 (can wait) to 10 (now)."""

    priority: Annotated[int, Field(ge=1, le=10)]


class NoteIn(AsksFor):
    """A note that the customer never sees."""

    text: Annotated[Text, Field(min_length=1), AfterValidator(_said)]


State = Literal["waiting", "offered", "owned", "resolved"]

ANSWER: TypeAdapter[OfferAnswer] = TypeAdapter(OfferAnswer)
REPLY: TypeAdapter[ReplyIn] = TypeAdapter(ReplyIn)
TRANSFER: TypeAdapter[TransferIn] = TypeAdapter(TransferIn)
RESOLVE: TypeAdapter[ResolveIn] = TypeAdapter(ResolveIn)
REOPEN: TypeAdapter[ReopenIn] = TypeAdapter(ReopenIn)
PRIORITY: TypeAdapter[PriorityIn] = TypeAdapter(PriorityIn)
NOTE: TypeAdapter[NoteIn] = TypeAdapter(NoteIn)
