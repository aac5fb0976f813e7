"""What must hold of promises, sends and notices: each way of breaking it is found and named."""

from __future__ import annotations

from typing import Any

import pytest

from proto.v1 import desk_pb2 as dk
from proto.v1 import notices_pb2 as nt
from proto.v1 import sla_pb2 as sl
from tests.tools.made import START_MS, MadeLogs


@pytest.fixture
def logs() -> MadeLogs:
    """Empty logs, claimed."""
    return MadeLogs()


class TestPromises:
    """(4) A promise about time fires once, never early, and is never forgotten."""

    def start(self, logs: MadeLogs) -> None:
        """A target that warns after 45 s and is due after 60."""
        body = sl.TargetStarted(target_id="t1", due_at_ms=START_MS + 60_000, warn_at_ms=START_MS + 45_000)
        logs.batch("sla", ("started", body))

    def fire(self, logs: MadeLogs, seconds: float, name: str) -> None:
        """The target warns or breaches."""
        logs.at(seconds)
        message = {"warned": sl.TargetWarned, "breached": sl.TargetBreached}[name]
        logs.batch("sla", (name, message(target_id="t1")))

    def test_in_time(self, logs: MadeLogs) -> None:
        """A warning and a breach when they are due are as they should be."""
        self.start(logs)
        self.fire(logs, 45, "warned")
        self.fire(logs, 60.2, "breached")
        assert logs.violations() == []

    @pytest.mark.parametrize(("name", "seconds"), [("warned", 44), ("breached", 59)])
    def test_early(self, logs: MadeLogs, name: str, seconds: int) -> None:
        """A second early is found."""
        self.start(logs)
        self.fire(logs, seconds, name)
        assert ["1000 ms early" in line for line in logs.violations()] == [True]

    def test_twice(self, logs: MadeLogs) -> None:
        """A second breach is found."""
        self.start(logs)
        self.fire(logs, 60, "breached")
        self.fire(logs, 61, "breached")
        assert ["a second time" in line for line in logs.violations()] == [True]

    def test_forgotten(self, logs: MadeLogs) -> None:
        """A target that is over, while the engine went on for longer than the slack, is found."""
        self.start(logs)
        for seconds in (61, 62, 70):
            logs.at(seconds)
            logs.batch("sla", ("conversation", sl.SlaConversationSeen(conversation_id=f"c{seconds}")))
        assert ["is over and did not breach 9000 ms after" in line for line in logs.violations()] == [True]

    def test_nobody_ran(self, logs: MadeLogs) -> None:
        """What was due while no process ran fires at the take-over, and that is in time."""
        self.start(logs)
        self.fire(logs, 9_000, "breached")
        assert logs.violations() == []

    def test_while_held(self, logs: MadeLogs) -> None:
        """A breach of a target that is paused is found."""
        self.start(logs)
        logs.batch("sla", ("paused", sl.TargetPaused(target_id="t1")))
        self.fire(logs, 61, "breached")
        assert ["while it is held" in line for line in logs.violations()] == [True]

    def test_after_the_end(self, logs: MadeLogs) -> None:
        """A breach of a promise that was kept is found."""
        self.start(logs)
        logs.batch("sla", ("met", sl.TargetMet(target_id="t1")))
        self.fire(logs, 61, "breached")
        assert ["it is not running" in line for line in logs.violations()] == [True]


class TestSends:
    """(5) Nothing is sent twice, and every send has a result or a young lease."""

    def request(self, logs: MadeLogs, send_id: str = "s1", **more: Any) -> None:
        """A send is requested."""
        body = nt.SendRequested(
            **{"send_id": send_id, "kind": nt.SEND_KIND_REPLY, "conversation_id": "c1", **more}
        )
        logs.batch("notices", ("requested", body))

    def attempt(self, logs: MadeLogs, number: int = 1, send_id: str = "s1") -> None:
        """The provider is about to be called."""
        lease = logs.now_ms + 30_000
        logs.batch(
            "notices",
            ("attempted", nt.SendAttempted(send_id=send_id, attempt=number, lease_until_ms=lease)),
        )

    def test_unasked(self, logs: MadeLogs) -> None:
        """An attempt that nobody requested is found."""
        self.attempt(logs)
        assert ["s1 is attempted while it is unknown" in line for line in logs.violations()] == [True]

    def test_twice(self, logs: MadeLogs) -> None:
        """A second attempt while the first has no result, and a second `sent`, are found."""
        self.request(logs)
        self.attempt(logs)
        self.attempt(logs, 2)
        logs.batch("notices", ("sent", nt.SendSent(send_id="s1")))
        logs.batch("notices", ("sent", nt.SendSent(send_id="s1")))
        assert [line.split(": ", 2)[2] for line in logs.violations()] == [
            "s1 is attempted while it is attempted",
            "s1 is sent while it is sent",
        ]

    @pytest.mark.parametrize("idempotent", [True, False])
    def test_uncertain(self, logs: MadeLogs, idempotent: bool) -> None:
        """What may have been sent is tried again only where the receiver drops repeats."""
        self.request(logs, idempotent=idempotent)
        self.attempt(logs)
        logs.batch("notices", ("uncertain", nt.SendUncertain(send_id="s1")))
        self.attempt(logs, 2)
        assert len(logs.violations()) == (0 if idempotent else 1)

    def test_no_result(self, logs: MadeLogs) -> None:
        """A send whose lease is over without a result is found."""
        self.request(logs)
        self.attempt(logs)
        logs.at(60)
        self.request(logs, "s2")
        assert ["s1 has no result, and its lease is over" in line for line in logs.violations()] == [True]

    def test_never_attempted(self, logs: MadeLogs) -> None:
        """A send that is due and that nothing holds up is attempted, or found."""
        self.request(logs)
        logs.at(60)
        self.request(logs, "s2")
        assert ["s1 is due and was never attempted" in line for line in logs.violations()] == [True]


class TestNotices:
    """(8) No notice at night, to somebody forgotten, or twice for one matter."""

    def notice(self, logs: MadeLogs, send_id: str = "s1", matter: str = "order 1, Friday") -> None:
        """A notice is requested and attempted."""
        body = nt.SendRequested(send_id=send_id, kind=nt.SEND_KIND_NOTICE, customer_id="u1", matter=matter)
        logs.batch("notices", ("requested", body))
        lease = logs.now_ms + 30_000
        attempt = nt.SendAttempted(send_id=send_id, attempt=1, lease_until_ms=lease)
        logs.batch("notices", ("attempted", attempt), ("sent", nt.SendSent(send_id=send_id)))

    def desk(self, logs: MadeLogs, start_min: int, end_min: int) -> None:
        """A desk in Warsaw with quiet hours."""
        quiet = dk.Notices(quiet_start_min=start_min, quiet_end_min=end_min)
        logs.batch(
            "notices",
            ("desk", nt.NotifyDeskSeen(desk=dk.DeskConfig(time_zone="Europe/Warsaw", notices=quiet))),
        )

    @pytest.mark.parametrize(
        ("start", "end", "found"), [(1260, 480, 0), (600, 720, 1), (630, 660, 0), (0, 0, 0), (660, 661, 0)]
    )
    def test_quiet(self, logs: MadeLogs, start: int, end: int, found: int) -> None:
        """A notice at 11:00 is found only if that lies in the quiet hours, their first moments apart."""
        self.desk(logs, start, end)
        self.notice(logs)
        assert len(logs.violations()) == found

    def test_twice(self, logs: MadeLogs) -> None:
        """A second notice for one matter is found; one for another matter is not."""
        self.notice(logs)
        self.notice(logs, "s2", "order 1, Monday")
        assert logs.violations() == []
        self.notice(logs, "s3")
        assert ["s3 tells order 1, Friday again, which s1 told" in line for line in logs.violations()] == [
            True
        ]

    def test_withdrawn(self, logs: MadeLogs) -> None:
        """A notice that was withdrawn before it was sent leaves its matter to another one."""
        body = nt.SendRequested(send_id="s1", kind=nt.SEND_KIND_NOTICE, matter="m")
        logs.batch("notices", ("requested", body), ("suppressed", nt.SendSuppressed(send_id="s1")))
        self.notice(logs, "s2", "m")
        assert logs.violations() == []

    def test_forgotten(self, logs: MadeLogs) -> None:
        """Whatever is sent to a customer after their erasure began is found, merged customers included."""
        logs.batch("notices", ("customer_forgotten", nt.CustomerForgotten(customer_id="u2")))
        logs.batch("notices", ("customer_merged", nt.NotifyCustomerMerged(customer_id="u1", merged_id="u2")))
        self.notice(logs)
        assert [line.split(": ", 2)[2] for line in logs.violations()] == [
            "s1 is requested to a customer who is forgotten",
            "s1 is attempted to a customer who is forgotten",
        ]

    def test_before_its_time(self, logs: MadeLogs) -> None:
        """A held notice that goes out before its hold ends is found."""
        held = nt.SendRequested(send_id="s1", kind=nt.SEND_KIND_NOTICE, held_until_ms=START_MS + 9_000)
        logs.batch("notices", ("requested", held))
        lease = START_MS + 30_000
        logs.batch("notices", ("attempted", nt.SendAttempted(send_id="s1", attempt=1, lease_until_ms=lease)))
        assert ["9000 ms before its time" in line for line in logs.violations()] == [True]


def test_delivery_reports_do_not_confuse(logs: MadeLogs) -> None:
    """A bounce after the provider took it is a failure and no second send."""
    logs.batch("notices", ("requested", nt.SendRequested(send_id="s1", kind=nt.SEND_KIND_REPLY)))
    lease = START_MS + 30_000
    logs.batch("notices", ("attempted", nt.SendAttempted(send_id="s1", attempt=1, lease_until_ms=lease)))
    logs.batch("notices", ("sent", nt.SendSent(send_id="s1")), ("failed", nt.SendFailed(send_id="s1")))
    assert logs.violations() == []
