"""What the way to Redis says when the settings are wrong, on a real Redis."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.redis_server import redis_server
from services.kernel.errors import Busy
from services.runtime.clock import SystemClock
from services.runtime.redis_link import RedisLink

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
