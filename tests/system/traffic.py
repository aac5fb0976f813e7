"""A desk's busy hour for tests of restarts and of secrecy, and everything that can be read of it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tests.system.outside import NEWEST, Outside, desk_config

ORDER = "ZAM-1001"


class Busy(NamedTuple):
    """What came of it: the first record, an owned conversation, a key to read with."""

    record: str
    owned: str
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


async def busy_hour(outside: Outside, prefix: str = "t") -> Busy:
    """Messages, an order, a delay, offers accepted and declined, a reply, a note, an erasure, a key."""
    data = base64.b64encode(b"a receipt " * 50).decode()
    file = {"name": "paragon.txt", "media_type": "text/plain", "data": data}
    records, conversations = [], []
    for name in ("ewa", "piotr", "zofia", "marek"):
        text, sender = f"Gdzie jest moja paczka? {name}", person(f"{prefix}{name}")
        ids = await outside.message(f"{prefix}-{name}", text, sender, attachments=[file])
        listed = await outside.conversations(ids["record_id"])
        conversations += [one["id"] for one in listed if one["last_message_id"] == ids["message_id"]]
        records.append(ids["record_id"])
    first, second, third, last = conversations
    for one in (first, second):
        await answer(outside, one, prefix)
    declining = await outside.conversation(third, NEWEST)
    if declining["offer"]:
        path = f"offers/{declining['offer']['offer_id']}/decline"
        await outside.must("POST", path, {"agent": declining["offer"]["agent"]})
    owner = (await outside.conversation(second, NEWEST))["owner"]
    await outside.must("POST", f"conversations/{second}/notes", {"agent": owner, "text": "Oddzwonić."})
    await outside.must("POST", f"conversations/{second}/resolve", {"agent": owner, "reason": "ok"})
    await delay(outside, prefix)
    erased = (await outside.conversation(last))["customer"]["id"]
    await outside.must("DELETE", f"customers/{erased}")
    key = await outside.must("POST", "keys", {"scope": "read", "name": prefix})
    return Busy(records[0], first, key["key"])


async def answer(outside: Outside, conversation: str, prefix: str) -> None:
    """Whoever is offered the conversation takes it and answers."""
    offer = (await outside.conversation(conversation, NEWEST))["offer"]
    await outside.accept(offer["agent"], offer, idempotency=f"{prefix}-{conversation}")
    await outside.reply(offer["agent"], conversation, "Już sprawdzam.", promise_within="2h")


async def delay(outside: Outside, prefix: str) -> None:
    """An order of Ewa's, and a shipment that makes it late."""
    promised = datetime.now(UTC) + timedelta(days=1)
    customer = {"addresses": [{"channel": "chat", "address": f"{prefix}ewa@example.pl"}], "language": "pl"}
    order = {"order_id": f"{prefix}{ORDER}", "customer": customer, "promised_at": promised.isoformat()}
    await outside.must("POST", "orders", order)
    late = {"shipment_id": f"{prefix}-s1", "order_ids": [order["order_id"]], "status": "delayed"}
    estimated = (promised + timedelta(days=2)).isoformat()
    await outside.must("POST", "shipments", {**late, "estimated_at": estimated})


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
