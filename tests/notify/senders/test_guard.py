"""Whom a sender may call: nobody behind the firewall, whatever name they go by."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from proto.v1.inbound_pb2 import SEND_OUTCOME_FAILED
from services.notify.senders.guard import Guard, PrivateTarget
from services.notify.senders.http import Http
from tests.notify.senders.fakes import Reply, http_fake
from tests.notify.senders.test_http import TLS, hook, send, telegram, whatsapp


@pytest.mark.parametrize("make", [telegram, whatsapp, hook])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.8", "[::ffff:192.168.0.1]"])
async def test_private_networks_are_not_called(make: Any, host: str) -> None:
    """Unless the installation allows it nobody behind the firewall hears a word."""
    guarded = Http(TLS, Guard(private_allowed=False))
    async with http_fake(Reply()) as fake:
        port = fake.url.rpartition(":")[2]
        result = await send(guarded, make(f"http://{host}:{port}"))
    await guarded.close()
    assert (result.outcome, fake.calls) == (SEND_OUTCOME_FAILED, [])
    assert "private network" in result.error


class LateGuard(Guard):
    """A guard that is told another address at the look-up than the connection leads to."""

    async def check(self, host: str) -> None:
        """Everything looks public."""


async def test_a_name_that_changes_its_mind_is_caught() -> None:
    """What the connection really leads to is judged before the request is sent."""
    guarded = Http(TLS, LateGuard(private_allowed=False))
    async with http_fake(Reply()) as fake:
        result = await send(guarded, hook(fake.url))
    await guarded.close()
    assert (result.outcome, fake.calls) == (SEND_OUTCOME_FAILED, [])


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:4700::1111", True),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("fd00::1", False),
        ("fe80::1%eth0", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("words", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    """Loopback, private, link-local, shared, multicast and what hides them in IPv6 are not public."""
    with contextlib.nullcontext() if public else pytest.raises(PrivateTarget):
        Guard(private_allowed=False).judge(address)
