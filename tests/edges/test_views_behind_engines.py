"""Views behind real engines: catching up after a crash, erasure, delays, `after`, what the process says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from services.runtime.clock import SystemClock
from services.runtime.edge import BACKLOG_MAX, Edge
from services.runtime.keys import MemoryKeys
from services.runtime.log_memory import MemoryLog
from services.runtime.views import MemoryStore
from services.runtime.views_sqlite import SqliteStore
from tests.edges.installation import installation


async def test_views_are_made_anew_from_the_logs(tmp_path: Path) -> None:
    """With the views lost, a start reads the logs from their beginning and shows the same again."""
    clock = SystemClock()
    log, keys = MemoryLog(clock), MemoryKeys()
    async with installation(SqliteStore(tmp_path / "one.db"), log, keys, clock) as made:
        await made.desk("ola")
        ids = await made.message()

        async def read() -> dict[str, Any]:
            return await made.only_conversation(ids["record_id"])

        before = await made.until(read, lambda doc: doc["state"] == "offered")
    async with installation(MemoryStore(), log, keys, clock) as made:
        after = (await made.call("GET", f"/v1/desks/rowery/conversations/{before['id']}")).json()
        assert after == before
    async with installation(SqliteStore(tmp_path / "one.db"), log, keys, clock) as made:
        again = await made.call("GET", f"/v1/desks/rowery/conversations/{before['id']}")
        assert again.json() == before


async def test_an_erased_customer_is_hidden_at_once_everywhere() -> None:
    """From the request on, no surface shows words, names or addresses; the rest of the history stands."""
    async with installation() as made:
        await made.desk("ola")
        doc = await made.only_conversation((await made.message())["record_id"])
        customer = doc["customer"]["id"]
        gone = await made.call("DELETE", f"/v1/desks/rowery/customers/{customer}")
        assert gone.status_code == 202
        for path in (f"conversations/{doc['id']}", f"customers/{customer}", "conversations"):
            shown = await made.call("GET", f"/v1/desks/rowery/{path}")
            assert shown.status_code == 200
            for words in ("paczka", "Jan", "jan@example.pl"):
                assert words not in shown.text, path
        whole = (await made.call("GET", f"/v1/desks/rowery/conversations/{doc['id']}")).json()
        assert [message["text"] for message in whole["messages"]] == [None]
        asked = await made.call(
            "POST", f"/v1/desks/rowery/conversations/{doc['id']}/replies", {"agent": "ola", "text": "x"}
        )
        assert asked.status_code == 409


async def test_a_delay_becomes_one_notice_and_shows_in_the_conversation() -> None:
    """A delayed shipment of a known order is one notice with words, and a delay of the conversation."""
    async with installation() as made:
        await made.desk("ola")
        order = {
            "order_id": "77/1",
            "customer": {"addresses": [{"channel": "chat", "address": "jan@example.pl"}], "name": "Jan"},
            "promised_at": "2030-01-10T10:00:00+01:00",
            "value": 129.99,
            "currency": "PLN",
            "items": [{"name": "dzwonek", "price": None}],
        }
        assert (await made.call("POST", "/v1/desks/rowery/orders", order)).status_code == 202
        ids = await made.message(order_id="77/1")
        late = {
            "shipment_id": "s1",
            "order_ids": ["77/1"],
            "carrier": "InPost",
            "status": "delayed",
            "estimated_at": "2030-01-12T10:00:00+01:00",
            "reason": "śnieg",
        }
        assert (await made.call("POST", "/v1/desks/rowery/shipments", late)).status_code == 202

        async def read() -> Any:
            return (await made.call("GET", "/v1/desks/rowery/notices?order_id=77/1")).json()["items"]

        [notice] = await made.until(read, lambda items: len(items) == 1)
        assert notice["kind"] == "delay"
        assert "77/1" in notice["text"]
        doc = await made.only_conversation(ids["record_id"])
        assert doc["delay"]["late_s"] == 2 * 86_400
        assert doc["delay"]["reason"] == "śnieg"
        [shown] = doc["orders"]
        assert (shown["value"], shown["currency"]) == ("129.99", "PLN")
        by_order = await made.call("GET", "/v1/desks/rowery/conversations?order_id=77/1")
        assert [one["id"] for one in by_order.json()["items"]] == [doc["id"]]


async def test_after_shows_what_was_just_acknowledged() -> None:
    """A read with `after` shows the record in every view, without the reader having to try again."""
    async with installation() as made:
        await made.desk()
        for number in range(5):
            body = {"from": {"address": f"k{number}@example.pl"}, "order_id": f"o{number}"}
            ids = await made.message(f"m{number}", **body)
            path = f"/v1/desks/rowery/conversations?channel=chat&limit=3&after={ids['record_id']}"
            [newest, *_] = (await made.call("GET", path)).json()["items"]
            assert newest["last_message_id"] == ids["message_id"]
            assert newest["state"] == "waiting"
            assert {target["kind"] for target in newest["targets"]} == {"first_response", "resolution"}


async def test_pages_cover_the_whole_list_once() -> None:
    """Following next_cursor gives every conversation exactly once."""
    async with installation() as made:
        await made.desk()
        for number in range(7):
            ids = await made.message(f"m{number}", **{"from": {"address": f"k{number}@example.pl"}})
        await made.call("GET", f"/v1/desks/rowery/conversations?after={ids['record_id']}")
        for query in ("", "state=waiting&", "channel=chat&"):
            seen: list[str] = []
            cursor: str | None = ""
            while cursor is not None:
                path = f"/v1/desks/rowery/conversations?{query}limit=3&cursor={cursor}"
                page = (await made.call("GET", path)).json()
                seen += [one["id"] for one in page["items"]]
                cursor = page["next_cursor"]
            assert len(seen) == len(set(seen)) == 7


async def test_the_process_tells_how_it_is() -> None:
    """livez, readyz, metrics and openapi.json answer without a key; the document describes hot routes."""
    async with installation() as made:
        await made.desk()
        await made.message()
        for path in ("/livez", "/readyz"):
            assert (await made.client.get(path)).status_code == 200
        metrics = (await made.client.get("/metrics")).text
        route = 'route="/v1/desks/{desk}/messages",status="202"'
        assert f'centrala_requests_total{{edge="http",{route}}} 1.0' in metrics
        assert 'route="/readyz"' not in metrics, "who watches would outweigh who is served"
        described = json.loads((await made.client.get("/openapi.json")).text)
        message = described["paths"]["/v1/desks/{desk}/messages"]["post"]
        schema = message["requestBody"]["content"]["application/json"]["schema"]
        assert {"channel", "account", "external_id", "from"} <= set(schema["required"])
        assert "$ref" not in json.dumps(schema)
        assert "/v1/desks/{desk}/offers/{offer}/accept" in described["paths"]


async def test_too_much_is_turned_away_before_anything_is_appended() -> None:
    """Over the bound of requests under way the answer is 503 with Retry-After, and nothing is stored."""
    async with installation() as made:
        await made.desk()
        end = await made.app.log.end("inbound", 0)
        made.app.fastapi.state.edge.in_flight = made.app.settings.requests_in_flight_max
        body = {"channel": "chat", "account": "www", "external_id": "m", "text": "x"}
        done = await made.call("POST", "/v1/desks/rowery/messages", {**body, "from": {"address": "a"}})
        assert done.status_code == 503
        assert int(done.headers["retry-after"]) >= 1
        assert await made.app.log.end("inbound", 0) == end


class FullLog(MemoryLog):
    """A log whose mailbox ends further on than it does."""

    ahead = 0

    async def end(self, topic: str, partition: int) -> int:
        """The end, and what is said to be there besides."""
        return await super().end(topic, partition) + (self.ahead if topic == "inbound" else 0)


async def test_a_full_mailbox_turns_every_door_away() -> None:
    """With too many undecided records, messages and webhooks get 503 and nothing is appended."""
    log = FullLog(SystemClock())
    async with installation(log=log) as made:
        await made.desk()
        await made.message()
        end = await log.end("inbound", 0)
        log.ahead = 2 * BACKLOG_MAX

        async def backlog() -> int:
            edge = Edge.of(made.app)
            return edge.following.backlog(0, edge.mailbox_ends.get(0, 0))

        await made.until(backlog, lambda left: left > BACKLOG_MAX)
        body = {"channel": "chat", "account": "www", "external_id": "m9", "text": "x"}
        for path in ("/v1/desks/rowery/messages", "/v1/webhooks/rowery/telegram/x"):
            done = await made.call("POST", path, {**body, "from": {"address": "a"}})
            assert (done.status_code, done.headers["retry-after"]) == (503, "1")
        log.ahead = 0
        assert await log.end("inbound", 0) == end
