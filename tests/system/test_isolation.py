"""One desk's things are never another's: every path with another desk's key or ids is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.system.outside import ADMIN, chat_message, desk_config
from tests.system.world import World, checked, start_embedded

OPEN = {"/livez", "/readyz", "/metrics", "/openapi.json", "/"}
"""What has no desk."""
WEBHOOK = "/v1/webhooks/{desk}/{channel}/{account}"
BODIES: dict[str, dict[str, Any]] = {
    "messages": chat_message("theirs"),
    "orders": {"order_id": "o", "customer": {"addresses": [{"channel": "chat", "address": "a"}]}},
    "shipments": {"shipment_id": "s", "order_ids": ["o"], "status": "delayed"},
    "keys": {"scope": "read"},
    "presence": {"state": "online"},
    "accept": {"agent": "kim"},
    "decline": {"agent": "kim"},
    "replies": {"agent": "kim", "text": "Cześć"},
    "resolve": {"agent": "kim"},
    "reopen": {"agent": "kim"},
    "transfer": {"agent": "kim", "to": {"agent": "kim"}},
    "priority": {"agent": "kim", "priority": 9},
    "notes": {"agent": "kim", "text": "x"},
}
"""A good body by the last word of the path; a desk's and an agent's own are told apart by their place."""


async def desk_of(world: World, desk: str, agent: str) -> dict[str, str]:
    """A desk with an agent and an offered conversation; all its ids, and an admin key of it."""
    await world.desk(desk)
    await world.know_agent(agent, desk)
    online = {"state": "online", "ttl_s": 3600}
    await world.must("PUT", f"/v1/desks/{desk}/agents/{agent}/presence", online)
    sent = chat_message("m1", f"Tajemnica {desk}", sender={"address": f"{desk}@example.pl"})
    ids = await world.must("POST", f"/v1/desks/{desk}/messages", sent)
    listed = await world.must("GET", f"/v1/desks/{desk}/conversations", params={"after": ids["record_id"]})
    [doc] = listed["items"]
    key = await world.must("POST", f"/v1/desks/{desk}/keys", {"scope": "admin", "name": "own"})
    return {
        "desk": desk,
        "agent": agent,
        "conversation": doc["id"],
        "message": doc["last_message_id"],
        "blob": "0" * 64,
        "customer": doc["customer"]["id"],
        "offer": doc["offer"]["offer_id"],
        "key": key["id"],
        "secret": key["key"],
        "record": ids["record_id"],
        "channel": "chat",
        "account": "www",
    }


def body_of(path: str) -> Any:
    """A good body for the path."""
    word = path.rpartition("/")[2]
    if word == "{desk}":
        return desk_config()
    return {"name": "x"} if word == "{agent}" else BODIES.get(word)


async def test_no_path_shows_or_changes_another_desk_s_things(tmp_path: Path) -> None:
    """Every operation of the OpenAPI document is refused with 403 for another desk's key, with 401 without
    one, and with 404 for another desk's ids under the own desk; nothing of the other desk changes."""
    async with start_embedded(tmp_path) as world:
        theirs, ours = await desk_of(world, "rowery", "ola"), await desk_of(world, "buty", "kim")
        before = await inventory(world, theirs)
        described = (await world.must("GET", "/openapi.json"))["paths"]
        operations = [
            (method.upper(), path)
            for path, found in described.items()
            if path not in OPEN
            for method in found
            if method in ("get", "post", "put", "patch", "delete")
        ]
        assert len(operations) >= 30
        for method, path in operations:
            where = path.format(**theirs)
            if path == WEBHOOK:
                continue
            stranger = await world.call(method, where, body_of(path), key=ours["secret"])
            assert stranger.status_code == 403, f"{method} {path}: {stranger.status_code} {stranger.text}"
            assert "Tajemnica" not in stranger.text
            nobody = await world.call(method, where, body_of(path), key="ck_wrong")
            assert nobody.status_code == 401, f"{method} {path}: {nobody.status_code}"
            named = [
                n
                for n in ("conversation", "customer", "offer", "key", "agent", "record")
                if f"{{{n}}}" in path
            ]
            if named and not (method == "PUT" and named == ["agent"]):
                mixed = path.format(**{**theirs, "desk": ours["desk"]})
                answer = await world.call(method, mixed, body_of(path), key=ours["secret"])
                assert answer.status_code == 404, f"{method} {mixed}: {answer.status_code} {answer.text}"
                shown = json.dumps(answer.json(), ensure_ascii=False)
                assert "Tajemnica" not in shown
                assert "ola" not in shown.replace(mixed, "")
        assert await inventory(world, theirs) == before
        await filters_stay_inside(world, theirs, ours)
    checked(tmp_path)


async def inventory(world: World, desk: dict[str, str]) -> Any:
    """What there is of a desk."""
    home = f"/v1/desks/{desk['desk']}"
    paths = (
        "",
        f"/conversations/{desk['conversation']}",
        "/keys",
        "/agents",
        f"/customers/{desk['customer']}",
    )
    return [await world.must("GET", home + path) for path in paths]


async def filters_stay_inside(world: World, theirs: dict[str, str], ours: dict[str, str]) -> None:
    """Filters by another desk's ids find nothing; a cursor of another desk leads nowhere else."""
    home = f"/v1/desks/{ours['desk']}"
    for name in ("customer", "agent"):
        listed = await world.must(
            "GET", f"{home}/conversations", params={name: theirs[name]}, key=ours["secret"]
        )
        assert listed["items"] == []
    notices = await world.must(
        "GET", f"{home}/notices", params={"customer": theirs["customer"]}, key=ours["secret"]
    )
    assert notices["items"] == []
    their_page = await world.must("GET", f"/v1/desks/{theirs['desk']}/conversations", params={"limit": 1})
    cursor = their_page["next_cursor"] or ""
    listed = await world.must("GET", f"{home}/conversations", params={"cursor": cursor}, key=ours["secret"])
    assert {one["desk"] for one in listed["items"]} <= {ours["desk"]}


async def test_the_same_ids_on_two_desks_are_two_things(tmp_path: Path) -> None:
    """The same address, external id, order and agent id on two desks are two customers, messages, orders
    and agents; an Idempotency-Key of one is unknown to the other."""
    async with start_embedded(tmp_path) as world:
        docs = []
        for desk in ("rowery", "buty"):
            await world.desk(desk)
            await world.know_agent("ola", desk)
            online = {"state": "online", "ttl_s": 3600}
            await world.must("PUT", f"/v1/desks/{desk}/agents/ola/presence", online)
            ids = await world.must("POST", f"/v1/desks/{desk}/messages", chat_message("m1", f"Do {desk}"))
            path = f"/v1/desks/{desk}/conversations"
            [doc] = (await world.must("GET", path, params={"after": ids["record_id"]}))["items"]
            accept = f"/v1/desks/{desk}/offers/{doc['offer']['offer_id']}/accept"
            accepted = await world.must("POST", accept, {"agent": "ola"}, idempotency="same")
            assert accepted["conversation_id"] == doc["id"]
            docs.append((ids["message_id"], ids["record_id"], doc["id"], doc["customer"]["id"]))
        assert all(mine != yours for mine, yours in zip(*docs, strict=True))
    checked(tmp_path)


async def test_a_deleted_key_is_refused_at_once(tmp_path: Path) -> None:
    """A key that was deleted opens nothing any more, and a scope opens only its own."""
    async with start_embedded(tmp_path) as world:
        ours = await desk_of(world, "buty", "kim")
        home = "/v1/desks/buty"
        assert (await world.call("GET", home, key=ours["secret"])).status_code == 200
        await world.must("DELETE", f"{home}/keys/{ours['key']}", key=ours["secret"])
        assert (await world.call("GET", home, key=ours["secret"])).status_code == 401
        only = await world.must("POST", f"{home}/keys", {"scope": "integration", "name": "erp"}, key=ADMIN)
        assert (await world.call("PUT", home, desk_config(), key=only["key"])).status_code == 403
