"""Where senders may connect to: not into private networks, unless the installation allows it.

A desk's lead names webhooks, base URLs and mail hosts; without this they could make the process call what
only it can reach. Names are looked up before connecting, and the address that a connection really leads to
is judged again before anything is said on it, since a name may mean another address the second time.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

REFUSED = "target lies in a private network (CENTRALA_PRIVATE_TARGETS)"
CONNECT_WITHIN_S = 5.0
"""One address; a host may have several."""
_TRANSLATED = IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address."""


class PrivateTarget(Exception):
    """The target is not to be called; nothing was sent."""


class Guard:
    """Judges targets; with `private_allowed` every one is good."""

    def __init__(self, private_allowed: bool) -> None:
        self._private_allowed = private_allowed

    async def check(self, host: str) -> None:
        """Raises PrivateTarget if any address of the host is private. A host that cannot be looked up is
        left to the connection, which will say so."""
        if self._private_allowed:
            return
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        for _, _, _, _, address in found:
            self.judge(address[0])

    async def connect(self, host: str, port: int) -> socket.socket:
        """A connection to the first address that answers, each judged before it is called.

        Raises PrivateTarget, or OSError as the last address did.
        """
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            raise OSError(f"{type(error).__name__}: no name of a host") from error
        for _, _, _, _, address in found:
            self.judge(address[0])
        failure = OSError("no address")
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            sock.setblocking(False)
            try:
                async with asyncio.timeout(CONNECT_WITHIN_S):
                    await loop.sock_connect(sock, address)
            except OSError as error:  # TimeoutError is one
                sock.close()
                failure = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise failure

    def judge(self, address: object) -> None:
        """Raises PrivateTarget unless this is an address of the public internet."""
        if not self._private_allowed and not _public(str(address)):
            raise PrivateTarget(REFUSED)


def _public(text: str) -> bool:
    try:
        address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        if address in _TRANSLATED:
            address = IPv4Address(int(address) & 0xFFFFFFFF)
        else:
            address = address.ipv4_mapped or address.sixtofour or address
    return address.is_global and not address.is_multicast
