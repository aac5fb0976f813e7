"""What the engine remembers.

`Data` is the fold and what a snapshot holds. Beside it `State` keeps indexes that follow from it: the
desks' policies compiled, one deadline for each conversation (the earliest thing that any of its
targets has to do), and where a requested reply belongs.
"""

from __future__ import annotations

from sys import intern

import msgspec

from proto.v1.desk_pb2 import DeskConfig
from proto.v1.sla_pb2 import TARGET_KIND_RESOLUTION
from services.kernel.deadlines import Deadlines
from services.sla.policies import Live

WARNED = 1
BREACHED = 2
MOVED = 4
"""The deadline was moved by a pause: it does not follow from the start any more."""
FIRST_STEP = 8
"""Mark of the first escalation step; the following ones double."""

RESUME, WARN, BREACH = -3, -2, -1
"""What a target does next; from 0 on it is the index of an escalation step."""

AT_WARNING = 1
_Texts = tuple[str, str, tuple[str, ...]]
"""Of a conversation: channel, policy, labels."""
REPLAN_NOW_MS = 1
"""A re-plan is due as soon as there are no inputs: earlier than any deadline."""


class Step(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One escalation step: `at` as in the proto, milliseconds after it, what, to whom."""

    at: int
    after_ms: int
    do: int
    to: str


class Terms(msgspec.Struct, array_like=True):
    """What a policy said at one version, frozen while any target refers to it."""

    steps: list[Step]
    pause_ms: int
    pause_days: int
    fingerprint: bytes
    targets: int = 0


class Target(msgspec.Struct, array_like=True, gc=False):
    """One promise. Times in Unix milliseconds; `left_ms`: open time left when it was paused."""

    id: str
    kind: int
    terms: str
    started_at_ms: int
    due_at_ms: int
    warn_at_ms: int
    open_ms: int
    marks: int = 0
    left_ms: int = 0
    left_to_warning_ms: int = 0
    paused_until_ms: int = 0


class Reply(msgspec.Struct, array_like=True, gc=False):
    """A requested answer. `pending`: its result is not known yet."""

    id: str
    replied_at_ms: int
    promise_within_ms: int = 0
    pending: bool = True


class Answer(msgspec.Struct, array_like=True, gc=False):
    """The newest answer that was sent, by its reply's id, and the promises that it kept."""

    id: str
    met: tuple[Target, ...] = ()


class Conversation(msgspec.Struct, array_like=True):
    """An open conversation. `closed`: resolved, kept only until its pending replies are settled.

    `answer`: it may still turn out not to have arrived. `met`: what an answer that is being settled kept.
    `labels`: names and values in turn. Tuples and shared texts, because there are very many of these.
    """

    id: str
    channel: str
    policy: str
    version: int
    labels: tuple[str, ...]
    asked_id: str = ""
    asked_at_ms: int = 0
    closed: bool = False
    targets: tuple[Target, ...] = ()
    replies: tuple[Reply, ...] = ()
    answer: Answer | None = None
    met: tuple[Target, ...] = ()

    def facts(self) -> dict[str, str]:
        """What conditions may ask for, but the channel."""
        return dict(zip(self.labels[::2], self.labels[1::2], strict=True))

    def suspended(self, target: Target) -> bool:
        """Whether an answer to it is under way."""
        if target.kind == TARGET_KIND_RESOLUTION:
            return False
        return any(reply.pending and reply.replied_at_ms >= target.started_at_ms for reply in self.replies)

    def target(self, target_id: str) -> Target | None:
        """The target of this id."""
        return next((target for target in self.targets if target.id == target_id), None)

    def reply(self, reply_id: str) -> Reply | None:
        """The reply of this id."""
        return next((reply for reply in self.replies if reply.id == reply_id), None)

    def pending(self) -> bool:
        """Whether a reply is under way."""
        return any(reply.pending for reply in self.replies)

    def resolution(self) -> Target | None:
        """The promise of a resolution."""
        return next((target for target in self.targets if target.kind == TARGET_KIND_RESOLUTION), None)


class DeskData(msgspec.Struct, array_like=True):
    """A desk: the configuration that is seen, frozen terms, and what is open.

    `replan_after`: conversations up to this id follow the newest version; None: all do.
    """

    desk: bytes = b""
    version: int = 0
    terms: dict[str, Terms] = {}
    conversations: dict[str, Conversation] = {}
    replan_after: str | None = None


class Data(msgspec.Struct):
    """The fold of the log."""

    desks: dict[str, DeskData] = {}


class State:
    """Data and the indexes that follow from it."""

    __slots__ = ("answers", "data", "deadlines", "live", "replies", "stale")

    def __init__(self, data: Data) -> None:
        self.data = data
        self.deadlines = Deadlines()
        self.live: dict[str, Live] = {}
        self.replies: dict[str, str] = {}
        self.answers: dict[str, str] = {}
        self.stale: dict[str, list[str]] = {}
        known: dict[_Texts, _Texts] = {}
        for desk_id, desk in data.desks.items():
            self.refresh(desk_id, desk)
            due: list[tuple[str, int]] = []
            for conversation_id, conversation in desk.conversations.items():
                conversation.id = conversation_id
                _share(conversation, known)
                found = next_action(desk, conversation)
                if found is not None:
                    due.append((deadline_key(desk_id, conversation_id), found[0]))
                for reply in conversation.replies:
                    self.replies[reply.id] = conversation.id
                if conversation.answer:
                    self.answers[conversation.answer.id] = conversation.id
            self.deadlines.fill(due)

    def find(self, desk_id: str, conversation_id: str) -> Conversation | None:
        """A conversation of a desk."""
        desk = self.data.desks.get(desk_id)
        return desk.conversations.get(conversation_id) if desk else None

    def refresh(self, desk_id: str, desk: DeskData) -> None:
        """Compile the desk's newest version, and list what an edit has still to look at."""
        self.live[desk_id] = Live(DeskConfig.FromString(desk.desk), desk.version)
        key = deadline_key(desk_id, "")
        if desk.replan_after is None:
            self.stale.pop(desk_id, None)
            self.deadlines.drop(key)
            return
        after = desk.replan_after
        self.stale[desk_id] = sorted(
            (c.id for c in desk.conversations.values() if c.version < desk.version and c.id > after),
            reverse=True,
        )
        self.deadlines.set(key, REPLAN_NOW_MS)

    def index(self, desk_id: str, desk: DeskData, conversation: Conversation) -> None:
        """Put the conversation's next deadline into its place."""
        found = next_action(desk, conversation)
        key = deadline_key(desk_id, conversation.id)
        if found is None:
            self.deadlines.drop(key)
        else:
            self.deadlines.set(key, found[0])


def _share(conversation: Conversation, known: dict[_Texts, _Texts]) -> None:
    """Have equal texts and times once, as `evolve` has them: a snapshot gives each its own."""
    texts = (conversation.channel, conversation.policy, conversation.labels)
    shared = known.get(texts)
    if shared is None:
        channel, policy, labels = texts
        shared = known[texts] = (intern(channel), intern(policy), tuple(map(intern, labels)))
    conversation.channel, conversation.policy, conversation.labels = shared
    _share_targets(conversation.targets, conversation.asked_at_ms)
    if conversation.answer:
        _share_targets(conversation.answer.met, conversation.asked_at_ms)


def _share_targets(targets: tuple[Target, ...], asked_at_ms: int) -> None:
    for target in targets:
        target.terms = intern(target.terms)
        if target.started_at_ms == asked_at_ms:
            target.started_at_ms = asked_at_ms


def deadline_key(desk_id: str, conversation_id: str) -> str:
    """Names a conversation's deadline; without a conversation: the desk's re-plan."""
    return f"{desk_id}/{conversation_id}"


def next_action(desk: DeskData, conversation: Conversation) -> tuple[int, int, Target] | None:
    """What the conversation's targets do next: when, what, which. In order of time, then of targets."""
    best: tuple[int, int, Target] | None = None
    if conversation.closed:
        return None
    for target in conversation.targets:
        if conversation.replies and conversation.suspended(target):
            continue
        found = _next_of(target, desk.terms.get(target.terms))
        if found is not None and (best is None or found[0] < best[0]):
            best = (found[0], found[1], target)
    return best


def _next_of(target: Target, terms: Terms | None) -> tuple[int, int] | None:
    if target.paused_until_ms:
        return target.paused_until_ms, RESUME
    marks = target.marks
    best: tuple[int, int] | None = None
    if not marks & BREACHED:
        best = (target.due_at_ms, BREACH)
        if target.warn_at_ms and not marks & WARNED:
            best = min((target.warn_at_ms, WARN), best)
    if marks & (WARNED | BREACHED) and terms:
        for index, step in enumerate(terms.steps):
            warning = step.at == AT_WARNING
            if marks & (FIRST_STEP << index) or not marks & (WARNED if warning else BREACHED):
                continue
            at_ms = (target.warn_at_ms if warning else target.due_at_ms) + step.after_ms
            if best is None or at_ms < best[0]:
                best = (at_ms, index)
    return best
