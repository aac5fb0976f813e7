"""Connections to Redis or Valkey as the settings say, and what is wrong with them in words."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    OutOfMemoryError,
    RedisClusterException,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from services.kernel.errors import Invalid
from services.runtime.password import NO_PASSWORD, Password
from services.runtime.settings import Settings
from services.runtime.trust import (
    NO_FILES,
    Files,
    Trust,
    asks_for_certificate,
    checked,
    trust,
    wrong_certificate,
)

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


@dataclass(frozen=True, slots=True)
class RedisAccess:
    """url: as CENTRALA_REDIS has it. password: where that has none. files: certificates, where TLS is
    spoken."""

    url: str
    password: Password = NO_PASSWORD
    files: Files = NO_FILES

    @classmethod
    def of(cls, settings: Settings) -> RedisAccess:
        """What the environment says. Raises Invalid where something would not be used, is missing, or cannot
        be read."""
        password = Password(settings.redis_password, settings.redis_password_file, f"{NAME}_PASSWORD")
        if password and urlsplit(settings.redis).password:
            raise Invalid(f"{NAME} has a password, and {NAME}_PASSWORD is set: one of them is enough")
        given = Files(settings.redis_ca, settings.redis_cert, settings.redis_key)
        by_tls = settings.redis.startswith("rediss")
        access = cls(settings.redis, password, checked(given, NAME, by_tls, f"{NAME}=rediss://..."))
        access._secured()
        return access

    @property
    def by_tls(self) -> bool:
        """Whether TLS is spoken."""
        return self.url.startswith("rediss")

    def connected(self, within_s: float) -> Any:
        """A client that connects when it is asked for something. Raises Invalid for what is no address."""
        options: dict[str, Any] = {
            "socket_timeout": within_s,
            "socket_connect_timeout": within_s,
            "decode_responses": False,
            "retry": Retry(NoBackoff(), 0),
            "max_connections": CONNECTIONS_MAX,
            "password": self.password.now() or None,
        }
        secured = self._secured()
        try:
            if "+cluster:" not in self.url:
                return Redis.from_url(self._plain(), **options, **secured)
            cluster = RedisCluster.from_url(self._plain(), **options)
        except ValueError as error:  # the URL holds a password: it is not told
            raise Invalid(f"{NAME} is no address of Redis") from error
        # A cluster's client takes no class of ours. These are what it and its first node make connections of.
        cluster.connection_kwargs.update(secured)
        for node in cluster.startup_nodes:
            node.connection_class = secured.get("connection_class", node.connection_class)
            node.connection_kwargs.update({key: one for key, one in secured.items() if key == "tls"})
        return cluster

    def listening(self, within_s: float) -> Any:
        """A client for a connection that may be silent for any time; of a cluster one to any node."""
        options: dict[str, Any] = {"socket_connect_timeout": within_s, "retry": Retry(NoBackoff(), 0)}
        options["password"] = self.password.now() or None
        return Redis.from_url(self._plain(), **options, **self._secured())

    def _secured(self) -> dict[str, Any]:
        return {"connection_class": _Secured, "tls": trust(self.files, NAME)} if self.by_tls else {}

    def _plain(self) -> str:
        """The URL as the client knows it: TLS and clusters are told to it otherwise."""
        return "redis://" + self.url.partition("://")[2]

    def said(self, error: Exception, is_known: bool) -> str:
        """What is wrong with Redis, where it is the settings; an error's own text may quote the URL.

        is_known: it has answered before, so that TLS is spoken where it must be.
        """
        for each in _chain(error):
            if isinstance(each, ssl.SSLError):
                return self._said_of_tls(each)
        if isinstance(error, AuthenticationError):
            return f"refuses the user or the password in {NAME}, {NAME}_PASSWORD or {NAME}_PASSWORD_FILE"
        if isinstance(error, RedisClusterException):
            return f"is not the cluster that {NAME} says, or none of its nodes answers"
        if may_not(error):
            return f"has a user in {NAME} that may not do what is needed ({PAGE})"
        if isinstance(error, ResponseError):
            return f"refuses the connection, as when it has no database of the number in {NAME}"
        if not is_known and not self.by_tls and _is_cut(error):
            return f"ends the connection, as a port with TLS does where {NAME} does not begin with rediss"
        if not is_known and self.by_tls and isinstance(error, TimeoutError | RedisTimeoutError):
            return f"does not answer, as a port without TLS does not where {NAME} begins with rediss"
        return "does not answer"

    def _said_of_tls(self, error: ssl.SSLError) -> str:
        if isinstance(error, ssl.SSLCertVerificationError):
            return wrong_certificate(error, self.files.ca, NAME)
        if "ALERT" in (error.reason or ""):
            return asks_for_certificate(error, NAME)
        return f"speaks no TLS there: {NAME} must not begin with rediss, or name another port"


def may_not(error: Exception) -> bool:
    """Whether the user lacks a right, be it within a script."""
    return isinstance(error, NoPermissionError) or "ACL failure" in str(error)


def is_full(error: Exception) -> bool:
    """Whether Redis takes no writes because its memory, or its disk, is full; it goes on answering reads."""
    return isinstance(error, OutOfMemoryError) or str(error).startswith("MISCONF")


def refuses(error: Exception) -> bool:
    """Whether Redis is there and does not take us as the settings have it, or we do not take it."""
    by_tls = any(isinstance(each, ssl.SSLError) for each in _chain(error))
    return by_tls or isinstance(error, AuthenticationError) or may_not(error)


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
