"""Rates that all edges of an installation share, in Redis.

An edge takes some milliseconds' worth of a desk's rate at once and uses it up before it asks again, so that
a busy desk costs a few calls a second and not one a message; what it does not use is gone after a moment.
A desk with a small rate is asked about each time, so it is exact. While Redis is away each edge counts by
itself: more may come in then, nothing is turned away.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from services.kernel.errors import Busy
from services.runtime.clock import Clock
from services.runtime.rates import KEPT_S, KEYS_MAX, ROUNDING, MemoryRates
from services.runtime.redis_link import RedisLink, Script

AT_ONCE_S = 0.02
"""How much of a rate is taken at once, in its time …"""
AT_ONCE_MAX = 100
"""… and at most."""
USED_WITHIN_S = 0.5
"""What was taken and not used until then is not used any more."""

_TAKE = Script(f"""
local time = redis.call('TIME')
local now, step, wanted = time[1] * 1000000 + time[2], tonumber(ARGV[1]), tonumber(ARGV[2])
local paid = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
local room = ({KEPT_S} * 1000000 - (paid - now)) / step
local got = math.min(wanted, math.floor(room + {ROUNDING}))
if got < 1 then return {{0, math.ceil((1 - room) * step)}} end
paid = paid + got * step
redis.call('SET', KEYS[1], string.format('%.0f', paid), 'PX', math.ceil((paid - now) / 1000))
return {{got, 0}}
""")
"""Takes up to ARGV[2] of a key whose step is ARGV[1] microseconds: how many, else after how many
microseconds there will be one. By the clock of Redis, which all edges share; a key lives as long as it says
anything."""


class _Taken(NamedTuple):
    """What an edge has in hand."""

    left: int
    until_s: float


class RedisRates:
    """Rates of an installation."""

    def __init__(self, link: RedisLink, clock: Clock) -> None:
        self._link = link
        self._clock = clock
        self._taken: OrderedDict[str, _Taken] = OrderedDict()
        self._alone = MemoryRates(clock)

    async def take(self, key: str, per_s: int) -> float:
        """See the port."""
        now_s = self._clock.monotonic_s()
        taken = self._taken.get(key)
        if taken is not None and taken.left and now_s < taken.until_s:
            self._taken[key] = taken._replace(left=taken.left - 1)
            return 0.0
        wanted = max(1, min(AT_ONCE_MAX, int(per_s * AT_ONCE_S)))
        try:
            got, wait_us = await self._link.run(
                _TAKE, [f"centrala:rate:{{{key}}}"], [str(1_000_000 / per_s), wanted]
            )
        except Busy:
            return self._alone.take_now(key, per_s)
        if not got:
            return float(wait_us) / 1_000_000
        # Others may have taken some meanwhile, and have used up what was there: theirs is added to.
        left = self._taken.get(key, _Taken(0, 0.0))
        kept = left.left if now_s < left.until_s else 0
        self._taken[key] = _Taken(kept + int(got) - 1, now_s + USED_WITHIN_S)
        self._taken.move_to_end(key)
        if len(self._taken) > KEYS_MAX:
            self._taken.popitem(last=False)
        return 0.0
