"""Opening a resolved conversation again, but for a customer's message: an agent asks for it, or its answer
did not arrive.

An answer that did not arrive. Ingest says so, for whatever reason; here it is judged. Only the newest answer
counts, once: what was answered again since, or opened again by the customer, is missed by nobody.
An open conversation stays with whom it is, who is told. A resolved one waits again by the rules of a
reopened conversation, its last agent first. Whoever resolves in the seconds after the refusal became known
cannot have seen it ("answer and resolve" in one): that opens again at once. What a bot had resolved is for
humans from then on: a bot would go on answering to where nothing arrives.
"""

from __future__ import annotations

from proto.v1 import routing_pb2 as rt
from proto.v1.conversations_pb2 import SendUndelivered
from proto.v1.routing_pb2 import AnswerUndelivered, Reopened
from services.kernel.limits import UNSEEN_MS
from services.router import planning
from services.router.draft import Draft
from services.router.resolved import Short
from services.router.state import Conversation, Status


def undelivered(draft: Draft, failed: SendUndelivered) -> None:
    """The provider refused an agent's answer for good, or reported it back."""
    key, state = failed.conversation_id, draft.state
    if not state.answers.is_newest(key, draft.base["origin_id"], draft.now_ms):
        return
    c = state.conversation(draft.desk_id, key)
    short = None if c is not None else state.resolved.get(draft.desk_id, key, draft.now_ms)
    if c is None and short is None:
        return
    owner = c.agent if c is not None and c.status == Status.OWNED else ""
    draft.say(undelivered=AnswerUndelivered(conversation_id=key, reason=failed.reason, owner_id=owner))
    if short is not None:
        unanswered(draft, key, fresh(draft, short, failed.customer_id, draft.now_ms))


def is_unseen(c: Conversation, asked_at_ms: int) -> bool:
    """Whether whoever asked then cannot have seen that the newest answer did not arrive."""
    return bool(c.undelivered_ms) and asked_at_ms < c.undelivered_ms + UNSEEN_MS


def unanswered(draft: Draft, key: str, c: Conversation) -> None:
    """Open a resolved conversation again, because its answer did not arrive."""
    draft.say(reopened=Reopened(conversation_id=key, why=rt.REOPENED_WHY_UNDELIVERABLE))
    if draft.is_bot(c.last_agent) and not c.human_only:
        draft.human_only(key, rt.HUMAN_WHY_UNDELIVERABLE)
        c.human_only, c.last_agent = True, ""
    draft.queue(key, c, rt.QUEUED_WHY_REOPENED, undelivered=True)


def fresh(draft: Draft, short: Short, customer_id: str, since_ms: int) -> Conversation:
    """A resolved conversation as it waits again. Its labels are forgotten, its queue is not: that says what
    it requires."""
    queue = planning.queue_named(draft.desk, short.queue)
    return Conversation(
        desk=draft.desk_id,
        status=Status.LOOSE,
        channel=short.channel,
        account=short.account,
        customer=customer_id,
        queue=queue.name if queue else "",
        given=queue.name if queue else "",
        fixed=queue is not None,
        requires=queue.requires if queue else (),
        prefers=queue.prefers if queue else (),
        language=short.language,
        since_ms=since_ms,
        human_only=short.human_only,
        last_agent=short.last_agent,
        last_message=short.last_message,
    )
