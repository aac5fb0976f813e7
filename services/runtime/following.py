"""Following: what an edge needs of whoever follows the engines for it."""

from __future__ import annotations

from typing import Protocol

from services.runtime.decided import Answered
from services.runtime.loop import Loop


class Following(Protocol):
    """How an edge hears of what happens: from the loops of its own process, or from the log."""

    def bind(self, loop: Loop) -> None:
        """Follow a loop of this process."""

    async def run(self) -> None:
        """Follow until cancelled."""

    async def watch(self, partition: int, within_s: float) -> None:
        """From now on everything about the partition is heard. Raises Busy if that cannot be had in time."""

    async def shown(self, partition: int, mailbox_end: int, timeout_s: float) -> bool:
        """Wait until the views show what follows from the mailbox's records before `mailbox_end`; False
        after `timeout_s`. Raises Busy."""

    async def caught_up(self, partition: int, within_s: float) -> None:
        """Wait until the views show everything that was heard of the partition. Raises Busy if they do not
        in time."""

    async def at_end(self, topic: str, partition: int, within_s: float) -> None:
        """Wait until the views show everything that a log holds now, whether it was heard here or not: who
        asks may have been told of it elsewhere. Raises Busy if they do not in time."""

    async def look(self, partition: int) -> None:
        """See how far ingest is with a partition's mailbox."""

    def backlog(self, partition: int, mailbox_end: int) -> int:
        """How many records of the mailbox, up to `mailbox_end`, were not decided at the last look."""

    def answered(self, partition: int, record_id: str) -> Answered | None:
        """What an agent's request was answered, if that was heard here not long ago."""
