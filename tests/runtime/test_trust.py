"""TLS of a client, against a server of the test's own."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from services.kernel.errors import Invalid
from services.runtime.trust import Files, Trust, asks_for_certificate, checked, trust, wrong_certificate
from tests.certificates import HERE, Authority, Issued

WITHIN_S = 20
"""Far less than the half minute for which a connection waits for the other end's goodbye."""
NAME = "CENTRALA_KAFKA"


@contextmanager
def server(issued: Issued, clients: Path | None = None) -> Iterator[int]:
    """A server that greets by TLS, then reads nothing at all; its port. clients: who signed the
    certificates that it asks for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*issued)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    held = []

    def serve(listening: socket.socket) -> None:
        with suppress(OSError):  # it is closed in the end
            while True:
                raw, _ = listening.accept()
                held.append(raw)
                with suppress(OSError):
                    held.append(context.wrap_socket(raw, server_side=True))
                    held[-1].sendall(b"hello")

    with socket.create_server((HERE, 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            for one in held:
                one.close()


async def greeted(port: int, context: ssl.SSLContext) -> None:
    """Connect, hear the server, hang up. Raises what is wrong."""
    async with asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection(HERE, port, ssl=context)
        try:
            assert await reader.readexactly(5) == b"hello"
        finally:
            writer.close()
            await writer.wait_closed()


async def refused(issued: Issued, files: Files) -> str:
    """What is said of a server's certificate."""
    with server(issued) as port, pytest.raises(ssl.SSLCertVerificationError) as caught:
        await greeted(port, Trust(files, NAME))
    return wrong_certificate(caught.value, files.ca, NAME)


async def test_a_server_that_does_not_read_holds_nobody(tmp_path: Path) -> None:
    """A connection ends when we end it, though the other end reads no goodbye and answers none; and a
    certificate like Strimzi's, without its authority's key identifier, is taken."""
    authority = Authority(tmp_path)
    with server(authority.issue("broker")) as port:
        await greeted(port, Trust(Files(str(authority.file)), NAME))


async def test_authorities_are_read_anew(tmp_path: Path) -> None:
    """A connection is checked against what lies in the file when it is made; while the file is unreadable,
    against what was there before."""
    old, new = Authority(tmp_path, "old"), Authority(tmp_path, "new")
    file = tmp_path / "ca.crt"
    file.write_bytes(old.pem)
    context = Trust(Files(str(file)), NAME)
    with server(new.issue("broker")) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await greeted(port, context)
        file.write_bytes(old.pem + new.pem)
        await greeted(port, context)
        file.write_bytes(b"half a certif")
        await greeted(port, context)
        file.write_bytes(old.pem)
        with pytest.raises(ssl.SSLCertVerificationError):
            await greeted(port, context)


async def test_a_directory_of_authorities_is_taken_whole(tmp_path: Path) -> None:
    """As Strimzi's Secret is mounted while it replaces an authority: whatever ends with .crt counts, other
    files do not, and one that is added holds at once."""
    mounted = tmp_path / "ca"
    mounted.mkdir()
    old, new = Authority(mounted, "ca-2026-01-01T00-00-00Z"), Authority(tmp_path, "new")
    (mounted / "ca.password").write_text("no certificate")
    context = Trust(Files(str(mounted)), NAME)
    with server(old.issue("old")) as port:
        await greeted(port, context)
    with server(new.issue("broker")) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await greeted(port, context)
        (mounted / "ca.crt").write_bytes(new.pem)
        await greeted(port, context)


async def test_what_is_wrong_with_a_certificate_is_said(tmp_path: Path) -> None:
    """One that is over, one of another name, one of a stranger: each is named, with what would be right."""
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    ours = Files(str(authority.file))
    assert "has expired" in await refused(authority.issue("over", days=-1), ours)
    assert "or have CENTRALA_KAFKA say one that is there" in await refused(
        authority.issue("elsewhere", address="127.0.0.9"), ours
    )
    assert f"those in {ours.ca} (CENTRALA_KAFKA_CA)" in await refused(stranger.issue("strange"), ours)
    assert "those of the system; CENTRALA_KAFKA_CA" in await refused(authority.issue("private"), Files())


async def test_a_certificate_of_ours_is_shown(tmp_path: Path) -> None:
    """To a server that asks for one; without it the refusal names the settings."""
    authority = Authority(tmp_path)
    mine = authority.issue("client")
    without = Files(str(authority.file))
    with server(authority.issue("broker"), clients=authority.file) as port:
        await greeted(port, Trust(Files(without.ca, str(mine.cert), str(mine.key)), NAME))
        with pytest.raises(ssl.SSLError) as caught:
            await greeted(port, Trust(without, NAME))
    assert "CENTRALA_KAFKA_CERT and _KEY" in asks_for_certificate(caught.value, NAME)


def test_files_that_hold_something_else_are_named(tmp_path: Path) -> None:
    """A file that is missing, is no certificate, or a key that is another one's."""
    authority = Authority(tmp_path)
    one, other = authority.issue("one"), authority.issue("other")
    empty, wrong = tmp_path / "empty", tmp_path / "text"
    empty.mkdir()
    wrong.write_text("not a certificate")
    for files, said in (
        (Files(str(tmp_path / "nowhere")), "_CA: .*nowhere cannot be read: No such file"),
        (Files(str(wrong)), "_CA: .*text holds no certificates in PEM"),
        (Files(str(empty)), "_CA: .*empty holds no certificates in PEM: no file there ends with .crt"),
        (Files("", str(one.cert), str(other.key)), "_CERT and .*_KEY: .* key values mismatch"),
    ):
        with pytest.raises(Invalid, match=said):
            trust(files, NAME)


def test_files_that_would_not_be_used_are_refused() -> None:
    """Without TLS, or one of a pair."""
    with pytest.raises(Invalid, match="CENTRALA_KAFKA_CA is set, and would not be used: TLS does"):
        checked(Files("ca.crt"), NAME, by_tls=False, instead="TLS")
    with pytest.raises(Invalid, match="set both, or neither"):
        checked(Files("", "user.crt"), NAME, by_tls=True, instead="TLS")
