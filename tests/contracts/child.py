"""A process to be killed: `python -m tests.contracts.child MODE PATH [STEP NTH]`.

write    appends for ever, and is killed by itself at the NTH time of STEP; prints a line
         "ack TOPIC OFFSET COUNT WAL_BYTES" for each acknowledgement
full     the same with a disk that is full after 300 KB, then has room again
open     opens the log and prints the error if it is refused
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from services.kernel.errors import Invalid
from services.runtime.clock import SystemClock
from services.runtime.event_log import LogReset
from services.runtime.log_sqlite import SqliteLog
from services.runtime.sqlite_file import SqliteFile

TOPICS = ("inbound", "routing")
GROUP = 3
"""Records in one append: they must be there all or none."""
FULL_BYTES = 300_000
APPENDS = 400


def value_of(topic: str, n: int) -> bytes:
    """The n-th value of a topic: different each, and some pages large in sum."""
    return f"{topic} {n} ".encode() * 20


def say(*words: object) -> None:
    """One line to the parent, at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def killer(step: str, nth: int) -> Callable[[str], None]:
    """Ends this process, as the kernel would, at the nth time of that step."""
    seen: Counter[str] = Counter()

    def at_step(name: str) -> None:
        seen[name] += 1
        if name == step and seen[name] == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    return at_step


async def write(path: Path, step: str, nth: int) -> None:
    """Append to both topics at once, with a checkpoint now and then."""
    clock = SystemClock()
    file = SqliteFile(path, clock, at_step=killer(step, nth))
    log = SqliteLog(file, clock)

    async def one(topic: str) -> None:
        for n in range(APPENDS):
            values = [value_of(topic, GROUP * n + i) for i in range(GROUP)]
            offset = await log.append(topic, 0, values)
            size = os.path.getsize(f"{path}-wal")
            say("ack", topic, offset, GROUP, size)
            if step == "checkpointed" and n % 10 == 9:
                await file.truncate_wal()

    await asyncio.gather(*(one(topic) for topic in TOPICS))


async def full(path: Path) -> None:
    """Write until the disk is full, make room, go on."""
    clock = SystemClock()
    log = SqliteLog(SqliteFile(path, clock), clock)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_BYTES, hard))
    n = 0
    resets = 0
    while n < APPENDS:
        try:
            offset = await log.append("inbound", 0, [value_of("inbound", n)])
        except LogReset as error:
            resets += 1
            say("reset", error)
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            continue
        say("ack", "inbound", offset, 1, 0)
        n += 1
    await log.close()
    say("resets", resets)


async def open_only(path: Path) -> None:
    """Try to open."""
    try:
        SqliteFile(path, SystemClock())
    except Invalid as error:
        say(error)


def main() -> None:
    """Do what the arguments say."""
    mode, path, *rest = sys.argv[1:]
    if mode == "write":
        asyncio.run(write(Path(path), rest[0], int(rest[1])))
    elif mode == "full":
        asyncio.run(full(Path(path)))
    else:
        asyncio.run(open_only(Path(path)))


if __name__ == "__main__":
    main()
