"""Has the views' bases of what this process serves moved forward, by a short-lived process of its own."""

from __future__ import annotations

import asyncio
import logging
import sys

from services.runtime.seats import Seats

EVERY_S = 6 * 3600.0
"""A base covers 91 days; how much of a day it lags behind does not matter."""

_log = logging.getLogger(__name__)


class BaseJobs:
    """Now and then `python -m PROGRAM --views N,M` is run, for all partitions that are served here."""

    def __init__(self, seats: Seats, program: str) -> None:
        self._seats = seats
        self._program = program

    async def run(self) -> None:
        """Look every few hours, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            served = ",".join(str(partition) for partition in sorted(self._seats.taken))
            if served and await self._ended("--views", served):
                _log.error("the views' bases were not moved; a rebuild reads more of the logs")

    async def _ended(self, *arguments: str) -> int:
        """Run the program to its end; its exit code."""
        child = await asyncio.create_subprocess_exec(sys.executable, "-m", self._program, *arguments)
        try:
            return await child.wait()
        except asyncio.CancelledError:
            child.kill()
            await child.wait()
            raise
