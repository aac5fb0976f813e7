"""Every environment variable of Centrala: name, type, unit, default, bounds, meaning.

`Settings.from_environment(os.environ)` is the only reader. `python -m services.runtime.settings`
prints `docs/settings.md`, and a test compares.

What belongs to one desk (channels, policies, credentials by name) is never here: a desk's lead sets
that by `PUT /v1/desks/{desk}`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from services.kernel.errors import Invalid, Problem
from services.runtime.variables import BROKERS, KEY_TEXT, REDIS_URL, TOPIC_NAME, Variable, bounds_text, parse
from services.runtime.variables import PREFIX as PREFIX
from services.runtime.variables import variable as _variable


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process. Frozen: what was read at the start holds until the end."""

    data: str = _variable(
        "DATA",
        "data",
        "directory",
        "Where the embedded mode keeps everything: log, keys, views, blobs. Made if it is missing.",
    )
    host: str = _variable(
        "HOST",
        "127.0.0.1",
        "address",
        "Address that HTTP, gRPC and SMTP listen on. `0.0.0.0` for every network; then put TLS in front.",
    )
    port: int = _variable(
        "PORT",
        8080,
        "port",
        "Port of HTTP: the API, the webhooks and the pages. 0 takes a free one.",
        least=0,
        most=65_535,
    )
    grpc_port: int = _variable(
        "GRPC_PORT",
        8081,
        "port",
        "Port of gRPC. 0 takes a free one.",
        least=0,
        most=65_535,
    )
    grpc: bool = _variable(
        "GRPC",
        True,
        "",
        "Whether gRPC is served at all.",
    )
    smtp_port: int = _variable(
        "SMTP_PORT",
        8025,
        "port",
        "Port that takes customers' mail by SMTP. 0 takes a free one.",
        least=0,
        most=65_535,
    )
    smtp: bool = _variable(
        "SMTP",
        True,
        "",
        "Whether mail is taken by SMTP at all.",
    )
    admin_key: str = _variable(
        "ADMIN_KEY",
        "",
        "",
        "Key of the whole installation, at least 16 characters. Empty: made at the first start, "
        "printed once, and only its hash kept.",
        least=16,
        secret=True,
        form=KEY_TEXT,
    )
    master_key: str = _variable(
        "MASTER_KEY",
        "",
        "",
        "32 bytes in hex or base64 that wrap every data key. Empty: the file `master.key` in the data "
        "directory, made at the first start. Without it nothing that customers wrote can be read.",
        least=43,
        most=64,
        secret=True,
    )
    log_level: str = _variable(
        "LOG_LEVEL",
        "info",
        "",
        "How much is written to standard error.",
        choices=("debug", "info", "warning", "error"),
    )
    log_format: str = _variable(
        "LOG_FORMAT",
        "auto",
        "",
        "How it is written: a line of text, or a JSON object a line with `desk`, `conversation` and `trace` "
        "where they are known. `auto`: JSON, unless standard error is a terminal.",
        choices=("auto", "text", "json"),
    )
    desk_messages_per_s: int = _variable(
        "DESK_MESSAGES_PER_S",
        5_000,
        "messages/s",
        "Most messages that one desk may send in over time; above it, 429 with Retry-After.",
        least=1,
        most=1_000_000,
    )
    requests_in_flight_max: int = _variable(
        "REQUESTS_IN_FLIGHT_MAX",
        2_000,
        "requests",
        "Most requests that are worked on at once (streams not counted); above it, 503 with Retry-After.",
        least=1,
        most=100_000,
    )
    streams_max: int = _variable(
        "STREAMS_MAX",
        2_000,
        "streams",
        "Most event streams (agents, boards) open at once; one desk may have three quarters of them.",
        least=1,
        most=100_000,
    )
    redis: str = _variable(
        "REDIS",
        "",
        "URL",
        "Redis 7 or Valkey of the distributed mode, for views and rates: `redis://HOST:PORT`, "
        "`redis+cluster://` for a cluster, `rediss://` and `rediss+cluster://` with TLS, with "
        "`USER:PASSWORD@` where it asks for one.",
        secret=True,
        form=REDIS_URL,
    )
    redis_password: str = _variable(
        "REDIS_PASSWORD", "", "", "The password, where it is not in the address.", secret=True
    )
    redis_password_file: str = _variable(
        "REDIS_PASSWORD_FILE", "", "file", "Instead, a file with it, read anew for each connection."
    )
    redis_ca: str = _variable(
        "REDIS_CA",
        "",
        "file or directory",
        "Certificates that Redis' is checked against, or a directory of them (`*.crt`). Empty: the system's.",
    )
    redis_cert: str = _variable(
        "REDIS_CERT", "", "file", "Certificate for a Redis that asks its clients for one."
    )
    redis_key: str = _variable("REDIS_KEY", "", "file", "The key to it, without a password.")
    redis_within_ms: int = _variable(
        "REDIS_WITHIN_MS",
        250,
        "ms",
        "How long a call to Redis may take. What takes longer counts as Redis being away for a second, in "
        "which nobody waits for it. More where it is far, or where processors are scarce.",
        least=10,
        most=60_000,
    )
    blobs_bucket: str = _variable(
        "BLOBS_BUCKET",
        "",
        "",
        "Bucket of an S3-compatible store for attachments, raw mails and long texts of the distributed mode. "
        "Empty: files below the data directory, which all processes must share then.",
        least=3,
        most=63,
    )
    blobs_endpoint: str = _variable(
        "BLOBS_ENDPOINT",
        "",
        "URL",
        "Where that store is, `https://HOST` or `http://HOST:PORT`; its buckets are found by path. Empty: "
        "Amazon S3 in the region. Credentials come by the standard variables of AWS: `AWS_ACCESS_KEY_ID` "
        "with `AWS_SECRET_ACCESS_KEY`, a file by `AWS_SHARED_CREDENTIALS_FILE`, or a role.",
    )
    blobs_region: str = _variable(
        "BLOBS_REGION",
        "us-east-1",
        "",
        "Region that requests to the store are signed for.",
        least=1,
        most=64,
    )
    blobs_within_ms: int = _variable(
        "BLOBS_WITHIN_MS",
        10_000,
        "ms",
        "How long a blob may take to be written or read, repetitions included; then the answer is 503 with "
        "Retry-After, for a second at once.",
        least=100,
        most=60_000,
    )
    snapshot_every_events: int = _variable(
        "SNAPSHOT_EVERY_EVENTS",
        100_000,
        "events",
        "A snapshot of an engine's state is made after this many events of its own log, so that a "
        "restart folds no more than about that.",
        least=1_000,
        most=100_000_000,
    )
    fsync_extra_ms: float = _variable(
        "FSYNC_EXTRA_MS",
        0.0,
        "ms",
        "Added to every commit of the log, to see how a slower disk would do. For benchmarks only.",
        least=0,
        most=1_000,
    )
    private_targets: bool = _variable(
        "PRIVATE_TARGETS",
        True,
        "",
        "Whether outgoing webhooks, providers' base URLs and mail hosts of a desk may point into "
        "private or loopback networks, where a shop's own systems stand. Set it to false where you run "
        "desks of others, so that their leads cannot reach what is behind your firewall.",
    )

    secrets_dir: str = _variable(
        "SECRETS_DIR",
        "/run/secrets",
        "directories",
        "Where the files of secrets lie that a desk's configuration names by `file:PATH`: absolute paths, "
        "several with `:` between them. Files elsewhere are not read, nor ever those in the data directory.",
    )

    kafka: str = _variable(
        "KAFKA",
        "",
        "host:port",
        "Brokers of the distributed mode's log, several with commas. The embedded mode has none.",
        form=BROKERS,
    )
    kafka_prefix: str = _variable(
        "KAFKA_PREFIX",
        "centrala.",
        "",
        "What all topics' names begin with, so that several installations may share brokers.",
        least=1,
        most=100,
        form=TOPIC_NAME,
    )
    kafka_security: str = _variable(
        "KAFKA_SECURITY",
        "plaintext",
        "",
        "How brokers are spoken to: with TLS (`ssl`) or without, with a password (`sasl`, SCRAM-SHA-512) or "
        "without.",
        choices=("plaintext", "ssl", "sasl_plaintext", "sasl_ssl"),
    )
    kafka_ca: str = _variable(
        "KAFKA_CA",
        "",
        "file or directory",
        "Certificates that brokers' are checked against, or a directory of them (`*.crt`). Empty: the "
        "system's.",
    )
    kafka_cert: str = _variable(
        "KAFKA_CERT", "", "file", "Certificate for brokers that ask their clients for one."
    )
    kafka_key: str = _variable("KAFKA_KEY", "", "file", "The key to it, without a password.")
    kafka_user: str = _variable(
        "KAFKA_USER",
        "",
        "",
        "Name for brokers that ask for a password.",
    )
    kafka_password: str = _variable("KAFKA_PASSWORD", "", "", "The password to it.", secret=True)
    kafka_password_file: str = _variable(
        "KAFKA_PASSWORD_FILE", "", "file", "Instead, a file with it, read anew for each connection."
    )
    partitions: int = _variable(
        "PARTITIONS",
        64,
        "partitions",
        "Partitions of every topic of the distributed mode. Fixed when the installation is made: desks "
        "are spread over them by a hash.",
        least=1,
        most=1_024,
    )
    replication: int = _variable(
        "REPLICATION",
        3,
        "brokers",
        "Brokers that keep each record. With 3, two of them have it before anything is acknowledged.",
        least=1,
        most=5,
    )

    standbys: bool = _variable(
        "STANDBYS",
        True,
        "",
        "Whether an engine's process keeps the state of partitions that others serve, so that it takes over "
        "within a moment. Costs their memory.",
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], **overrides: Any) -> Settings:
        """Read what is set; `overrides` (from the command line) win, None in them counts as not given.

        Raises Invalid that names every wrong variable at once, what is there and what may be.
        An empty variable counts as not set.
        """
        values: dict[str, Any] = {}
        problems: list[Problem] = []
        for entry in fields(cls):
            known: Variable = entry.metadata["variable"]
            given = overrides.get(entry.name)
            text = environment.get(known.name, "") if given is None else str(given)
            if text == "":
                continue
            try:
                values[entry.name] = parse(known, type(entry.default), text)
            except ValueError as error:
                problems.append(Problem(known.name, str(error)))
        if problems:
            lines = "; ".join(f"{problem.pointer} {problem.rule}" for problem in problems)
            raise Invalid(f"settings: {lines}", problems)
        return cls(**values)


def variables() -> list[tuple[str, type, Any, Variable]]:
    """Every setting in order: attribute, type, default, variable."""
    return [(f.name, type(f.default), f.default, f.metadata["variable"]) for f in fields(Settings)]


def unknown(environment: Mapping[str, str]) -> list[str]:
    """One line for each variable that begins like ours and is none, with the nearest real name.

    A warning and no error: an orchestrator may add variables of its own with our prefix.
    """
    names = [variable.name for _, _, _, variable in variables()]
    lines = []
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            lines.append(f"{name} is not a setting of Centrala{hint}")
    return lines


def page() -> str:
    """docs/settings.md."""
    lines = [
        "# Settings",
        "",
        "Environment variables of a Centrala process. All have defaults that work; a wrong one stops",
        "the start and says what would be right. What belongs to one desk is in its",
        "[configuration](desk.md), not here.",
        "",
        "This page is printed by `python -m services.runtime.settings`.",
        "",
        "| variable | type | unit | default | allowed | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for _, kind, default, variable in variables():
        allowed = " · ".join(variable.choices) or bounds_text(variable)
        if kind is str and variable.least is not None:
            allowed += " characters"
        if variable.form is not None:
            allowed = f"{allowed}: {variable.form.words}" if allowed else variable.form.words
        shown = str(default).lower() if kind is bool else str(default)
        lines.append(
            f"| `{variable.name}` | {_KIND_WORDS[kind]} | {variable.unit} | "
            f"{f'`{shown}`' if shown else '–'} | {allowed} | {variable.meaning} |"
        )
    return "\n".join(lines) + "\n"


_KIND_WORDS = {bool: "true or false", int: "whole number", float: "number", str: "text"}


if __name__ == "__main__":
    print(page(), end="")
