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
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import Request

from proto.v1.inbound_pb2 import AgentRequest, Inbound
from services.kernel.errors import Busy, Problem
from services.kernel.ids import make_id, partition_of
from services.kernel.limits import (
    NAME_CHARS_MAX,
    RECORD_BYTES_MAX,
    REQUEST_WAIT_MS,
)
from services.runtime import health
from services.runtime.asgi import Scope
from services.runtime.auth import Principal
from services.runtime.beats import beats
from services.runtime.decided import Decided as Decided
from services.runtime.decided import another_body, decided_by, long_ago, no_conversation
from services.runtime.decided import no_agent as no_agent
from services.runtime.decided import no_desk as no_desk
from services.runtime.decided import refused as refused
from services.runtime.decided import standing as standing
from services.runtime.decided import unknown_yet as unknown_yet
from services.runtime.documents import Answer, Asked, Conversation
from services.runtime.event_log import TRY_LATER
from services.runtime.following import Following
from services.runtime.hub import Outcome
from services.runtime.patience import Patience
from services.runtime.people import Whose
from services.runtime.problems import Refusal
from services.runtime.projections import Projector
from services.runtime.reads import Reads
from services.runtime.view_store import DeskViews
from services.runtime.views import Views

if TYPE_CHECKING:
    from services.runtime.main import App

T = TypeVar("T")

PARTITION = 0
"""The embedded mode has one partition."""
BACKLOG_MAX = 20_000
"""Undecided mailbox records at which edges turn away: some seconds of work."""
MAILBOX_WATCH_S = 0.1
"""Between two looks at the mailbox's end: a few hundred records at full load, far below the bound."""
VIEWS_WAIT_S = 0.3
"""How long a request waits for views that are behind, where the log can be asked instead."""
DESK_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
DESK_ID_RULE = "must be 1 to 63 small letters, digits, - and _, beginning with a letter or digit"
AGENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,99}")
AGENT_ID_RULE = "must be 1 to 100 letters, digits and _ . @ + -, beginning with a letter or digit"
_DESK_PATH = re.compile(r"/v1/(?:desks|webhooks)/([^/]+)")
_CONVERSATION_ID = re.compile(r"c[0-9a-f]{32}")
_RECORD_ID = re.compile(r"r[0-9a-f]{32}")
_IDEMPOTENCY_KEY = re.compile(rb"[\x21-\x7e]{1,200}")

_log = logging.getLogger(__name__)


class Edge:
    """Shared by all routes of a process: `Edge.of(app)`."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.auth = app.auth
        self.views = app.views
        self.hub = app.hub
        self.reads = Reads(app.views, app.sealing, app.blobs)
        self.directory = self.reads.directory
        self.following = app.following or _near(app)
        self._followed: set[str] = set()
        self.in_flight = 0
        self.mailbox_ends: dict[int, int] = {}
        app.asgi.admit = self._admit
        if app.following is not None:
            app.asgi.prepare = self._prepare
        app.add_task("views", self.following.run)
        app.add_task("presence", lambda: beats(self.hub, app.log, app.clock, self.partition))
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
                self.following.bind(loop)

    async def _prepare(self, scope: Scope) -> None:
        """Have the desk and the key of a request at hand. Raises Busy if they are not to be had."""
        found = _DESK_PATH.match(scope["path"])
        if found is not None:
            await self.prepare(found[1], dict(scope["headers"]))

    def _admit(self, scope: Scope) -> None:
        """Before a body is waited for: raise Refusal 401 where a known key is needed and not shown. What is
        signed instead, as webhooks, shows that only when it is whole."""
        if scope["path"].startswith("/v1/desks/"):
            self.auth.known(dict(scope["headers"]))

    async def prepare(self, desk_id: str, headers: Mapping[bytes, bytes]) -> None:
        """The same for whatever other way a request comes."""
        await self.views.prepare(desk_id, self.auth.key_hash(headers))

    # Bounds

    async def admit(self, desk_id: str) -> None:
        """Whether a new message may come in. Raises Refusal 404, 429, 503."""
        self.know_desk(desk_id)
        self.room(desk_id)
        per_s = self.app.settings.desk_messages_per_s
        wait_s = await self.app.rates.take(desk_id, per_s)
        if wait_s:
            self.app.metrics.turned_away.labels("rate").inc()
            detail = f"The desk sends more than {per_s} messages a second."
            raise Refusal(429, detail, retry_after_s=wait_s)

    def partition(self, desk_id: str) -> int:
        """The partition of a desk."""
        return partition_of(desk_id, self.app.partitions) if self.app.partitions > 1 else PARTITION

    def room(self, desk_id: str) -> None:
        """Whether the desk's mailbox has room. Raises Refusal 503 when too much waits to be decided."""
        partition = self.partition(desk_id)
        end = self.mailbox_ends.setdefault(partition, 0)
        if self.following.backlog(partition, end) > BACKLOG_MAX:
            self.app.metrics.turned_away.labels("restoring").inc()
            raise Refusal(503, "Too many records wait to be decided.", retry_after_s=1)

    async def _watch_mailbox(self) -> None:
        """Keep in mind where the mailboxes end that this edge appends to: all of their writers are counted,
        whichever door they use."""
        while True:
            for partition in list(self.mailbox_ends):
                try:
                    await self.following.look(partition)
                    self.mailbox_ends[partition] = await self.app.log.end("inbound", partition)
                except TRY_LATER as error:
                    _log.warning("the end of mailbox %d is not known: %s", partition, error)
                await asyncio.sleep(MAILBOX_WATCH_S / 4)
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
        append = self.app.log.append("inbound", self.partition(inbound.desk_id), [value])
        offset = await self.counted(append)
        return offset

    # Outcomes

    def patience(self) -> Patience:
        """How long a call may wait, from now on."""
        return Patience(self.app.clock)

    async def outcome(self, inbound: Inbound, shown: bool = True) -> Outcome:
        """Append, and wait until the record is decided, and then shown by the views; `shown` False: if they
        are there. Raises Refusal 503 if it takes too long, Busy if the views must show it and do not."""
        if not inbound.record_id:
            desk_key = self.app.sealing.desk_key(inbound.desk_id)
            inbound.record_id = make_id("r", desk_key, "once", secrets.token_bytes(16))
        partition = self.partition(inbound.desk_id)
        patience = self.patience()
        with self.hub.expect(inbound.record_id) as waiter:
            await self.following.watch(partition, patience.left_s())
            await self.append(inbound)
            outcome = await waiter.outcome(patience.left_s())
        if outcome is None:
            raise unknown_yet()
        if outcome.name == "skipped":
            raise Refusal(500, "The record is stored but could not be decided; it is logged.")
        try:
            await self.following.caught_up(partition, patience.left_s())
            await self.views.prepare(inbound.desk_id)
        except Busy:
            if shown:
                raise
        return outcome

    async def request(
        self, key: bytes, desk_id: str, asked: AgentRequest, said: str, patience: Patience
    ) -> Decided:
        """Ask for something in an agent's name, and wait for the answer; the same idempotency key gets
        the same answer, b"" is a fresh one. `said`: what is asked, for telling bodies apart.

        Raises Refusal: 422 for the same key with another body, 503 when the answer is not known yet.
        """
        key = key or secrets.token_hex(16).encode()
        if not _IDEMPOTENCY_KEY.fullmatch(key):
            rule = f"the Idempotency-Key (gRPC: key) must be 1 to {NAME_CHARS_MAX} visible ASCII characters"
            raise Refusal(422, "The Idempotency-Key is not one.", [Problem("", rule)])
        desk_key = self.app.sealing.desk_key(desk_id)
        record_id = make_id("r", desk_key, "request", asked.agent_id, key)
        asked.body_hash = hashlib.sha256(f"{asked.kind}\0{said}".encode("utf-8", "replace")).digest()[:16]
        # Only what is in memory: a look into the store costs every request more than it saves the few
        # that come again later, and ingest knows those anyway.
        views = self.views.of(desk_id)
        if views.recent(Asked, record_id) is not None:
            known = await self._known(views, record_id, asked.body_hash)
            if known is not None:
                return known
        asked.requested_at_ms = self.app.clock.now_ms()
        inbound = Inbound(desk_id=desk_id, record_id=record_id, request=asked)
        with self.hub.expect(record_id) as waiter:
            await self.following.watch(self.partition(desk_id), patience.left_s())
            await self.append(inbound)
            while True:
                outcome = await waiter.outcome(patience.left_s())
                if outcome is None:
                    raise unknown_yet()
                if outcome.name == "skipped":
                    raise Refusal(500, "The request is stored but could not be decided; it is logged.")
                if outcome.name != "unchanged":
                    return self._decided(views, record_id, asked.body_hash, outcome)
                decided = await self._repeated(desk_id, record_id, asked.body_hash, outcome)
                if decided is not None:
                    return decided

    def _decided(self, views: DeskViews, record_id: str, body_hash: bytes, outcome: Outcome) -> Decided:
        """What the router has just said, if it was about this body."""
        asked = views.recent(Asked, record_id)
        taken = asked.body_hash if asked is not None else self.hub.hashes.get(record_id, body_hash)
        if taken != body_hash:
            raise another_body()
        return decided_by(record_id, outcome.name, outcome.body)

    async def _repeated(
        self, desk_id: str, record_id: str, body_hash: bytes, outcome: Outcome
    ) -> Decided | None:
        """What the key was answered when it came first; None if that is still to come. Where the views are
        away it is what was heard here of it."""
        views = self.views.of(desk_id)
        try:
            decided = await self._known(views, record_id, body_hash)
            if decided is None and await views.get(Asked, record_id) is None:
                raise long_ago(outcome.body.what)
        except Busy:
            answered = self.following.answered(self.partition(desk_id), record_id)
            if answered is not None and answered.body_hash != body_hash:
                raise another_body() from None
            return answered.decided if answered is not None else None
        return decided

    async def _known(self, views: DeskViews, record_id: str, body_hash: bytes) -> Decided | None:
        asked = await views.get(Asked, record_id)
        if asked is not None and asked.body_hash != body_hash:
            raise another_body()
        answer = await views.get(Answer, record_id)
        if answer is None:
            return None
        return Decided(record_id, answer.conversation, answer.owner, answer.why)

    # Reads

    async def heard(self, desk_id: str) -> None:
        """From now on everything about the desk is heard here, and what was is shown by the views: so a
        snapshot that is read behind this misses nothing that a stream does not tell. Raises Busy."""
        partition, patience = self.partition(desk_id), self.patience()
        await self.following.watch(partition, patience.left_s())
        await self.following.caught_up(partition, patience.left_s())

    async def agent_snapshot(self, desk_id: str, agent_id: str) -> dict[str, Any]:
        """What an agent's stream begins with, behind what is heard. Raises Busy."""
        await self.heard(desk_id)
        return await self.reads.agent_snapshot(desk_id, agent_id)

    async def shown(self, desk_id: str, after: str) -> None:
        """Wait until the views of a desk show the record `after`, if one is named.

        It was appended before this request came, so what the mailbox holds now is enough.
        """
        if not after:
            return
        if not _RECORD_ID.fullmatch(after):
            problem = Problem("/after", "must be a record_id that an answer gave")
            raise Refusal(422, "There is no such record.", [problem])
        partition = self.partition(desk_id)
        end = await self.app.log.end("inbound", partition)
        if not await self.following.shown(partition, end, REQUEST_WAIT_MS / 1000):
            raise Refusal(503, "The views do not show that record yet.", retry_after_s=1)

    async def conversation(self, desk_id: str, conversation_id: str) -> Conversation:
        """A conversation of the desk. Raises Refusal 404."""
        doc = await self.views.of(desk_id).get(Conversation, conversation_id)
        if doc is None or doc.desk != desk_id:
            raise no_conversation()
        return doc

    def know_desk(self, desk_id: str) -> None:
        """Raise Refusal 404 for a desk that there is not, 422 where none is named."""
        if not desk_id:
            raise Refusal(422, "No desk is named.", [Problem("/desk", "is required")])
        if self.directory.view(desk_id) is None:
            raise no_desk(desk_id)

    async def know_agent(self, desk_id: str, agent_id: str) -> None:
        """Raise Refusal 404 where the views have no such agent. While they are away nobody knows: an engine
        takes no notice of an agent whom it does not know."""
        try:
            known = await self.directory.agent(desk_id, agent_id)
        except Busy:
            return
        if known is None:
            raise no_agent()

    async def know_conversation(self, desk_id: str, conversation_id: str, patience: Patience) -> None:
        """Raise Refusal 404 for what can't be a conversation of the desk: what is one the router knows."""
        await self._seen(desk_id, conversation_id, patience)

    async def whose(self, desk_id: str, conversation_id: str, patience: Patience) -> Whose:
        """Whose a conversation of the desk is, by the views or else by the log. Raises Refusal 404, Busy."""
        doc = await self._seen(desk_id, conversation_id, patience)
        people, partition = self.app.people, self.partition(desk_id)
        if doc is not None:
            try:
                return Whose(doc.id, doc.identity_hash, await self.reads.hidden(desk_id, doc.customer))
            except Busy:
                if people is None:
                    raise
        found = None
        if people is not None:
            found = await people.whose(partition, desk_id, conversation_id, patience.left_s())
        if found is None:
            raise no_conversation()
        return found

    async def _seen(self, desk_id: str, conversation_id: str, patience: Patience) -> Conversation | None:
        """As the views have it. None: they are away, or behind ingest's log, which may tell of it. Raises
        Refusal 404 and, where nothing else can be asked, Busy."""
        if not _CONVERSATION_ID.fullmatch(conversation_id):
            raise no_conversation()
        try:
            try:
                return await self.conversation(desk_id, conversation_id)
            except Refusal:
                within_s = min(VIEWS_WAIT_S, patience.left_s())
                await self.following.at_end("conversations", self.partition(desk_id), within_s)
            return await self.conversation(desk_id, conversation_id)
        except Busy:
            if self.app.people is None:
                raise
            return None


def _near(app: App) -> Following:
    """Follow the loops of this process. Raises TypeError where the views are those of other processes."""
    if not isinstance(app.views, Views):
        raise TypeError("an edge whose views are far has to be told how it follows")
    return Projector(app.views, app.hub, app.log, app.clock)
