"""Where Kafka is and how to speak to it: one value for everything that opens a connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.kernel.errors import Invalid
from services.runtime.event_log import TOPIC_PREFIX
from services.runtime.password import NO_PASSWORD, Password
from services.runtime.settings import Settings
from services.runtime.trust import NO_FILES, Files, checked, trust

REQUEST_TIMEOUT_MS = 8_000
"""Longest wait for an answer of a broker: one that is frozen still takes connections and answers nothing."""
RETRY_BACKOFF_MS = 50
"""Between two trials of the client's own, while a partition has no leader."""
CONNECT_TIMEOUT_S = 10.0
"""Longest wait for the first answer of any broker."""
MECHANISM = "SCRAM-SHA-512"
"""How a password is given."""


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """servers: `host:port`, several with commas. prefix: of all topics, so that several installations
    may share brokers. security: plaintext, ssl, sasl_plaintext or sasl_ssl (then user and password, by
    SCRAM-SHA-512). files: certificates, where TLS is spoken.
    """

    servers: str
    prefix: str = TOPIC_PREFIX
    security: str = "plaintext"
    files: Files = NO_FILES
    user: str = ""
    password: Password = NO_PASSWORD

    @classmethod
    def of(cls, settings: Settings) -> KafkaAccess:
        """What the environment says. Raises Invalid if it names no brokers, or what is set does not go
        together: a password or certificates that would not be used are a mistake, not a wish."""
        if not settings.kafka:
            raise Invalid("no Kafka brokers are named: set CENTRALA_KAFKA to host:port, several with commas")
        security = settings.kafka_security
        by_password = security.startswith("sasl")
        password = Password(settings.kafka_password, settings.kafka_password_file, "CENTRALA_KAFKA_PASSWORD")
        if by_password and not (settings.kafka_user and password):
            raise Invalid(
                f"CENTRALA_KAFKA_SECURITY={security} needs CENTRALA_KAFKA_USER and CENTRALA_KAFKA_PASSWORD"
                " (or _PASSWORD_FILE)"
            )
        if not by_password and (settings.kafka_user or password):
            raise Invalid(
                "CENTRALA_KAFKA_USER or CENTRALA_KAFKA_PASSWORD is set, and"
                f" CENTRALA_KAFKA_SECURITY={security} would not use it: sasl_ssl or sasl_plaintext does"
            )
        files = Files(settings.kafka_ca, settings.kafka_cert, settings.kafka_key)
        instead = "CENTRALA_KAFKA_SECURITY=ssl or sasl_ssl"
        return cls(
            settings.kafka,
            settings.kafka_prefix,
            security,
            checked(files, "CENTRALA_KAFKA", security.endswith("ssl"), instead),
            settings.kafka_user,
            password,
        )

    def topic(self, name: str) -> str:
        """The full name of a topic."""
        return self.prefix + name

    def options(self) -> dict[str, Any]:
        """What every client of aiokafka is given. Raises Invalid if the certificates cannot be read."""
        return {"bootstrap_servers": self.servers, "retry_backoff_ms": RETRY_BACKOFF_MS, **self.connection()}

    def connection(self) -> dict[str, Any]:
        """What a single connection is given. Raises Invalid if the certificates cannot be read."""
        options: dict[str, Any] = {
            "client_id": "centrala",
            "request_timeout_ms": REQUEST_TIMEOUT_MS,
            "security_protocol": self.security.upper(),
        }
        if self.security.endswith("ssl"):
            options["ssl_context"] = trust(self.files, "CENTRALA_KAFKA")
        if self.security.startswith("sasl"):
            options["sasl_mechanism"] = MECHANISM
            options["sasl_plain_username"] = self.user
            options["sasl_plain_password"] = self.password
        return options
