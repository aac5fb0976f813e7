"""The HTTP edge of one process: what the services' routes share.

An edge is stateless: it appends to the mailbox, waits for what became of that, and reads views. What it
holds are bounds: so many requests at once, so much a second for a desk, so many records undecided. Over
a bound it says 429 or 503 before anything is appended, so nothing is ever half-done.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import secrets
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from fastapi import Request

from proto.v1.envelope_pb2 import PresenceBeat
from proto.v1.inbound_pb2 import AgentRequest, Inbound
from services.kernel.errors import Problem
from services.kernel.ids import make_id
from services.kernel.limits import (
    NAME_CHARS_MAX,
    PRESENCE_BEAT_MS,
    RECORD_BYTES_MAX,
    REQUEST_WAIT_MS,
)
from services.runtime import health
from services.runtime.auth import Principal
from services.runtime.documents import Answer, Asked, Conversation
from services.runtime.event_log import TRY_LATER
from services.runtime.hub import Outcome
from services.runtime.problems import Refusal
from services.runtime.projections import Projector
from services.runtime.reads import Reads

if TYPE_CHECKING:
    from services.runtime.main import App

T = TypeVar("T")

PARTITION = 0
"""The embedded mode has one partition."""
BACKLOG_MAX = 20_000
"""Undecided mailbox records at which edges turn away: some seconds of work."""
MAILBOX_WATCH_S = 0.1
"""Between two looks at the mailbox's end: a few hundred records at full load, far below the bound."""
DESK_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
DESK_ID_RULE = "must be 1 to 63 small letters, digits, - and _, beginning with a letter or digit"
AGENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,99}")
AGENT_ID_RULE = "must be 1 to 100 letters, digits and _ . @ + -, beginning with a letter or digit"
_RECORD_ID = re.compile(r"r[0-9a-f]{32}")
_IDEMPOTENCY_KEY = re.compile(rb"[\x21-\x7e]{1,200}")

_log = logging.getLogger(__name__)


class Decided(NamedTuple):
    """What became of an agent's request. `why` is "" if it was admitted."""

    record: str
    conversation: str
    owner: str
    why: str


class Edge:
    """Shared by all routes of a process: `Edge.of(app)`."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.auth = app.auth
        self.views = app.views
        self.hub = app.hub
        self.reads = Reads(app.views, app.sealing, app.blobs)
        self.directory = self.reads.directory
        self.projector = Projector(app.views, app.hub, app.log, app.clock)
        self._followed: set[str] = set()
        self._edge_id = secrets.token_hex(8)
        self.in_flight = 0
        self.mailbox_end = 0
        self._buckets: dict[str, tuple[float, float]] = {}
        app.add_task("views", self.projector.run)
        app.add_task("presence", self._beats)
        app.add_task("mailbox watch", self._watch_mailbox)
        health.add_to(app)

    @classmethod
    def of(cls, app: App) -> Edge:
        """The one edge of a process; made when the first service hangs its routes onto the App."""
        state = app.fastapi.state
        if not hasattr(state, "edge"):
            state.edge = cls(app)
        edge: Edge = state.edge
        edge.follow()
        return edge

    def follow(self) -> None:
        """Bind the views to the loops that were added since the last call; before the App starts."""
        for topic, loop in self.app.loops.items():
            if topic not in self._followed:
                self._followed.add(topic)
                self.projector.bind(loop)

    # Bounds

    def admit(self, desk_id: str) -> None:
        """Whether a new message may come in. Raises Refusal 404, 429, 503."""
        if self.directory.view(desk_id) is None:
            raise no_desk(desk_id)
        self.room()
        rate = self.app.settings.desk_messages_per_s
        now_s = self.app.clock.monotonic_s()
        tokens, then_s = self._buckets.get(desk_id, (float(rate), now_s))
        tokens = min(float(rate), tokens + (now_s - then_s) * rate)
        if tokens < 1:
            self.app.metrics.turned_away.labels("rate").inc()
            raise Refusal(429, f"The desk sends more than {rate} messages a second.", retry_after_s=1)
        self._buckets[desk_id] = (tokens - 1, now_s)

    def room(self) -> None:
        """Whether the mailbox has room. Raises Refusal 503 when too much waits to be decided."""
        if self.projector.backlog(PARTITION, self.mailbox_end) > BACKLOG_MAX:
            self.app.metrics.turned_away.labels("restoring").inc()
            raise Refusal(503, "Too many records wait to be decided.", retry_after_s=1)

    async def _watch_mailbox(self) -> None:
        """Keep in mind where the mailbox ends: all of its writers are counted, whichever door they use."""
        while True:
            self.mailbox_end = await self.app.log.end("inbound", PARTITION)
            await asyncio.sleep(MAILBOX_WATCH_S)

    def check(self, request: Request, desk_id: str, scopes: tuple[str, ...]) -> Principal:
        """Who asks; as Auth.check."""
        return self.auth.check(dict(request.scope["headers"]), desk_id, scopes)

    async def counted(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something that appends, within the bound of what may be under way at once."""
        if self.in_flight >= self.app.settings.requests_in_flight_max:
            work.close()
            self.app.metrics.turned_away.labels("in_flight").inc()
            raise Refusal(503, "Too many requests are being worked on.", retry_after_s=1)
        self.in_flight += 1
        try:
            return await work
        finally:
            self.in_flight -= 1

    async def append(self, inbound: Inbound) -> int:
        """Append to the mailbox; returns the offset when it is durable.

        Raises Refusal 413 for a record that is too large, 503 when too much is under way; Busy, Fenced
        and LogReset as the log does.
        """
        value = inbound.SerializeToString()
        if len(value) > RECORD_BYTES_MAX:
            what = inbound.WhichOneof("body")
            raise Refusal(413, f"The {what} makes {len(value)} bytes; {RECORD_BYTES_MAX} are the most.")
        append = self.app.log.append("inbound", PARTITION, [value])
        offset = await self.counted(append)
        return offset

    # Outcomes

    async def outcome(self, inbound: Inbound) -> Outcome:
        """Append, and wait until the record is decided. Raises Refusal 503 if it takes too long."""
        if not inbound.record_id:
            desk_key = self.app.sealing.desk_key(inbound.desk_id)
            inbound.record_id = make_id("r", desk_key, "once", secrets.token_bytes(16))
        with self.hub.expect(inbound.record_id) as waiter:
            await self.append(inbound)
            outcome = await waiter.outcome(REQUEST_WAIT_MS / 1000)
        if outcome is None:
            raise unknown_yet()
        if outcome.name == "skipped":
            raise Refusal(500, "The record is stored but could not be decided; it is logged.")
        return outcome

    async def request(self, key: bytes, desk_id: str, asked: AgentRequest, said: str) -> Decided:
        """Ask for something in an agent's name, and wait for the answer; the same idempotency key gets
        the same answer, b"" is a fresh one. `said`: what is asked, for telling bodies apart.

        Raises Refusal: 422 for the same key with another body, 503 when the answer is not known yet.
        """
        key = key or secrets.token_hex(16).encode()
        if not _IDEMPOTENCY_KEY.fullmatch(key):
            rule = f"the header Idempotency-Key must be 1 to {NAME_CHARS_MAX} visible ASCII characters"
            raise Refusal(422, "The Idempotency-Key is not one.", [Problem("", rule)])
        desk_key = self.app.sealing.desk_key(desk_id)
        record_id = make_id("r", desk_key, "request", asked.agent_id, key)
        asked.body_hash = hashlib.sha256(f"{asked.kind}\0{said}".encode("utf-8", "replace")).digest()[:16]
        # Only what is in memory: a look into the store costs every request more than it saves the few
        # that come again later, and ingest knows those anyway.
        if self.views.recent(Asked, record_id) is not None:
            known = self._known(record_id, asked.body_hash)
            if known is not None:
                return known
        asked.requested_at_ms = self.app.clock.now_ms()
        inbound = Inbound(desk_id=desk_id, record_id=record_id, request=asked)
        deadline_s = self.app.clock.monotonic_s() + REQUEST_WAIT_MS / 1000
        with self.hub.expect(record_id) as waiter:
            await self.append(inbound)
            while True:
                outcome = await waiter.outcome(max(0.0, deadline_s - self.app.clock.monotonic_s()))
                if outcome is None:
                    raise unknown_yet()
                if outcome.name == "skipped":
                    raise Refusal(500, "The request is stored but could not be decided; it is logged.")
                decided = self._known(record_id, asked.body_hash)
                if decided is not None:
                    return decided
                if outcome.name == "unchanged" and self.views.peek(Asked, record_id) is None:
                    raise _long_ago(outcome.body.what)

    def _known(self, record_id: str, body_hash: bytes) -> Decided | None:
        asked = self.views.peek(Asked, record_id)
        if asked is not None and asked.body_hash != body_hash:
            raise _another_body()
        answer = self.views.peek(Answer, record_id)
        if answer is None:
            return None
        return Decided(record_id, answer.conversation, answer.owner, answer.why)

    # Reads

    async def shown(self, after: str) -> None:
        """Wait until the views show the record `after`, if one is named.

        It was appended before this request came, so what the mailbox holds now is enough.
        """
        if not after:
            return
        if not _RECORD_ID.fullmatch(after):
            problem = Problem("/after", "must be a record_id that an answer gave")
            raise Refusal(422, "There is no such record.", [problem])
        end = await self.app.log.end("inbound", PARTITION)
        if not await self.projector.shown(PARTITION, end, REQUEST_WAIT_MS / 1000):
            raise Refusal(503, "The views do not show that record yet.", retry_after_s=1)

    def conversation(self, desk_id: str, conversation_id: str) -> Conversation:
        """A conversation of the desk. Raises Refusal 404."""
        doc = self.views.peek(Conversation, conversation_id)
        if doc is None or doc.desk != desk_id:
            raise Refusal(404, "The desk has no such conversation.")
        return doc

    # Presence

    async def _beats(self) -> None:
        """Say which agents' sessions live here: at once when one begins, then every beat."""
        while True:
            sessions = list(self.hub.sessions)
            if sessions:
                beat = PresenceBeat(
                    edge_id=self._edge_id,
                    at_ms=self.app.clock.now_ms(),
                    desk_ids=[desk for desk, _ in sessions],
                    agent_ids=[agent for _, agent in sessions],
                )
                try:
                    await self.app.log.append("presence", PARTITION, [beat.SerializeToString()])
                except TRY_LATER as error:
                    _log.warning("a presence beat was lost: %s", error)
            self.hub.session_began.clear()
            try:
                await asyncio.wait_for(self.hub.session_began.wait(), PRESENCE_BEAT_MS / 1000)
            except TimeoutError:
                continue


WHY_TEXT = {
    "already_accepted": "The offer was accepted before.",
    "expired": "The offer expired.",
    "withdrawn": "The offer was withdrawn.",
    "declined": "The offer was declined.",
    "not_owner": "The agent does not have the conversation.",
    "newer_message": "A newer message is there: read it first.",
    "resolved": "The conversation is resolved.",
    "not_resolved": "The conversation is not resolved.",
    "not_yours": "The offer was made to another agent.",
}
MISSING = {
    "unknown_conversation": "The desk has no such conversation.",
    "unknown_offer": "There is no such offer.",
}
WRONG = {
    "unknown_agent": Problem("/agent", "must be an agent of this desk"),
    "unknown_target": Problem("/to", "must name a skill, agent or queue of this desk"),
}


def standing(decided: Decided) -> dict[str, Any]:
    """What a refused request's answer says beside the problem: where it stands now."""
    return {
        "conversation_id": decided.conversation or None,
        "owner": decided.owner or None,
        "why": decided.why,
    }


def refused(decided: Decided) -> Refusal:
    """What a refused request is answered: 409 with who has it and why, else 404, 422, 503."""
    why, extra = decided.why, standing(decided)
    if why in MISSING:
        return Refusal(404, MISSING[why], extra=extra)
    if why in WRONG:
        return Refusal(422, "The request names what is not there.", [WRONG[why]], extra=extra)
    if why == "too_old":
        detail = "It came too late to be decided: ask again with a new key."
        return Refusal(503, detail, retry_after_s=1, extra=extra)
    return Refusal(409, WHY_TEXT.get(why, "It is refused."), extra=extra)


def _another_body() -> Refusal:
    rule = "the header Idempotency-Key was used before with another body: a new request needs a new key"
    problem = Problem("", rule)
    return Refusal(422, "The Idempotency-Key stands for another request.", [problem])


def _long_ago(what: str) -> Refusal:
    """The engine remembers the key (35 days), the views no longer do (2 days): what was answered is gone."""
    if what == "request_differs":
        return _another_body()
    detail = "The Idempotency-Key was used, and its answer is no longer kept: see the conversation."
    return Refusal(409, detail, extra={"why": "repeated"})


def unknown_yet() -> Refusal:
    """The outcome is not known in time."""
    return Refusal(503, "The outcome is not known yet: retry with the same key.", retry_after_s=1)


def no_agent() -> Refusal:
    """The desk has no such agent."""
    return Refusal(404, "The desk has no such agent.")


def no_desk(desk_id: str) -> Refusal:
    """There is no such desk."""
    return Refusal(404, f"There is no desk {desk_id[:NAME_CHARS_MAX]!r}.")
