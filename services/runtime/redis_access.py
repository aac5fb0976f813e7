"""Connections to Redis or Valkey as the settings say, and what is wrong with them in words."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisClusterException, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from services.kernel.errors import Invalid
from services.runtime.settings import Settings
from services.runtime.trust import Files, Trust, asks_for_certificate, checked, trust, wrong_certificate

NAME = "CENTRALA_REDIS"
PAGE = "docs/redis.md, Rights"
CONNECTIONS_MAX = 8


class _Secured(Connection):
    """A connection by TLS. The client's own reads the system's authorities for each connection, 0.2 s in
    which nothing else runs here, and takes them beside those that it is told of."""

    def __init__(self, tls: Trust, **options: Any) -> None:
        self._tls = tls
        super().__init__(**options)

    def _connection_arguments(self) -> dict[str, Any]:
        return {**super()._connection_arguments(), "ssl": self._tls}


def is_cluster(url: str) -> bool:
    """Whether a cluster is meant."""
    return "+cluster:" in url


def by_tls(url: str) -> bool:
    """Whether TLS is spoken."""
    return url.startswith("rediss")


def files(settings: Settings) -> Files:
    """The certificates for Redis. Raises Invalid where they would not be used or one is missing."""
    given = Files(settings.redis_ca, settings.redis_cert, settings.redis_key)
    return checked(given, NAME, by_tls(settings.redis), f"{NAME}=rediss://...")


def connected(url: str, certificates: Files, within_s: float) -> Any:
    """A client that connects when it is asked for something. Raises Invalid for what is no such URL."""
    options: dict[str, Any] = {
        "socket_timeout": within_s,
        "socket_connect_timeout": within_s,
        "decode_responses": False,
        "retry": Retry(NoBackoff(), 0),
        "max_connections": CONNECTIONS_MAX,
    }
    secured = _secured(url, certificates)
    try:
        if not is_cluster(url):
            return Redis.from_url(_plain(url), **options, **secured)
        cluster = RedisCluster.from_url(_plain(url), **options)
    except ValueError as error:  # the URL holds a password: it is not told
        raise Invalid(f"{NAME} is no address of Redis") from error
    # A cluster's client takes no class of ours. These are what it and its first node make connections of.
    cluster.connection_kwargs.update(secured)
    for node in cluster.startup_nodes:
        node.connection_class = secured.get("connection_class", node.connection_class)
        node.connection_kwargs.update({key: one for key, one in secured.items() if key == "tls"})
    return cluster


def listening(url: str, certificates: Files, within_s: float) -> Any:
    """A client for a connection that may be silent for any time; of a cluster one to any node."""
    options: dict[str, Any] = {"socket_connect_timeout": within_s, "retry": Retry(NoBackoff(), 0)}
    return Redis.from_url(_plain(url), **options, **_secured(url, certificates))


def _secured(url: str, certificates: Files) -> dict[str, Any]:
    if not by_tls(url):
        return {}
    return {"connection_class": _Secured, "tls": trust(certificates, NAME)}


def _plain(url: str) -> str:
    """The URL as the client knows it: TLS and clusters are told to it otherwise."""
    return "redis://" + url.partition("://")[2]


def may_not(error: Exception) -> bool:
    """Whether the user lacks a right, be it within a script."""
    return isinstance(error, NoPermissionError) or "ACL failure" in str(error)


def said(error: Exception, url: str, certificates: Files, is_known: bool = True) -> str:
    """What is wrong with Redis, where it is the settings; an error's own text may quote the URL.

    is_known: it has answered before, so that TLS is spoken where it must be.
    """
    for each in _chain(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return wrong_certificate(each, certificates.ca, NAME)
        if isinstance(each, ssl.SSLError):
            if "ALERT" in (each.reason or ""):
                return asks_for_certificate(each, NAME)
            return f"speaks no TLS there: {NAME} must not begin with rediss, or name another port"
    if isinstance(error, AuthenticationError):
        return f"refuses the user or the password in {NAME}"
    if isinstance(error, RedisClusterException):
        return f"is not the cluster that {NAME} says, or none of its nodes answers"
    if may_not(error):
        return f"has a user in {NAME} that may not do what is needed ({PAGE})"
    if isinstance(error, ResponseError):
        return f"refuses the connection, as when it has no database of the number in {NAME}"
    if not is_known and not by_tls(url) and _is_cut(error):
        return f"ends the connection, as a port with TLS does where {NAME} does not begin with rediss"
    if not is_known and by_tls(url) and isinstance(error, TimeoutError | RedisTimeoutError):
        return f"does not answer, as a port without TLS does not where {NAME} begins with rediss"
    return "does not answer"


def _is_cut(error: Exception) -> bool:
    """Whether a connection was made and then ended by the other end."""
    causes = [each for each in _chain(error) if isinstance(each, OSError)]
    return isinstance(error, RedisConnectionError) and all(
        isinstance(one, ConnectionResetError) for one in causes
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what has led to it."""
    each: BaseException | None = error
    while each is not None:
        yield each
        each = each.__cause__ or each.__context__
