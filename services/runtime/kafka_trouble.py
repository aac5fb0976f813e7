"""Why no broker can be spoken to, in words that name what is wrong and the setting that would be right.

Kafka's client says that it could not connect, and tells the reason to its log at best. So each broker that is
named is tried once more, step by step: where it stops, and how, says what does not fit.
"""

from __future__ import annotations

import asyncio
import socket
import ssl

from aiokafka import errors
from aiokafka.conn import AIOKafkaConnection, collect_hosts
from aiokafka.protocol.metadata import MetadataRequest

from services.kernel.errors import Invalid
from services.runtime.kafka_access import MECHANISM, KafkaAccess
from services.runtime.trust import asks_for_certificate, wrong_certificate

TRIED_WITHIN_S = 5.0
SECURITY = "CENTRALA_KAFKA_SECURITY"


async def refusal(access: KafkaAccess) -> Invalid:
    """What is wrong with each of the brokers that CENTRALA_KAFKA names, and of those that they name."""
    said = await trouble(access)
    return Invalid(
        f"no Kafka broker can be used by {SECURITY}={access.security}: {said or 'they answer now'}"
    )


async def trouble(access: KafkaAccess) -> str:
    """The same; "" where brokers answer."""
    named = [(host, port) for host, port, _ in collect_hosts(access.servers, randomize=False)]
    tried = await asyncio.gather(*(_tried(access, *place) for place in named))
    if all(reason for reason, _ in tried):
        return "; ".join(f"{host}:{port} {why}" for (host, port), (why, _) in zip(named, tried, strict=True))
    # Whoever is asked first only names those that everything else is asked of.
    advertised = sorted({place for _, places in tried for place in places} - set(named))
    reasons = await asyncio.gather(*(_tried(access, *place) for place in advertised))
    return "; ".join(
        f"{host}:{port}, which is advertised (advertised.listeners), {why}"
        for (host, port), (why, _) in zip(advertised, reasons, strict=True)
        if why
    )


async def _tried(access: KafkaAccess, host: str, port: int) -> tuple[str, list[tuple[str, int]]]:
    """What is wrong with one broker, "" if nothing is; and where it says that brokers are."""
    connection = AIOKafkaConnection(host, port, **access.connection())
    is_known = False
    try:
        async with asyncio.timeout(TRIED_WITHIN_S):
            await connection.connect()
            is_known = True
            answer = await connection.send(MetadataRequest([]))
    except (errors.KafkaError, OSError, AssertionError) as error:
        said = _unreached(error) or _by_tls(access, error)
        return said or await _ended(access, host, port, error, is_known), []
    finally:
        connection.close()
    return "", [(broker[1], broker[2]) for broker in answer.brokers]


def _unreached(error: Exception) -> str:
    """Where nothing answers at all; "" where something does."""
    if isinstance(error, socket.gaierror):
        return "is a name that nobody knows (CENTRALA_KAFKA)"
    if isinstance(error, ConnectionRefusedError):
        return "has no server that listens (CENTRALA_KAFKA)"
    if isinstance(error, TimeoutError):
        return f"does not answer within {TRIED_WITHIN_S:.0f} s"
    return ""


def _by_tls(access: KafkaAccess, error: Exception) -> str:
    """What is wrong with certificates; "" where that is not it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return wrong_certificate(error, access.files.ca, "CENTRALA_KAFKA")
    cause = error.__cause__ if error.__cause__ is not None else error
    if isinstance(cause, ssl.SSLError) and "ALERT" in (cause.reason or ""):
        return asks_for_certificate(cause, "CENTRALA_KAFKA")
    return ""


async def _ended(access: KafkaAccess, host: str, port: int, error: Exception, is_known: bool) -> str:
    """What a broker means that ends the connection, or says why. is_known: it had told what it can do, and
    taken the password, if there is one."""
    by_password, by_tls = access.security.startswith("sasl"), access.security.endswith("ssl")
    plain, secret = ("ssl", "sasl_ssl") if by_tls else ("plaintext", "sasl_plaintext")
    if isinstance(error, errors.SaslAuthenticationFailed):
        return "refuses CENTRALA_KAFKA_USER or CENTRALA_KAFKA_PASSWORD (or _PASSWORD_FILE)"
    if isinstance(error, errors.UnsupportedSaslMechanismError):
        return f"takes passwords by other ways than {MECHANISM} only: have it offer that too"
    if isinstance(error, errors.IllegalSaslStateError):
        return f"asks for no password there: set {SECURITY}={plain}, or name another port"
    if is_known and not by_password:
        return (
            f"ends the connection where no password is given: set {SECURITY}={secret}, or name another port"
        )
    if by_tls and isinstance(error, OSError):
        without = access.security.replace("ssl", "plaintext")
        return f"speaks no TLS there: set {SECURITY}={without}, or name another port"
    if not by_tls and await _speaks_tls(host, port):
        return f"speaks TLS there: set {SECURITY}=ssl or sasl_ssl, or name another port"
    return f"ends the conversation as no broker should: {error!r}"


async def _speaks_tls(host: str, port: int) -> bool:
    """Whether a server answers TLS with TLS, whatever certificate it has."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(TRIED_WITHIN_S):
            _, writer = await asyncio.open_connection(host, port, ssl=anybody)
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")
    except OSError:
        return False
    writer.transport.abort()
    return True
