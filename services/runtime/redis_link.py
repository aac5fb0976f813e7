"""The way to Redis or Valkey, or a cluster of them: nobody ever waits for it for long.

Theory of operation. Redis holds what can be made again, so a call that does not come back is worth less
than the time spent waiting for it. Each call has a time bound (CENTRALA_REDIS_WITHIN_MS, a thousand times
what it takes on a quiet day); once one has failed the circuit is open, and calls fail at once until, after
a while, one is let through to see. Whoever calls gets `Busy` and goes on without.

Calls that come while others are under way travel together in one pipeline (five times cheaper each), and
they are made by a task of this module: whoever gives up waiting leaves no half-read answer behind for the
next. Reads and scripts have a lane of their own, so that a long write does not hold back reads here.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from redis.exceptions import NoScriptError, RedisClusterException, RedisError, ResponseError

from services.kernel.errors import Busy, Invalid
from services.runtime.clock import Clock
from services.runtime.redis_access import RedisAccess, is_full, may_not, refuses
from services.runtime.settings import Settings

OVERSLEPT_S = 0.05
"""A bound that is met later than this was not kept by our own process, and says nothing about Redis."""
OPEN_S = 1.0
"""How long calls fail at once after one has failed."""
TOGETHER_MAX = 500
"""Commands in one pipeline: about 10 ms of work for both ends."""
LOOKED_AT = "centrala:check"
"""A key that is not there."""

Argument = str | bytes | int
Command = tuple[Argument, ...]
FAILURES = (RedisError, RedisClusterException, OSError, TimeoutError)

_log = logging.getLogger(__name__)


class Script:
    """A Lua script. All of its keys are named, and share one hash tag, so it runs in a cluster too."""

    __slots__ = ("sha", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class _Call(NamedTuple):
    """What somebody waits for: `work` is commands, or one script with its keys and arguments."""

    commands: Sequence[Command]
    script: Script | None
    done: asyncio.Future[Any]


class RedisLink:
    """One address, for one process. Every call raises Busy when Redis is not there in time."""

    def __init__(self, access: RedisAccess | str, clock: Clock, within_s: float) -> None:
        """access: an address alone will do where it says everything."""
        self._access = RedisAccess(access) if isinstance(access, str) else access
        self._clock = clock
        self._within_s = within_s
        self._client: Any = None
        self._open_until_s = 0.0
        self.up = True
        """Whether the last call came back."""
        self._known = False
        self._lanes = (_Lane(self._read), _Lane(self._run))

    @classmethod
    def of(cls, settings: Settings, clock: Clock) -> RedisLink:
        """As the environment says. Raises Invalid if what is set does not go together."""
        return cls(RedisAccess.of(settings), clock, settings.redis_within_ms / 1000)

    async def read(self, commands: Sequence[Command]) -> list[Any]:
        """The commands' answers, in order. Raises Busy."""
        answers: list[Any] = await self._call(self._lanes[0], commands, None)
        return answers

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run a script; what it returns. Raises Busy: then it may or may not have run, or run later."""
        command: Command = (len(keys), *keys, *arguments)
        return await self._call(self._lanes[1], (command,), script)

    @asynccontextmanager
    async def subscriber(self) -> AsyncIterator[Any]:
        """A connection to listen on (redis-py's PubSub), which may be silent for any time. In a cluster any
        node tells what is published on another. Raises one of FAILURES when it is lost."""
        client = self._access.listening(self._within_s)
        async with client, client.pubsub() as pubsub:
            yield pubsub

    async def keys(self, pattern: str) -> list[str]:
        """Every key that fits, by walking through all of them: for cleaning up. Raises Busy."""
        found: list[str] = []
        try:
            async for key in self._connected().scan_iter(match=pattern, count=1_000):
                found.append(key.decode())
        except FAILURES as error:
            raise Busy(f"redis: {type(error).__name__}") from error
        return found

    async def answers(self) -> bool:
        """Whether Redis is there and takes a command of ours now."""
        try:
            await self.read([("GET", LOOKED_AT)])
        except Busy:
            return False
        return True

    async def check(self) -> None:
        """Raise Invalid in plain words if Redis refuses us. One that does not answer may do so later."""
        try:
            await self.read([("GET", LOOKED_AT)])
        except Busy as error:
            cause = error.__cause__
            if isinstance(cause, Exception) and refuses(cause):
                raise Invalid(f"redis {self.said(cause)}") from error

    def said(self, error: Exception) -> str:
        """What is wrong, in words, without the password."""
        return self._access.said(error, self._known)

    async def close(self) -> None:
        """Let go of the connections; what is under way fails."""
        for lane in self._lanes:
            lane.close()
        await self._disconnect()

    async def _call(self, lane: _Lane, commands: Sequence[Command], script: Script | None) -> Any:
        if self._clock.monotonic_s() < self._open_until_s:
            raise Busy("redis does not answer")
        return await lane.enter(_Call(commands, script, asyncio.get_running_loop().create_future()))

    def _connected(self) -> Any:
        if self._client is None:
            self._client = self._access.connected(self._within_s)
        return self._client

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            try:
                await client.aclose()
            except FAILURES as error:
                _log.debug("redis: closing: %s", type(error).__name__)

    async def _read(self, calls: list[_Call]) -> None:
        """Everything in one pipeline, without a transaction."""
        commands = [command for call in calls for command in call.commands]
        answers = await self._bounded(lambda client: _pipelined(client, commands), calls)
        if answers is None:
            return
        place = 0
        for call in calls:
            mine = answers[place : place + len(call.commands)]
            place += len(call.commands)
            wrong = next((one for one in mine if isinstance(one, Exception)), None)
            self._settled(call, mine, wrong)

    async def _run(self, calls: list[_Call]) -> None:
        """One script after the other."""
        for call in calls:
            script, command = call.script, call.commands[0]
            assert script is not None
            answers = await self._bounded(_scripted(script, command), [call])
            if answers is not None:
                wrong = answers[0] if isinstance(answers[0], Exception) else None
                self._settled(call, answers[0], wrong)

    def _settled(self, call: _Call, answer: Any, wrong: Exception | None) -> None:
        """Hand an answer out. One that refuses for want of a right is told: it will never do without."""
        if wrong is not None and may_not(wrong):
            _log.error("redis %s: %s", self.said(wrong), wrong)
        _settle(call, answer, wrong)

    async def _bounded(
        self, work: Callable[[Any], Awaitable[list[Any]]], calls: list[_Call]
    ) -> list[Any] | None:
        """The answers; None if Redis did not give them, which the calls are told."""
        for again in (True, False):
            began_s = self._clock.monotonic_s()
            try:
                answers = await self._once(work)
            except FAILURES as error:
                await self._disconnect()
                if again and self._clock.monotonic_s() - began_s > self._within_s + OVERSLEPT_S:
                    continue  # it was this process that was away: the answer may well have been there
                self._failed(error)
                for call in calls:
                    _settle(call, None, error)
                return None
            if not self.up:
                _log.warning("redis answers again")
            self.up = self._known = True
            return answers
        return None

    async def _once(self, work: Callable[[Any], Awaitable[list[Any]]]) -> list[Any]:
        # The client bounds each of its steps; this bounds them together.
        async with asyncio.timeout(2 * self._within_s):
            answers = await work(self._connected())
        lost = next((one for one in answers if _is_lost(one)), None)
        if lost is not None:  # a cluster's pipeline hands out even what its connections died of
            raise lost
        return answers

    def _failed(self, error: Exception) -> None:
        self._open_until_s = self._clock.monotonic_s() + OPEN_S
        if self.up:
            why = self.said(error)
            _log.warning("redis %s (%s): going on without", why, type(error).__name__)
        self.up = False


def _is_lost(answer: Any) -> bool:
    """Whether this is no answer at all; a refused command is one."""
    return isinstance(answer, Exception) and not isinstance(answer, ResponseError)


async def _pipelined(client: Any, commands: list[Command]) -> list[Any]:
    pipeline = client.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    answers: list[Any] = await pipeline.execute(raise_on_error=False)
    return answers


def _scripted(script: Script, command: Command) -> Callable[[Any], Awaitable[list[Any]]]:
    async def asked(client: Any) -> Any:
        try:
            return await client.execute_command("EVALSHA", script.sha, *command)
        except NoScriptError:
            return await client.execute_command("EVAL", script.text, *command)

    async def work(client: Any) -> list[Any]:
        try:
            return [await asked(client)]
        except ResponseError as error:
            if not is_full(error):
                raise
            return [error]  # an answer: reads go on

    return work


def _settle(call: _Call, answer: Any, wrong: Exception | None) -> None:
    if call.done.done():
        return  # whoever waited has gone
    if wrong is None:
        call.done.set_result(answer)
    else:
        error = Busy(f"redis: {type(wrong).__name__}")
        error.__cause__ = wrong
        call.done.set_exception(error)


class _Lane:
    """Calls on their way; those that come meanwhile go together next."""

    def __init__(self, work: Callable[[list[_Call]], Awaitable[None]]) -> None:
        self._work = work
        self._waiting: list[_Call] = []
        self._task: asyncio.Task[None] | None = None

    async def enter(self, call: _Call) -> Any:
        """Wait for the call's answer."""
        self._waiting.append(call)
        if self._task is None:
            self._task = asyncio.create_task(self._drive(), name="redis")
        return await call.done

    async def _drive(self) -> None:
        under_way: list[_Call] = []
        try:
            while self._waiting:
                under_way, self._waiting = self._waiting[:TOGETHER_MAX], self._waiting[TOGETHER_MAX:]
                await self._work(under_way)
        finally:
            self._task = None
            for call in (*under_way, *self._waiting):
                _settle(call, None, ConnectionError("closed"))
            self._waiting.clear()

    def close(self) -> None:
        """End what is under way."""
        if self._task is not None:
            self._task.cancel()
