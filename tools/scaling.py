"""What an installation of a given size needs, reckoned from measurements: the tables of docs/scaling.md.

    python -m tools.scaling                the page, with its tables reckoned from docs/scaling.json
    python -m tools.scaling --from FILE    docs/scaling.json, from what `bench pipeline --json` printed

A table stands between `<!-- NAME -->` and `<!-- end -->`. Every number that is not measured is an assumption
and stands at the top of this file and in the page's own table: replace it by yours.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = Path("docs/scaling.md")
MEASURED = Path("docs/scaling.json")
SERVICES = ("edge", "ingest", "router", "sla", "notify")
ENGINES = SERVICES[1:]
OWNED = ("conversations", "routing", "sla", "notices")
GB, TB = 1e9, 1e12

MESSAGES_A_DESK_A_DAY = 200
MESSAGES_IN_A_CONVERSATION = 3
AGENTS_A_DESK = 5
PEAK_SHARE = 0.10
"""Of a day's messages, those of its busiest hour."""
BUSY = 0.6
"""How busy a core may be in that hour."""
PARTITIONS = 64
REPLICAS_OF_A_RECORD = 3
STREAMS_AN_EDGE = 2_000
LEAST_PROCESSES = 3
CORES_A_PROCESS = 0.25
BROKER_CORES, BROKER_DISK_BYTES = 8, 8 * TB
VIEW_DAYS = 90
INBOUND_DAYS = 7
ENGINE_MEMORY_BYTES = 16 * GB
"""The most that one engine's process should have to hold: a restore reads it all."""
PRICES = {"core": 25.0, "gb_memory": 3.5, "gb_disk": 0.08}
"""A month, in dollars: about what large clouds ask for machines that are kept for a year."""
SIZES: Sequence[tuple[str, int]] = (
    ("10 desks", 10 * MESSAGES_A_DESK_A_DAY),
    ("1,000 desks", 1_000 * MESSAGES_A_DESK_A_DAY),
    ("100,000 desks", 100_000 * MESSAGES_A_DESK_A_DAY),
    ("100 million messages a day", 100_000_000),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one conversation of one message takes: CPU, log, Redis; and what every process takes at rest."""

    cpu_ms: Mapping[str, float]
    idle_ms_a_s: Mapping[str, float]
    bytes: Mapping[str, float]
    redis_bytes: float
    memory_mb: Mapping[str, float]
    state_bytes: float
    """Of the four engines' states together, for a conversation of the last 90 days (`bench year`)."""
    open_bytes: float
    """The same for one that is open (`bench restore`)."""

    @property
    def kept_bytes(self) -> float:
        """What stays on the logs for ever."""
        return sum(self.bytes[topic] for topic in (*OWNED, "keys"))


class Need:
    """What so many messages a day need."""

    def __init__(self, measured: Measured, name: str, messages: int) -> None:
        self.name = name
        self.messages = messages
        self.peak_per_s = messages * PEAK_SHARE / 3_600
        self.conversations = messages / MESSAGES_IN_A_CONVERSATION
        self.cores = {s: self.peak_per_s * measured.cpu_ms[s] / 1_000 for s in (*SERVICES, "kafka", "redis")}
        self.agents = messages / MESSAGES_A_DESK_A_DAY * AGENTS_A_DESK
        self.state_bytes = self.conversations * VIEW_DAYS * measured.state_bytes
        by_memory = math.ceil(self.state_bytes / len(ENGINES) / ENGINE_MEMORY_BYTES)
        self.standbys = by_memory == 1
        self.processes = {s: max(LEAST_PROCESSES, math.ceil(self.cores[s] / BUSY)) for s in SERVICES}
        self.processes |= {s: max(self.processes[s], by_memory) for s in ENGINES}
        self.processes["edge"] = max(self.processes["edge"], math.ceil(self.agents / STREAMS_AN_EDGE))
        self.installations = math.ceil(max(self.processes[s] for s in ENGINES) / PARTITIONS)
        a_year = messages * 365 * measured.kept_bytes * REPLICAS_OF_A_RECORD
        mailbox = messages * INBOUND_DAYS * measured.bytes["inbound"] * REPLICAS_OF_A_RECORD
        self.disk_bytes = {years: years * a_year + mailbox for years in (1, 5)}
        by_disk = math.ceil(self.disk_bytes[1] / (BROKER_DISK_BYTES * BUSY))
        by_cpu = math.ceil(self.cores["kafka"] / (BROKER_CORES * BUSY))
        self.brokers = max(REPLICAS_OF_A_RECORD * self.installations, by_disk, by_cpu)
        self.written_per_s = self.peak_per_s * sum(measured.bytes.values()) * REPLICAS_OF_A_RECORD
        self.redis_bytes = self.conversations * VIEW_DAYS * measured.redis_bytes

    @property
    def all_cores(self) -> float:
        """Cores that are paid for: those that are busy in the busiest hour, and what is asked for anyhow."""
        ours = sum(max(self.cores[s] / BUSY, CORES_A_PROCESS * self.processes[s]) for s in SERVICES)
        brokers = max(self.brokers, self.cores["kafka"] / BUSY)
        return ours + brokers + max(2, self.cores["redis"] / BUSY)

    @property
    def memory_bytes(self) -> float:
        """Memory that is paid for: states (with standbys all of an engine's in each of its processes), 1 GB
        in each process besides, 4 GB in each broker, views twice."""
        processes = sum(self.processes.values())
        copies = sum(self.processes[s] for s in ENGINES) / len(ENGINES) if self.standbys else 1
        return copies * self.state_bytes + GB * processes + 4 * GB * self.brokers + 2 * self.redis_bytes

    def dollars(self) -> dict[str, float]:
        """A month's bill, with the logs of the first year."""
        return {
            "cores": self.all_cores * PRICES["core"],
            "memory": self.memory_bytes / GB * PRICES["gb_memory"],
            "disks": self.disk_bytes[1] / BUSY / GB * PRICES["gb_disk"],
        }


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def amount(value: float, digits: int = 2) -> str:
    """A number with as many digits as are worth reading."""
    if value == 0 or value >= 100:
        return f"{value:,.0f}"
    return f"{value:,.{max(0, digits - 1 - math.floor(math.log10(value)))}f}"


def size(value: float) -> str:
    """Bytes in words."""
    for unit, name in ((TB * 1_000, "PB"), (TB, "TB"), (GB, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= unit:
            return f"{amount(value / unit)} {name}"
    return f"{amount(value)} B"


def measured_table(measured: Measured) -> str:
    """What was measured, by service."""
    own = {"ingest": "conversations", "router": "routing", "sla": "sla", "notify": "notices"}
    rows = []
    for name in (*SERVICES, "kafka", "redis"):
        kept = measured.bytes[own[name]] if name in own else measured.redis_bytes if name == "redis" else None
        if name == "edge":
            kept = measured.bytes["inbound"]
        rows.append(
            [
                {"kafka": "Kafka, three brokers together", "redis": "Redis"}.get(name, name),
                amount(measured.cpu_ms[name]),
                amount(measured.idle_ms_a_s[name]),
                amount(kept) if kept is not None else "–",
                amount(measured.memory_mb[name]),
            ]
        )
    head = ["", "CPU, ms", "CPU at rest, ms a second", "bytes appended (Redis: held)", "memory after it, MB"]
    return table(head, rows)


def needs_table(needs: Sequence[Need]) -> str:
    """What each size needs."""
    lines: dict[str, list[str]] = {
        "messages a day": [f"{n.messages:,}" for n in needs],
        "messages/s in the busiest hour": [amount(n.peak_per_s) for n in needs],
    }
    for service in (*SERVICES, "kafka", "redis"):
        lines[f"cores busy then: {service}"] = [amount(n.cores[service]) for n in needs]
    for service in SERVICES:
        lines[f"processes: {service}"] = [f"{n.processes[service]:,}" for n in needs]
    lines |= {
        "installations of 64 partitions": [f"{n.installations:,}" for n in needs],
        "engines' states, 90 days": [size(n.state_bytes) for n in needs],
        "standbys (`CENTRALA_STANDBYS`)": ["yes" if n.standbys else "no" for n in needs],
        "views in Redis, 90 days": [size(n.redis_bytes) for n in needs],
        "written to disks a second, three copies": [size(n.written_per_s) for n in needs],
        "disks after a year, three copies": [size(n.disk_bytes[1]) for n in needs],
        "disks after five years": [size(n.disk_bytes[5]) for n in needs],
        "brokers in the first year": [f"{n.brokers:,}" for n in needs],
    }
    for what in ("cores", "memory", "disks"):
        lines[f"dollars a month: {what}"] = [f"{n.dollars()[what]:,.0f}" for n in needs]
    bills = [sum(n.dollars().values()) for n in needs]
    lines["**dollars a month**"] = [f"**{bill:,.0f}**" for bill in bills]
    a_million = [bill / n.messages / 30 * 1e6 for n, bill in zip(needs, bills, strict=True)]
    lines["dollars for a million messages"] = [amount(dollars) for dollars in a_million]
    return table(["", *(n.name for n in needs)], [[what, *cells] for what, cells in lines.items()])


def assumed_table() -> str:
    """What the reader may replace."""
    rows = (
        ("messages a desk a day", f"{MESSAGES_A_DESK_A_DAY}"),
        ("agents of a desk who are there, each with a stream", f"{AGENTS_A_DESK}"),
        ("customers' messages in a conversation, for views and states", f"{MESSAGES_IN_A_CONVERSATION}"),
        ("of a day's messages, those of the busiest hour", f"{PEAK_SHARE:.0%}"),
        ("how busy a core is then", f"{BUSY:.0%}"),
        ("processes of each service, at least (zones)", f"{LEAST_PROCESSES}"),
        ("a process of ours, at least", f"{CORES_A_PROCESS} of a core, 1 GB beside its state"),
        ("a broker, Redis, at least", "a core each, two for Redis"),
        ("streams of an edge (`CENTRALA_STREAMS_MAX`)", f"{STREAMS_AN_EDGE:,}"),
        ("state of an engine's process, at most: a restore reads it all", size(ENGINE_MEMORY_BYTES)),
        ("a broker's cores, memory", f"{BROKER_CORES}, 4 GB"),
        ("a broker's disk, and how full it may be", f"{size(BROKER_DISK_BYTES)}, {BUSY:.0%}"),
        ("copies of the views", "2"),
        ("a core a month", f"${PRICES['core']:.2f}"),
        ("a GB of memory a month", f"${PRICES['gb_memory']:.2f}"),
        ("a GB of disk a month", f"${PRICES['gb_disk']:.2f}"),
    )
    return table(["assumed", "value"], rows)


def steps_table(measured: Measured) -> str:
    """The second size, step by step."""
    need = Need(measured, *SIZES[1])
    messages, cpu_ms, mailbox = need.messages, measured.cpu_ms["router"], measured.bytes["inbound"]
    held = f"{messages:,} ÷ {MESSAGES_IN_A_CONVERSATION} × {VIEW_DAYS} days"
    copies = f"× {REPLICAS_OF_A_RECORD} copies"
    rows = (
        ("messages/s, busiest hour", f"{messages:,} × {PEAK_SHARE:.0%} ÷ 3,600 s", amount(need.peak_per_s)),
        ("router's cores", f"{amount(need.peak_per_s)} × {amount(cpu_ms)} ms", amount(need.cores["router"])),
        (
            "router's processes",
            f"{amount(need.cores['router'])} ÷ {BUSY:.0%}, at least {LEAST_PROCESSES}",
            f"{need.processes['router']}",
        ),
        (
            "logs of a year",
            f"{messages:,} × 365 × {measured.kept_bytes:,.0f} bytes {copies}",
            size(messages * 365 * measured.kept_bytes * REPLICAS_OF_A_RECORD),
        ),
        (
            "mailbox",
            f"{messages:,} × {INBOUND_DAYS} days × {mailbox:,.0f} bytes {copies}",
            size(messages * INBOUND_DAYS * mailbox * REPLICAS_OF_A_RECORD),
        ),
        ("views", f"{held} × {measured.redis_bytes:,.0f} bytes", size(need.redis_bytes)),
        ("states of all engines", f"{held} × {measured.state_bytes:,.0f} bytes", size(need.state_bytes)),
    )
    return table(["what", "reckoned", "comes to"], rows)


def limits_table(measured: Measured) -> str:
    """Where the first things break."""
    partition_per_s = 1_000 * BUSY / max(measured.cpu_ms[s] for s in ENGINES)
    whole_ms = sum(measured.cpu_ms.values())
    state_bytes = ENGINE_MEMORY_BYTES * PARTITIONS * len(ENGINES)
    by_state = state_bytes / measured.state_bytes / VIEW_DAYS * MESSAGES_IN_A_CONVERSATION
    views_bytes = measured.redis_bytes * VIEW_DAYS / MESSAGES_IN_A_CONVERSATION * 1_000
    rows = (
        ("processor of a message, our services", f"{sum(measured.cpu_ms[s] for s in SERVICES):.1f} ms"),
        ("processor of a message, everything", f"{whole_ms:.1f} ms"),
        (f"messages/s of two cores that do everything, {BUSY:.0%} busy", amount(2_000 * BUSY / whole_ms)),
        ("messages/s of one partition, by its dearest engine", amount(partition_per_s)),
        ("the same a day", f"{partition_per_s * 3_600 / PEAK_SHARE:,.0f}"),
        ("views that a thousand messages a day hold", size(views_bytes)),
        (
            "messages a day with a standby of every partition in every process",
            f"{by_state / PARTITIONS:,.0f}",
        ),
        ("messages a day with a process for each partition and no standby", f"{by_state:,.0f}"),
        ("100,000 open conversations, four engines", size(100_000 * measured.open_bytes)),
    )
    return table(["limit", ""], rows)


def page(text: str, measured: Measured) -> str:
    """The page with its tables as they must be. Raises ValueError if one has no place."""
    tables = {
        "measured": measured_table(measured),
        "assumed": assumed_table(),
        "steps": steps_table(measured),
        "needs": needs_table([Need(measured, *one) for one in SIZES]),
        "limits": limits_table(measured),
    }
    for name, wanted in tables.items():
        before, found, rest = text.partition(f"<!-- {name} -->\n")
        _, closed, after = rest.partition("<!-- end -->")
        if not found or not closed:
            raise ValueError(f"{PAGE} has no place for the table {name}")
        text = f"{before}{found}{wanted}\n{closed}{after}"
    return text


def current() -> str:
    """docs/scaling.md as it must be."""
    return page(PAGE.read_text(), read(MEASURED))


def read(path: Path) -> Measured:
    """What was measured."""
    return Measured(**json.loads(path.read_text()))


def of_bench(printed: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The measurements of what `bench pipeline --json` printed; what it does not say stays as before."""
    result = printed["results"][0]
    whole, idle = result["whole"], result["idle_cpu_ms_a_s"]
    took_s = whole["messages"] / whole["messages_per_s"]
    cpu: dict[str, float] = {}
    rest: dict[str, float] = {}
    memory: dict[str, float] = {}
    for process, used_ms in whole["cpu_ms_a_message"].items():
        name = process.split("-")[0]
        if process in idle:
            own = max(0.0, used_ms - idle[process] * took_s / whole["messages"])
            cpu[name] = round(cpu.get(name, 0.0) + own, 2)
            rest[name] = round(rest.get(name, 0.0) + idle[process], 1)
            memory[name] = round(memory.get(name, 0.0) + result["memory_mb"][process], 1)
    measured = {"cpu_ms": cpu, "idle_ms_a_s": rest, "memory_mb": memory}
    sizes = {"bytes": whole["bytes_a_message"], "redis_bytes": whole["redis_bytes_a_message"]}
    return {**before, **measured, **sizes}


def main(arguments: list[str]) -> None:
    """Print."""
    parser = argparse.ArgumentParser(prog="python -m tools.scaling", description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--from", dest="bench", type=Path, help="print measurements, from a benchmark's output"
    )
    given = parser.parse_args(arguments)
    if given.bench:
        found = of_bench(json.loads(given.bench.read_text()), json.loads(MEASURED.read_text()))
        print(json.dumps(found, indent=2))
    else:
        print(current(), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
