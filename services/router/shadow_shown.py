"""What was seen of a shadow policy, as the HTTP API shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from services.kernel.limits import SHADOW_OPEN_MAX
from services.router.explain import Sentence
from services.router.shadow import Count, Difference, Report
from services.runtime import shapes


def shadow_shown(report: Report) -> dict[str, Any]:
    """Both policies, how many choices were compared and the same, and the last others, newest first."""
    return {
        "policy": {"live": report.live, "shadow": report.shadow},
        "since": shapes.rfc3339(report.since_ms) if report.since_ms else None,
        **_count(report.all),
        "by_queue": _counts("queue", report.queues),
        "by_channel": _counts("channel", report.channels),
        "by_kind": dict(sorted(report.kinds.items())),
        "differences": [_difference(one) for one in reversed(report.differences)],
        "failed": report.failed or None,
        "not_begun": msgspec.to_builtins(_not_begun(report.too_many)) if report.too_many else None,
    }


def _not_begun(open_now: int) -> Sentence:
    return Sentence(
        pl=f"Porównanie czeka: otwartych rozmów jest {open_now}. Zacznie się, gdy będzie ich najwyżej "
        f"{SHADOW_OPEN_MAX}, aby nie spowolnić pracy.",
        en=f"The comparison waits: {open_now} conversations are open. It begins once they are at most "
        f"{SHADOW_OPEN_MAX}, so that live work is not slowed down.",
    )


def _count(count: Count) -> dict[str, Any]:
    share = round(count.agreed / count.compared, 4) if count.compared else None
    return {"compared": count.compared, "agreed": count.agreed, "agreed_share": share}


def _counts(name: str, counts: Mapping[str, Count]) -> list[dict[str, Any]]:
    return [{name: key, **_count(count)} for key, count in sorted(counts.items())]


def _difference(one: Difference) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(one)
    shown.pop("at_ms")
    for side in ("live", "shadow"):
        shown[side]["agent"] = shown[side]["agent"] or None
    return {"at": shapes.rfc3339(one.at_ms), **shown}
