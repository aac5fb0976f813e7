"""What began to wait in the last instant: whether much comes at once, and who was put off to its end.

An instant is one time of the log, so one batch: whatever the inputs had when it was decided. It ends once the
inputs are drained; while they are not, with the first who begins to wait in a later one.
"""

from __future__ import annotations

from msgspec import Struct


class Instant(Struct, array_like=True):
    """One instant of a desk."""

    at_ms: int = 0
    begun: int = 0
    """How many began to wait in it whom somebody could take."""
    put_off: bool = False
    """Some of them are still to be matched."""

    def begin(self, now_ms: int, put_off: bool) -> None:
        """One more begins to wait."""
        if now_ms != self.at_ms:
            self.at_ms, self.begun = now_ms, 0
        self.begun += 1
        self.put_off |= put_off

    def begun_by(self, now_ms: int) -> int:
        """How many began to wait so in this instant, if it is still the same."""
        return self.begun if now_ms == self.at_ms else 0
