"""A desk's busy hour for tests of restarts and of secrecy, and everything that can be read of it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tests.system.outside import NEWEST, Outside, desk_config

ORDER = "ZAM-1001"


class Busy(NamedTuple):
    """What came of it."""

    records: list[str]
    owned: str
    resolved: str
    erased: str
    key: str


def person(name: str) -> dict[str, str]:
    """Somebody's address and name."""
    return {"address": f"{name}@example.pl", "name": name.title()}


async def set_up(outside: Outside, agents: tuple[str, ...] = ("ola", "jan")) -> None:
    """A desk that is quiet all night and all day but for an hour, and agents who hold without a stream."""
    channels = [*desk_config()["channels"], {"channel": "allegro", "account": "shop"}]
    hour = datetime.now(UTC).hour
    quiet = f"{(hour + 8) % 24:02d}:00-{(hour + 6) % 24:02d}:00"
    await outside.desk(channels=channels, notices={"quiet": quiet, "delay": {"on": True, "tell_after": "1h"}})
    for agent in agents:
        await outside.know_agent(agent)
        online = {"state": "online", "ttl_s": 3600}
        await outside.must("PUT", f"agents/{agent}/presence", online)


async def busy_hour(outside: Outside, agent: str = "ola", prefix: str = "t") -> Busy:
    """Messages, an order, a delay, offers accepted and declined, a reply, a note, an erasure, a key."""
    records: list[str] = []

    async def write(name: str, text: str, **more: Any) -> Any:
        ids = await outside.message(f"{prefix}-{name}", text, person(f"{prefix}{name}"), **more)
        records.append(ids["record_id"])
        return ids

    data = base64.b64encode(b"a receipt " * 50).decode()
    file = {"name": "paragon.txt", "media_type": "text/plain", "data": data}
    conversations = []
    for name in ("ewa", "piotr", "zofia", "marek"):
        ids = await write(name, f"Gdzie jest moja paczka? {name}", attachments=[file])
        [found] = [
            one for one in await outside.conversations(ids["record_id"])
            if one["last_message_id"] == ids["message_id"]
        ]  # fmt: skip
        conversations.append(found["id"])
    first, second, third, last = conversations
    for one in (first, second):
        doc = await outside.conversation(one, NEWEST)
        agent = doc["offer"]["agent"]
        await outside.accept(agent, doc["offer"], idempotency=f"{prefix}-{one}")
        await outside.reply(agent, one, f"Już sprawdzam {one}.", promise_within="2h")
    declining = await outside.conversation(third, NEWEST)
    if declining["offer"]:
        path = f"offers/{declining['offer']['offer_id']}/decline"
        await outside.must("POST", path, {"agent": declining["offer"]["agent"]})
    owner = (await outside.conversation(second, NEWEST))["owner"]
    await outside.must("POST", f"conversations/{second}/notes", {"agent": owner, "text": "Oddzwonić."})
    await outside.must("POST", f"conversations/{second}/resolve", {"agent": owner, "reason": "ok"})
    promised = datetime.now(UTC) + timedelta(days=1)
    customer = {"addresses": [{"channel": "chat", "address": f"{prefix}ewa@example.pl"}], "language": "pl"}
    order = {"order_id": f"{prefix}{ORDER}", "customer": customer, "promised_at": promised.isoformat()}
    records.append((await outside.must("POST", "orders", order))["record_id"])
    late = {
        "shipment_id": f"{prefix}-s1",
        "order_ids": [order["order_id"]],
        "status": "delayed",
        "estimated_at": (promised + timedelta(days=2)).isoformat(),
    }
    records.append((await outside.must("POST", "shipments", late))["record_id"])
    erased = (await outside.conversation(last))["customer"]["id"]
    await outside.must("DELETE", f"customers/{erased}")
    key = await outside.must("POST", "keys", {"scope": "read", "name": prefix})
    return Busy(records, first, second, erased, key["key"])


async def everything(outside: Outside) -> dict[str, Any]:
    """All that can be read of the desk. What says how long ago something was is left out."""
    summaries = await outside.conversations(NEWEST)
    customers = sorted({one["customer"]["id"] for one in summaries})
    queues = await outside.must("GET", "queues")
    return {
        "desk": await outside.must("GET", "/v1/desks/rowery"),
        "keys": await outside.must("GET", "keys"),
        "agents": await outside.must("GET", "agents"),
        "summaries": summaries,
        "conversations": [await outside.conversation(one["id"]) for one in summaries],
        "explained": [await outside.must("GET", f"conversations/{one['id']}/explain") for one in summaries],
        "states": {
            state: [one["id"] for one in await outside.conversations(state=state)]
            for state in ("waiting", "offered", "owned", "resolved")
        },
        "customers": [await outside.must("GET", f"customers/{customer}") for customer in customers],
        "notices": await outside.notices(),
        "queues": [{k: v for k, v in queue.items() if k not in ("oldest_s", "wait")} for queue in queues],
    }
