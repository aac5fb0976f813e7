"""What the way to Redis says when the settings are wrong, on a real Redis."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from bench.redis_server import redis_server
from services.kernel.errors import Busy
from services.runtime.clock import ManualClock, SystemClock
from services.runtime.redis_link import RedisLink, Script
from services.runtime.settings import Settings

pytestmark = pytest.mark.servers


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://nobody:wrong@127.0.0.1:{}", "refuses the user or the password in CENTRALA_REDIS"),
        ("redis+cluster://127.0.0.1:{}", "is not the cluster that CENTRALA_REDIS says"),
        ("redis://127.0.0.1:{}/99", "has no database of the number in CENTRALA_REDIS"),
    ],
)
async def test_a_wrong_setting_is_no_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, url: str, said: str
) -> None:
    """A Redis that answers and refuses is told apart from one that does not answer, without the password."""
    async with redis_server(tmp_path) as server:
        link = RedisLink(url.format(server.port), SystemClock(), within_s=5)
        with pytest.raises(Busy):
            await link.read([("GET", "x")])
        await link.close()
    assert said in caplog.text
    assert "wrong" not in caplog.text


async def test_one_that_is_full_is_there(tmp_path: Path) -> None:
    """A Redis that takes no writes since its memory is full refuses these; reads go on, over the same
    connections, without a pause."""
    write = Script("return redis.call('SET', KEYS[1], ARGV[1])")
    async with redis_server(tmp_path) as server:
        link = RedisLink(server.url, ManualClock(), within_s=5)
        await server.tell("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(Busy, match="OutOfMemoryError"):
            await link.run(write, ["x"], ["1"])
        assert await link.read([("GET", "x")]) == [None]
        await server.tell("CONFIG", "SET", "maxmemory", "0")
        await link.run(write, ["x"], ["1"])
        assert await link.read([("GET", "x")]) == [b"1"]
        await link.close()


async def test_a_password_is_changed_while_it_runs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What the file says when a connection is made is what is shown; while the file is away, what it said."""
    file = tmp_path / "password"
    file.write_text("first\n")
    async with redis_server(tmp_path, options=["--user", "ours", "on", ">first", "~*", "+@all"]) as server:
        told = Settings(
            redis=server.url.replace("//", "//ours@"), redis_password_file=str(file), redis_within_ms=5_000
        )
        clock = ManualClock()
        link = RedisLink.of(told, clock)
        await link.check()
        await server.tell("ACL", "SETUSER", "ours", "resetpass", ">second")
        file.unlink()

        async def anew() -> bool:
            await server.tell("CLIENT", "KILL", "USER", "ours")
            clock.advance(60_000)
            with suppress(Busy):  # of a connection that was cut; the next one shows the password
                await link.read([("GET", "x")])
            clock.advance(60_000)
            return await link.answers()

        assert not await anew()
        assert "what was there before holds" in caplog.text
        file.write_text("second")
        assert await anew()
        await link.close()
    assert "second" not in caplog.text
