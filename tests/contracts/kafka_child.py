"""A writer to be frozen: `python -m tests.contracts.kafka_child BROKERS PREFIX`.

Claims routing/0 and appends batches for ever, as a loop does. Prints "own EPOCH", then "ack OFFSET" for each
contiguous acknowledgement, and "gap" or the error when it lets go.
"""

from __future__ import annotations

import asyncio
import sys

from services.kernel.errors import Fenced
from services.runtime.kafka_access import KafkaAccess
from services.runtime.log_kafka import KafkaLog
from tests.contracts.child import say
from tests.contracts.test_event_log import Writer


async def write(access: KafkaAccess) -> None:
    """Own the partition until somebody else does."""
    log = await KafkaLog.open(access)
    writer = Writer(log)
    await writer.claim()
    say("own", writer.fence.epoch)
    n = 0
    try:
        while await writer.write(b"child %d" % n):
            say("ack", writer.next_offset - 1)
            n += 1
        say("gap")
    except Fenced as error:
        say("fenced", error)
    await log.close()


if __name__ == "__main__":
    asyncio.run(write(KafkaAccess(sys.argv[1], sys.argv[2])))
