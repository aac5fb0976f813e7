"""Nothing is taken and then lost: what is too large is refused, long orders lie in blobs, and who writes
while their erasure waits is heard."""

from __future__ import annotations

import json
from typing import Any

from proto.v1.content_pb2 import OrderContent
from proto.v1.envelope_pb2 import Sealed
from services.ingest.schemas import ORDERS_MAX
from services.kernel.limits import (
    CONFIGURATION_BYTES_MAX,
    CONTENT_BYTES_MAX,
    ERASURE_DELAY_MS,
    NAME_CHARS_MAX,
    RECORD_BYTES_MAX,
)
from services.runtime.clock import SystemClock
from services.runtime.documents import OrderView
from tests.edges.installation import DESK, installation

ORDERS = "/v1/desks/rowery/orders"


class Later(SystemClock):
    """The system's clock, put forward."""

    forward_ms = 0

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return super().now_ms() + self.forward_ms


async def test_an_order_with_long_items_is_kept_whole() -> None:
    """Items of nearly a megabyte are taken, shown as they came, and do not lie in the log."""
    items = [{"name": "dzwonek", "note": "x" * 10_000} for _ in range(90)]
    order = {
        "order_id": "77/1",
        "customer": {"addresses": [{"channel": "chat", "address": "jan@example.pl"}], "name": "Jan"},
        "items": items,
    }
    async with installation() as made:
        await made.desk("ola")
        done = await made.call("POST", ORDERS, order)
        assert done.status_code == 202, done.text
        ids = await made.message(order_id="77/1")
        doc = await made.only_conversation(ids["record_id"])
        [shown] = doc["orders"]
        assert json.loads(shown["items_json"]) == items
        view = made.views.peek(OrderView, "rowery/77/1")
        assert view is not None
        assert len(view.content) < CONTENT_BYTES_MAX
        content = await made.app.sealing.open(Sealed.FromString(view.content), OrderContent)
        assert content is not None
        assert (content.name, content.items_json) == ("Jan", "")


async def test_what_is_too_large_for_a_record_is_refused() -> None:
    """413 says how much it may be; nothing is appended."""
    async with installation() as made:
        await made.desk("ola")
        end = await made.app.log.end("inbound", 0)
        large = {**DESK, "name": "x" * CONFIGURATION_BYTES_MAX}
        done = await made.call("PUT", "/v1/desks/rowery", large)
        assert done.status_code == 413
        assert str(CONFIGURATION_BYTES_MAX) in done.json()["detail"]
        names = [chr(0x1F300 + n) * NAME_CHARS_MAX for n in range(ORDERS_MAX)]
        wide = {"shipment_id": "s", "order_ids": names, "status": "created"}
        done = await made.call("POST", "/v1/desks/rowery/shipments", wide)
        assert (done.status_code, str(RECORD_BYTES_MAX) in done.json()["detail"]) == (413, True)
        assert await made.app.log.end("inbound", 0) == end


async def test_who_writes_while_the_erasure_waits_is_heard() -> None:
    """A message within the five minutes opens another conversation; when the erasure is done its words are
    there and those of before are not."""
    clock = Later()
    async with installation(clock=clock) as made:
        await made.desk("ola")
        old = await made.only_conversation((await made.message())["record_id"])
        path = f"/v1/desks/rowery/customers/{old['customer']['id']}"
        assert (await made.call("DELETE", path)).status_code == 202
        ids = await made.message("m2", text="Jestem z powrotem")
        listed = await made.call("GET", f"/v1/desks/rowery/conversations?after={ids['record_id']}")
        [new] = [one["id"] for one in listed.json()["items"] if one["id"] != old["id"]]
        clock.forward_ms = ERASURE_DELAY_MS + 1_000

        async def customer() -> Any:
            return (await made.call("GET", path)).json()

        def words(found: Any) -> dict[str, list[str | None]]:
            return {c["id"]: [m["text"] for m in c["messages"]] for c in found["conversations"]}

        await made.until(customer, lambda found: bool(found["erased_at"]))
        # A read that overlaps the erasure's end may still hide what is new.
        found = await made.until(customer, lambda found: words(found) == {new: ["Jestem z powrotem"]})
        before = (await made.call("GET", f"/v1/desks/rowery/conversations/{old['id']}")).json()
        assert [message["text"] for message in before["messages"]] == [None]
        assert [one["address"] for one in found["identities"]] == ["jan@example.pl"]
        again = await made.message("m3", text="Halo?")
        shown = await made.call("GET", f"/v1/desks/rowery/conversations/{new}?after={again['record_id']}")
        assert [m["text"] for m in shown.json()["messages"]] == ["Jestem z powrotem", "Halo?"]
