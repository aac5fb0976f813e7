"""Events of the topic sla as views: the promises of a conversation and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proto.v1.sla_pb2 import SlaEvent, TargetKind, TargetStarted
from services.runtime.documents import Promises, Target
from services.runtime.project_conversations import word
from services.runtime.views import Views


def _started(views: Views, event: SlaEvent, body: TargetStarted) -> None:
    doc = views.edit(Promises, body.conversation_id)
    if doc is None:
        doc = Promises(body.conversation_id, event.desk_id)
        views.put(doc)
    doc.events += 1
    doc.targets.append(
        Target(
            body.target_id,
            word(TargetKind, body.kind),
            "running",
            body.started_at_ms,
            body.due_at_ms,
            warned_ms=body.warn_at_ms if body.warned else 0,
            policy=body.policy,
        )
    )


def _found(views: Views, body: Any) -> Target | None:
    doc = views.edit(Promises, body.conversation_id)
    if doc is None:
        return None
    doc.events += 1
    for target in reversed(doc.targets):
        if target.id == body.target_id:
            return target
    return None


def _paused(views: Views, event: SlaEvent, body: Any) -> None:
    target = _found(views, body)
    if target is not None:
        target.state = "paused"


def _resumed(views: Views, event: SlaEvent, body: Any) -> None:
    target = _found(views, body)
    if target is not None:
        target.state, target.due_ms = "running", body.due_at_ms


def _met(views: Views, event: SlaEvent, body: Any) -> None:
    target = _found(views, body)
    if target is not None:
        target.met_ms = body.met_at_ms
        # A breach stays a breach, however the target ends.
        target.state = "breached" if target.breached_ms else "met"


def _warned(views: Views, event: SlaEvent, body: Any) -> None:
    target = _found(views, body)
    if target is not None:
        target.warned_ms = event.occurred_at_ms


def _breached(views: Views, event: SlaEvent, body: Any) -> None:
    target = _found(views, body)
    if target is not None:
        target.state, target.breached_ms = "breached", body.due_at_ms


def _breach_withdrawn(views: Views, event: SlaEvent, body: Any) -> None:
    target = _found(views, body)
    if target is not None:
        target.state, target.breached_ms, target.met_ms = "met", 0, body.met_at_ms


def _cancelled(views: Views, event: SlaEvent, body: Any) -> None:
    target = _found(views, body)
    if target is not None and target.state in ("running", "paused"):
        target.state = "cancelled"


HANDLERS: Mapping[str, Callable[[Views, Any, Any], None]] = {
    "started": _started,
    "paused": _paused,
    "resumed": _resumed,
    "met": _met,
    "warned": _warned,
    "breached": _breached,
    "breach_withdrawn": _breach_withdrawn,
    "cancelled": _cancelled,
}
