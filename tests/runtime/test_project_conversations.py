"""What events of conversations make of the views."""

from __future__ import annotations

from proto.v1.conversations_pb2 import ConversationsEvent, MessageChanged, MessageReceived
from proto.v1.envelope_pb2 import Sealed
from proto.v1.inbound_pb2 import MESSAGE_KIND_DELETE, MESSAGE_KIND_EDIT, MessageKind
from services.runtime.documents import Message
from services.runtime.project_conversations import HANDLERS
from services.runtime.views import MemoryStore, Views


def changed(views: Views, kind: MessageKind, words: bytes = b"") -> Message:
    """The message after a change of it."""
    body = MessageChanged(conversation_id="c", message_id="m", kind=kind, content=Sealed(data=words))
    HANDLERS["message_changed"](views, ConversationsEvent(desk_id="d", message_changed=body), body)
    found = views.peek(Message, "c/m")
    assert found is not None
    return found


def test_what_was_deleted_stays_deleted() -> None:
    """Edits are shown; a deletion takes the words away, and an edit that providers deliver behind it does not
    bring them back."""
    views = Views(MemoryStore())
    body = MessageReceived(conversation_id="c", message_id="m", content=Sealed(data=b"first"))
    HANDLERS["message"](views, ConversationsEvent(desk_id="d", message=body), body)
    edited = changed(views, MESSAGE_KIND_EDIT, b"second")
    assert (edited.state, Sealed.FromString(edited.content).data) == ("edited", b"second")
    assert changed(views, MESSAGE_KIND_DELETE).content == b""
    late = changed(views, MESSAGE_KIND_EDIT, b"second")
    assert (late.state, late.content) == ("deleted", b"")
